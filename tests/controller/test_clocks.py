"""Nodes have clocks of their own: one that is ahead hides nothing that comes later."""

from dataclasses import replace
from datetime import timedelta

from datareplication.controller.cluster import RUN
from datareplication.core import times
from datareplication.core.report import Report
from support.world import CORRUPT, DUMPED, LOADED, World, manual_run, spec

SLOT, NEXT = "prod-fanout-202603020000", "prod-fanout-202603030000"
TARGETS = ("dev", "staging", "qa")
LATER = "2026-03-03T00:00:01Z"


def finish_ahead(world: World, job: str, report: Report, ahead: timedelta) -> None:
    """End a Job by a clock that is ahead."""
    right = world.clock.moment
    world.jobs.start(world.job(job))
    world.clock.moment = right + ahead
    world.jobs.end(world.job(job), report, exit_code=report.exit_code, is_final=report.exit_code not in (0, 75))
    world.clock.moment = right


async def test_loads_that_ended_tomorrow_do_not_hide_those_of_the_next_run() -> None:
    world = World(spec())
    await world.settle()
    world.make_due()
    await world.settle()
    world.finish(f"{SLOT}-dump", DUMPED)
    await world.settle()
    for target in TARGETS:
        finish_ahead(world, f"{SLOT}-load-{target}", LOADED, timedelta(hours=30))
    await world.settle()
    assert world.run_status(SLOT)["completionTime"] == times.to_text(world.clock())
    world.make_due()
    await world.settle()
    world.finish(f"{NEXT}-dump", replace(DUMPED, snapshot_time=LATER))
    await world.settle()
    world.finish(f"{NEXT}-load-dev", LOADED)
    world.finish(f"{NEXT}-load-staging", LOADED)
    world.finish(f"{NEXT}-load-qa", CORRUPT)
    await world.settle()
    told = [(one["run"], one["phase"], one["dataTime"] == LATER) for one in world.status["targets"]]
    assert told == [(NEXT, "Succeeded", True), (NEXT, "Succeeded", True), (NEXT, "Failed", False)]
    assert world.condition("LastRunSucceeded")[0] == "False"


async def test_loads_that_ended_yesterday_are_not_hidden_by_those_of_the_run_before() -> None:
    world = World(spec())
    await world.settle()
    for slot, ahead in ((SLOT, timedelta(0)), (NEXT, timedelta(hours=-30))):
        world.make_due()
        await world.settle()
        world.finish(f"{slot}-dump", replace(DUMPED, snapshot_time=LATER if slot == NEXT else DUMPED.snapshot_time))
        await world.settle()
        for target in TARGETS:
            finish_ahead(world, f"{slot}-load-{target}", LOADED, ahead)
        await world.settle()
    assert [(one["run"], one["dataTime"]) for one in world.status["targets"]] == [(NEXT, LATER)] * 3


async def test_a_failure_of_next_month_does_not_hold_slots_after_a_success() -> None:
    world = World(spec(dependsOnPast=True))
    await world.settle()
    world.make_due()
    await world.settle()
    finish_ahead(world, f"{SLOT}-dump", CORRUPT, timedelta(days=30))
    await world.settle()
    world.clock.advance(minutes=1)
    world.cluster.put(RUN, manual_run("now"))
    await world.settle()
    world.finish("now-dump", DUMPED)
    await world.settle()
    for target in TARGETS:
        world.finish(f"now-load-{target}", LOADED)
    await world.settle()
    assert world.condition("LastRunSucceeded")[0] == "True"
    world.make_due()
    await world.settle()
    assert NEXT in world.run_names


async def test_a_failed_attempt_of_tomorrow_is_recorded_once() -> None:
    """Its time is when it was first seen, and it is tried again after the delay, not tomorrow."""
    world = World(spec(schedule=None))
    await world.settle()
    world.cluster.put(RUN, manual_run("now"))
    await world.settle()
    finish_ahead(world, "now-dump", replace(CORRUPT, reason="Transient", exit_code=75), timedelta(hours=30))
    await world.settle()
    before, writes = world.run_status("now"), len(world.cluster.writes)
    assert before["dump"]["retryTime"] == times.to_text(world.clock() + timedelta(seconds=300))
    world.clock.advance(seconds=60)
    await world.settle()
    assert (world.run_status("now"), len(world.cluster.writes)) == (before, writes)
