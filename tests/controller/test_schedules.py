"""Schedules and policies over several slots, against an API server in memory: which runs there are, and what is said."""

from dataclasses import replace
from typing import Any

import pytest

from datareplication.controller.cluster import EVENT, REPLICATION, RUN, Kind, Object
from datareplication.core import moves
from support.fake_cluster import CrashError
from support.story import Act, Story, end, nothing, pause
from support.world import CORRUPT, DUMPED, LOADED, NAME, NAMESPACE, World, manual_run, spec

TARGETS = ("dev", "qa", "staging")


def hourly(schedule: Object | None = None, **more: Any) -> Object:
    """A spec whose schedule is hourly; `schedule` adds to it."""
    return spec(schedule={"cron": "@hourly", **(schedule or {})}, **more)


def run_of(hour: int, day: int = 1) -> str:
    return f"{NAME}-202603{day:02}{hour:02}00"


async def at(hour: int, minute: int = 0, *, world: World) -> None:
    """Move the clock to a time of 1 March 2026 and let the operator settle."""
    world.clock.moment = world.clock.moment.replace(hour=hour, minute=minute, second=1)
    await world.settle(passes=6)


async def started(spec_: Object) -> World:
    """A world at 12:00 whose operator has seen the resource."""
    world = World(spec_)
    await world.settle()
    return world


def change(world: World, **fields: Any) -> None:
    """Edit the spec, as `kubectl edit` does."""
    live = world.cluster.peek(REPLICATION, NAMESPACE, NAME)
    live["spec"] = {**live["spec"], **fields}
    live["metadata"]["generation"] += 1


async def succeed(world: World, name: str) -> None:
    world.finish(f"{name}-dump", DUMPED)
    await world.settle()
    for target in TARGETS:
        world.finish(f"{name}-load-{target}", LOADED)
    await world.settle()


async def fail(world: World, name: str) -> None:
    world.finish(f"{name}-dump", CORRUPT)
    await world.settle()


@pytest.mark.parametrize(
    "edge",
    [
        {edge: moment}
        for edge, moments in {
            "startDate": (
                "0001-01-01T00:00:00Z",
                "0001-01-01T00:00:00+05:00",
                "1969-12-31T23:59:59.5Z",
                "1970-01-01T00:00:00+01:00",
            ),
            "endDate": (
                "9999-12-31T23:59:59Z",
                "9999-12-31T23:59:59-05:00",
                "8999-12-31T23:59:59.5Z",
                "8999-12-31T23:59:59-01:00",
            ),
        }.items()
        for moment in moments
    ],
    ids=str,
)
async def test_a_schedule_whose_edge_is_out_of_all_time_runs_its_slots(edge: Object) -> None:
    world = await started(hourly(schedule=edge))
    since = world.status["schedule"]["since"]
    await at(12, 59, world=world)
    assert world.status["schedule"]["since"] == since, "it has not changed"
    await at(13, world=world)
    assert world.run_names == [run_of(13)]


async def test_catchup_runs_each_missed_slot_once_oldest_first_one_after_the_other() -> None:
    world = await started(hourly(schedule={"catchup": True}, history={"successful": 9}))
    await at(15, 10, world=world)
    order = []
    for _ in range(3):
        order.append(world.status["activeRuns"])
        await succeed(world, order[-1][0])
    assert order == [[run_of(13)], [run_of(14)], [run_of(15)]]
    assert world.run_names == [run_of(13), run_of(14), run_of(15)]
    interval = world.cluster.peek(RUN, NAMESPACE, run_of(14))["spec"]["dataInterval"]
    assert interval == {"start": "2026-03-01T13:00:00Z", "end": "2026-03-01T14:00:00Z"}


async def test_catchup_takes_the_latest_ten_and_says_that_there_were_more() -> None:
    world = await started(hourly(schedule={"catchup": True}))
    world.clock.advance(hours=15, minutes=1)
    await world.settle()
    assert world.run_names == [run_of(18)]
    status, reason, message = world.condition("TooManyMissed")
    assert (status, reason, message) == (
        "True",
        "TooManyMissed",
        "5 missed slots are not run; catchup runs the latest 10",
    )
    change(world, schedule={"cron": "@hourly"})
    await world.settle()
    assert "TooManyMissed" not in {c["type"] for c in world.status["conditions"]}, "nothing is caught up with any more"


async def test_catchup_under_allow_fills_max_active_runs_and_no_more() -> None:
    world = await started(hourly(schedule={"catchup": True}, concurrencyPolicy="Allow", maxActiveRuns=2))
    await at(16, 10, world=world)
    assert world.run_names == [run_of(13), run_of(14)]
    await succeed(world, run_of(13))
    assert run_of(15) in world.run_names
    assert run_of(16) not in world.run_names


async def test_resuming_fires_nothing_that_was_missed() -> None:
    world = await started(hourly(suspend=True))
    await at(15, 10, world=world)
    change(world, suspend=False)
    await world.settle()
    assert world.run_names == []
    await at(16, world=world)
    assert world.run_names == [run_of(16)]


async def test_resuming_with_catchup_fires_what_was_missed() -> None:
    world = await started(hourly(suspend=True, schedule={"catchup": True}))
    await at(14, 10, world=world)
    change(world, suspend=False)
    await world.settle()
    assert world.run_names == [run_of(13)]
    await succeed(world, run_of(13))
    assert world.run_names == [run_of(13), run_of(14)]


@pytest.mark.parametrize(
    ("sentence", "fields"),
    [
        ("another expression", {"cron": "30 * * * *"}),
        ("another zone", {"cron": "@hourly", "timeZone": "Asia/Kathmandu"}),
        ("an earlier start", {"cron": "@hourly", "startDate": "2026-01-01T00:00:00Z"}),
        ("a later end", {"cron": "@hourly", "endDate": "2026-04-01T00:00:00Z"}),
    ],
)
async def test_changed_schedule_takes_effect_at_once_and_never_fires_for_the_past(
    sentence: str, fields: Object
) -> None:
    world = await started(spec(schedule={"cron": "@hourly", "startDate": "2026-03-01T20:00:00Z"}))
    await at(15, 50, world=world)
    change(world, schedule=fields)
    await world.settle()
    assert world.run_names == [], sentence
    await at(17, 0, world=world)
    assert len(world.run_names) == 1, sentence


async def test_schedule_added_later_does_not_fire_for_the_time_without_one() -> None:
    world = await started(spec(schedule=None))
    await at(15, 10, world=world)
    change(world, schedule={"cron": "@hourly"})
    await world.settle()
    assert world.run_names == []
    assert world.status["nextScheduleTime"] == "2026-03-01T16:00:00Z"


async def test_after_the_end_date_the_phase_is_completed() -> None:
    world = await started(hourly(schedule={"endDate": "2026-03-01T13:30:00Z"}))
    await at(13, world=world)
    await succeed(world, run_of(13))
    await at(18, world=world)
    assert world.run_names == [run_of(13)]
    assert world.status["phase"] == "Completed"
    assert "nextScheduleTime" not in world.status
    assert world.condition("Ready")[:2] == ("True", "Completed")


async def test_forbid_holds_one_slot_back_and_says_for_what() -> None:
    world = await started(hourly())
    await at(13, world=world)
    await at(15, 10, world=world)
    assert world.run_names == [run_of(13)]
    text = f"the slot of 2026-03-01T15:00:00Z waits for {run_of(13)} (spec.concurrencyPolicy: Forbid)"
    assert world.condition("Held") == ("True", "Waiting", text)
    assert text in world.status["message"]
    await succeed(world, run_of(13))
    assert world.run_names == [run_of(13), run_of(15)]
    assert world.condition("Held")[0] == "False"


async def test_slot_that_waits_beyond_its_deadline_is_missed() -> None:
    world = await started(hourly(schedule={"startingDeadlineSeconds": 600}))
    await at(13, world=world)
    await at(14, 9, world=world)
    assert world.condition("Held")[0] == "True"
    await at(14, 11, world=world)
    assert world.condition("Held")[0] == "False"
    await succeed(world, run_of(13))
    assert world.run_names == [run_of(13)]
    missed = [event for event in world.cluster.of_kind(EVENT) if event["reason"] == "MissedSchedule"]
    assert len(missed) == 1
    assert "2026-03-01T14:00:00Z" in missed[0]["message"]


async def test_depends_on_past_waits_after_a_failure_until_a_run_by_hand_has_succeeded() -> None:
    world = await started(hourly(dependsOnPast=True))
    await at(13, world=world)
    await fail(world, run_of(13))
    await at(14, world=world)
    assert world.run_names == [run_of(13)]
    status, reason, message = world.condition("Held")
    assert (status, reason) == ("True", "DependsOnPast")
    assert f"run {run_of(13)} ended Failed; start a run by hand" in message
    held = [event for event in world.cluster.of_kind(EVENT) if event["reason"] == "Held"]
    assert len(held) == 1
    world.clock.advance(minutes=1)
    world.cluster.put(RUN, manual_run("mended"))
    await world.settle()
    await succeed(world, "mended")
    assert world.condition("Held")[0] == "False"
    assert world.run_names == ["mended", run_of(13), run_of(14)]


async def replacing() -> World:
    """A world under Replace whose first run loads when the second slot comes."""
    world = await started(hourly(concurrencyPolicy="Replace"))
    await at(13, world=world)
    world.finish(f"{run_of(13)}-dump", DUMPED)
    await world.settle()
    world.finish(f"{run_of(13)}-load-dev", LOADED)
    for target in ("qa", "staging"):
        world.jobs.start(world.job(f"{run_of(13)}-load-{target}"))
    await world.settle()
    await at(14, world=world)
    return world


async def test_replace_ends_the_jobs_of_the_run_and_begins_the_next_when_they_are_gone() -> None:
    world = await replacing()
    loads = {target: world.job(f"{run_of(13)}-load-{target}")["spec"].get("suspend") for target in TARGETS}
    assert loads == {"dev": None, "qa": True, "staging": True}
    assert f"{run_of(14)}-dump" not in world.job_names, "the pods of the old run still end"
    assert world.run_status(run_of(14))["message"] == moves.WAITS
    for target in ("qa", "staging"):
        world.jobs.take_away(world.job(f"{run_of(13)}-load-{target}"))
    await world.settle()
    old = world.run_status(run_of(13))
    assert (old["phase"], old["targetsSummary"]) == ("Replaced", "1/3")
    assert f"run {run_of(14)} took its place" in old["message"]
    assert {c["type"]: c["status"] for c in old["conditions"]} == {
        "Complete": "False",
        "Failed": "True",
        "Finished": "True",
        "Ready": "False",
        "Reconciling": "False",
        "Stalled": "True",
    }
    assert f"{run_of(14)}-dump" in world.job_names
    assert world.status["activeRuns"] == [run_of(14)]


async def test_replace_takes_the_latest_missed_slot_only_and_tells_the_others() -> None:
    world = await started(hourly(concurrencyPolicy="Replace", schedule={"catchup": True}))
    await at(16, 10, world=world)
    assert world.run_names == [run_of(16)]
    assert any("3 slots up to" in event["message"] for event in world.cluster.of_kind(EVENT))


async def test_allow_runs_side_by_side_but_loads_a_target_in_turn() -> None:
    world = await started(hourly(concurrencyPolicy="Allow", maxActiveRuns=2))
    await at(13, world=world)
    world.finish(f"{run_of(13)}-dump", DUMPED)
    await at(14, world=world)
    await at(15, world=world)
    assert world.run_names == [run_of(13), run_of(14)]
    world.finish(f"{run_of(14)}-dump", DUMPED)
    await world.settle()
    assert f"{run_of(14)}-load-dev" not in world.job_names
    waiting = world.run_status(run_of(14))["targets"][0]
    assert (waiting["phase"], waiting["message"]) == ("Waiting", f"waits until run {run_of(13)} has loaded it")
    world.finish(f"{run_of(13)}-load-dev", LOADED)
    await world.settle()
    assert f"{run_of(14)}-load-dev" in world.job_names
    assert f"{run_of(14)}-load-qa" not in world.job_names


async def test_each_target_tells_whether_it_is_fresh_and_until_when() -> None:
    world = await started(hourly(freshnessSeconds=7200))
    await at(13, world=world)
    world.finish(f"{run_of(13)}-dump", replace(DUMPED, snapshot_time="2026-03-01T13:00:01Z"))
    await world.settle()
    for target in TARGETS:
        world.finish(f"{run_of(13)}-load-{target}", CORRUPT if target == "qa" else LOADED)
    await world.settle()
    told = {t["name"]: (t["fresh"], t.get("freshUntil")) for t in world.status["targets"]}
    assert told == {
        "dev": (True, "2026-03-01T15:00:01Z"),
        "staging": (True, "2026-03-01T15:00:01Z"),
        "qa": (False, None),
    }
    change(world, suspend=True)
    await at(15, 1, world=world)
    assert {t["fresh"] for t in world.status["targets"]} == {False}
    change(world, schedule={"cron": "61 * * * *"})
    await world.settle()
    assert world.condition("Fresh")[0] == "False", "data grows old under an invalid spec as well"


async def with_crashes(world: World) -> None:
    for _ in range(3):
        try:
            await world.settle(passes=8)
        except CrashError:
            continue
        return


def replaced_then_done() -> Story:
    """A run, its replacement, and the end of the replacement."""
    old = [becomes(13), lambda world: world.jobs.start(world.job(f"{run_of(13)}-dump"))]
    new = [becomes(14), lambda world: world.jobs.take_away(world.job(f"{run_of(13)}-dump"))]
    loads = [f"{run_of(14)}-load-{target}" for target in TARGETS]
    return Story([nothing, *old, *new, end(DUMPED, f"{run_of(14)}-dump"), end(LOADED, *loads)], with_crashes)


def becomes(hour: int) -> Act:
    """Set the clock."""

    def act(world: World) -> None:
        world.clock.moment = world.clock.moment.replace(hour=hour, minute=0, second=1)

    return act


def writes_of(world: World) -> list[int]:
    """Return the numbers of the calls to come that write; a kill at a read is one after the write before it."""
    numbers: list[int] = []

    def note(verb: str, kind: Kind, _: str) -> None:
        if verb in ("create", "patch", "status", "delete") and kind != EVENT:
            numbers.append(world.cluster.calls)

    world.cluster.on_call = note
    return numbers


async def test_crash_after_any_write_while_a_run_is_replaced_changes_nothing() -> None:
    clean = World(hourly(concurrencyPolicy="Replace"))
    numbers = writes_of(clean)
    story = replaced_then_done()
    await story.tell(clean)
    expected = (clean.run_names, clean.job_names, clean.run_status(run_of(13))["phase"], clean.status["phase"])
    assert expected[2:] == ("Replaced", "Succeeded")
    for number in numbers:
        world = await story.killed("after", number)
        seen = (world.run_names, world.job_names, world.run_status(run_of(13))["phase"], world.status["phase"])
        assert seen == expected, f"killed after call {number}"


def catch_up() -> Story:
    """Miss three slots and run them all."""
    ends = [end(CORRUPT, f"{run_of(hour)}-dump") for hour in (13, 14, 15)]
    return Story([nothing, pause(hours=3, minutes=10), *ends], with_crashes)


async def test_crash_after_any_write_while_catching_up_runs_each_slot_once() -> None:
    clean = World(hourly(schedule={"catchup": True}))
    numbers = writes_of(clean)
    story = catch_up()
    await story.tell(clean)
    assert clean.run_names == [run_of(13), run_of(14), run_of(15)]
    for number in numbers:
        world = await story.killed("after", number)
        assert (world.run_names, world.job_names) == (clean.run_names, clean.job_names), f"killed after call {number}"


@pytest.mark.parametrize("changed", [{}, {"schedule": {"cron": "30 * * * *"}}], ids=["slots missed", "changed"])
async def test_a_clock_that_was_years_ahead_once_does_not_silence_the_schedule(changed: Object) -> None:
    world = await started(hourly(schedule={"startingDeadlineSeconds": 60}))
    right = world.clock.moment
    change(world, **changed)
    world.clock.moment = right.replace(year=2031, minute=10)
    await world.settle()
    world.clock.moment = right
    await world.settle()
    await at(13, 30 if changed else 0, world=world)
    assert len(world.run_names) == 1


async def test_many_runs_by_hand_wait_quietly() -> None:
    """With each that ended all that waited were written and told anew."""
    world = await started(spec(schedule=None))
    for number in range(6):
        world.cluster.put(RUN, manual_run(f"r{number}"))
    await world.settle()
    before = len(world.cluster.writes)
    await fail(world, "r0")
    told = [write for write in world.cluster.writes[before:] if write.startswith("status DataReplicationRun")]
    assert {write.rpartition(" ")[2] for write in told} == {"r0", "r1"}
    assert "RunWaiting" not in {event["reason"] for event in world.cluster.of_kind(EVENT)}
