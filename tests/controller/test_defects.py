"""What a run holds that nobody thought of ends that run alone: neither the schedule nor other runs wait for it."""

from typing import Any

import pytest

from datareplication.controller.cluster import RUN
from datareplication.core import paths
from datareplication.core.run import Run
from support.world import DUMPED, World, manual_run, spec

SLOT = "prod-fanout-202603020000"
INTERVAL = {"start": "2026-03-01T00:00:00Z", "end": "2026-03-02T00:00:00Z"}


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param({"slot": "0001-01-01T00:00:00+05:00"}, id="a slot before year 1"),
        pytest.param({"slot": "9999-12-31T23:59:59-05:00"}, id="a slot after year 9999"),
        pytest.param({"dataInterval": INTERVAL | {"start": "0001-01-01T00:00:00+05:00"}}, id="a start before year 1"),
        pytest.param({"dataInterval": INTERVAL | {"start": "0001-01-01T00:00:00Z"}}, id="a start in year 1"),
        pytest.param({"dataInterval": INTERVAL | {"end": "9999-12-31T23:59:59-01:00"}}, id="an end after year 9999"),
    ],
)
async def test_a_run_of_a_time_that_nobody_lives_in_fails_and_slots_run(odd: dict[str, Any]) -> None:
    world = World(spec())
    await world.settle()
    world.cluster.put(RUN, manual_run("bad", **odd))
    await world.settle()
    told = world.run_status("bad")
    assert (told["phase"], "between the years 1970 and 9000" in told["message"]) == ("Failed", True)
    world.make_due()
    await world.settle()
    assert world.job_names == [f"{SLOT}-dump"]


async def test_a_run_that_meets_a_defect_fails_alone_once_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(spec(schedule=None, concurrencyPolicy="Allow", maxActiveRuns=3, timeoutSeconds=600))
    await world.settle()
    for name in ("good", "z-bad"):
        world.cluster.put(RUN, manual_run(name))
    await world.settle()
    right = paths.placeholders

    def wrong(run: Run) -> dict[str, str]:
        if run.name == "z-bad":
            raise OverflowError("date value out of range")
        return right(run)

    monkeypatch.setattr(paths, "placeholders", wrong)
    world.finish("good-dump", DUMPED)
    await world.settle()
    assert "OverflowError: date value out of range" in world.run_status("z-bad")["message"]
    assert len(world.job_names) == 5, "the other run goes on"
    world.clock.advance(seconds=601)
    await world.settle()
    assert world.job("z-bad-dump")["spec"]["suspend"]
    assert world.run_status("z-bad")["phase"] == "Failed"


async def test_a_run_that_meets_a_defect_before_it_begins_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(_: Run) -> dict[str, str]:
        raise OverflowError("date value out of range")

    world = World(spec(schedule=None))
    await world.settle()
    world.cluster.put(RUN, manual_run("bad"))
    monkeypatch.setattr(paths, "placeholders", wrong)
    await world.settle()
    told = world.run_status("bad")
    assert (told["phase"], told["conditions"][1]["reason"]) == ("Failed", "OperatorDefect")
