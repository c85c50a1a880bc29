"""A run whose status an operator of another version has written is neither carried out again nor told anew."""

from typing import Any

import pytest

from datareplication.controller.cluster import JOB, REPLICATION, RUN
from support.world import DUMPED, LOADED, NAME, NAMESPACE, World, manual_run, spec

TARGETS = ("dev", "staging", "qa")
SLOT, NEXT = "prod-fanout-202603020000", "prod-fanout-202603030000"


async def rolled_back(**more: Any) -> World:
    """A world with a rollback that has ended, whose Jobs are gone."""
    world = World(spec(**more))
    await world.settle()
    world.cluster.put(RUN, manual_run("undo", action="Rollback"))
    await world.settle()
    for target in TARGETS:
        world.finish(f"undo-load-{target}", LOADED)
    await world.settle()
    for target in TARGETS:
        world.cluster.remove(JOB, NAMESPACE, f"undo-load-{target}")
    return world


def says(world: World, run: str, **more: Any) -> dict[str, Any]:
    status: dict[str, Any] = world.cluster.peek(RUN, NAMESPACE, run)["status"]
    status |= more
    return dict(status)


@pytest.mark.parametrize(
    "newer",
    [
        {"phase": "SucceededWithWarnings"},
        {"targets": [{"name": "dev", "phase": "Verified"}]},
        {"completionTime": "a moment ago"},
        {"phase": 7, "targets": "all"},
    ],
    ids=str,
)
@pytest.mark.parametrize("is_valid", [True, False], ids=["the spec is valid", "the spec is invalid"])
async def test_a_finished_rollback_is_not_carried_out_again(newer: dict[str, Any], *, is_valid: bool) -> None:
    world = await rolled_back(schedule=None)
    told = says(world, "undo", **newer)
    if not is_valid:
        world.cluster.peek(REPLICATION, NAMESPACE, NAME)["spec"]["schedule"] = {"cron": "no"}
    await world.settle()
    assert (world.job_names, world.run_status("undo")) == ([], told)


async def test_a_finished_one_holds_up_no_slot_and_is_no_failure() -> None:
    world = await rolled_back(dependsOnPast=True)
    says(world, "undo", phase="SucceededWithWarnings")
    world.make_due()
    await world.settle()
    assert world.job_names == [f"{SLOT}-dump"]
    assert "lastFailure" not in world.status


async def test_a_slot_waits_for_one_that_has_not_ended_and_the_status_says_so() -> None:
    world = World(spec())
    await world.settle()
    world.make_due()
    await world.settle()
    says(world, SLOT, phase="Verifying")
    world.make_due()
    await world.settle()
    assert world.run_names == [SLOT]
    assert SLOT in world.condition("Held")[2]
    assert f"run {SLOT} is left alone" in world.status["message"]


async def test_a_resource_whose_status_says_something_new_runs_no_slot_again() -> None:
    world = World(spec())
    await world.settle()
    await world.run_slot(SLOT, TARGETS)
    world.cluster.remove(RUN, NAMESPACE, SLOT)
    world.cluster.peek(REPLICATION, NAMESPACE, NAME)["status"] |= {"phase": "Resting"}
    await world.settle()
    assert world.run_names == []
    assert world.status["targets"][0]["dataTime"] == DUMPED.snapshot_time
