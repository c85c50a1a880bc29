"""What is notified, and that a kill at any moment loses and doubles nothing. The sinks themselves: `test_sinks.py`."""

from collections import Counter
from typing import Any

import pytest

from datareplication.controller.cluster import EVENT, REPLICATION, RUN
from support.fake_cluster import CrashError
from support.story import Story, end, nothing
from support.world import CORRUPT, DUMPED, LOADED, NAME, NAMESPACE, World, manual_run, spec

EVERY = [
    "Started",
    "Succeeded",
    "PartiallyFailed",
    "Failed",
    "Replaced",
    "Stale",
    "Fresh",
    "Stalled",
    "Accepted",
    "Missed",
]
OPS = {"name": "ops", "kind": "Webhook", "secretName": "ops"}
LINEAGE = {"name": "lineage", "kind": "OpenLineage", "secretName": "lineage"}
SLOT = "prod-fanout-202603020000"
TARGETS = ("dev", "staging", "qa")


def notifying(*events: str, sink: str = "ops", **more: Any) -> World:
    """A world whose DataReplication notifies one sink of these events, or of all but Recovered."""
    return World(spec(notifications=[{"sink": sink, "on": list(events) or EVERY}], **more), [OPS, LINEAGE])


def outbox(world: World) -> list[tuple[str, str, str]]:
    """Return event, sink and state of all that the status tells."""
    kept = world.status.get("notifications", {}).get("outbox", [])
    return [(one["event"], told["sink"], told["state"]) for one in kept for told in one["deliveries"]]


async def by_hand(world: World, name: str, *loads: Any, dump: Any = DUMPED) -> None:
    """Make a run and let it end; `loads` are the reports of its targets."""
    world.cluster.put(RUN, manual_run(name))
    await world.settle()
    world.finish(f"{name}-dump", dump)
    await world.settle()
    for target, report in zip(TARGETS, loads, strict=False):
        world.finish(f"{name}-load-{target}", report)
    await world.settle(passes=6)


def change(world: World, **fields: Any) -> None:
    """Replace top-level fields of the spec, as a user does."""
    replication = world.cluster.peek(REPLICATION, NAMESPACE, NAME)
    world.cluster.put(REPLICATION, {**replication, "spec": {**replication["spec"], **fields}})


def on_mars(number: int = 0) -> dict[str, str]:
    return {"cron": "@daily", "timeZone": f"Mars/{number}"}


async def test_nothing_is_told_and_kept_by_default() -> None:
    world = World(spec(), [OPS])
    await world.settle()
    await world.run_slot(SLOT, TARGETS)
    assert world.courier.sent == []
    assert "notifications" not in world.status
    assert "Notified" not in {one["type"] for one in world.status["conditions"]}


async def test_a_run_is_told_when_it_begins_and_when_it_ends() -> None:
    world = notifying()
    await world.settle()
    await world.run_slot(SLOT, TARGETS)
    assert world.courier.told == [f"Started {SLOT}", f"Succeeded {SLOT}", "Fresh"]
    assert {state for _, _, state in outbox(world)} == {"Delivered"}
    assert world.condition("Notified") == ("True", "Delivered", "")
    (ended,) = [one.notice for one in world.courier.sent if one.notice.event == "Succeeded"]
    assert [(target.name, target.phase, target.rows) for target in ended.targets] == [
        (name, "Succeeded", 30) for name in TARGETS
    ]


async def test_a_failure_is_told_with_its_reason_and_the_next_success_as_a_recovery() -> None:
    world = notifying("Failed", "PartiallyFailed", "Recovered", "Succeeded", schedule=None)
    await world.settle()
    await by_hand(world, "one", dump=CORRUPT)
    await by_hand(world, "two", LOADED, CORRUPT, LOADED)
    await by_hand(world, "three", LOADED, LOADED, LOADED)
    await by_hand(world, "four", LOADED, LOADED, LOADED)
    assert world.courier.told == ["Failed one", "PartiallyFailed two", "Recovered three", "Succeeded four"]
    failed, partly, *_ = [one.notice for one in world.courier.sent]
    assert (failed.reason, failed.message) == ("BadData", f"dump: {CORRUPT.message}")
    assert [(one.name, one.phase, one.message) for one in partly.targets if one.phase == "Failed"] == [
        ("staging", "Failed", CORRUPT.message)
    ]


async def test_who_asks_only_for_successes_is_told_a_recovery_as_one() -> None:
    world = notifying("Succeeded", schedule=None)
    await by_hand(world, "one", dump=CORRUPT)
    await by_hand(world, "two", LOADED, LOADED, LOADED)
    assert world.courier.told == ["Succeeded two"]


async def test_old_data_is_told_once_and_so_is_that_it_is_fresh_again() -> None:
    world = notifying("Stale", "Fresh", schedule=None, freshnessSeconds=3600)
    await by_hand(world, "one", LOADED, LOADED, LOADED)
    world.clock.advance(days=3)
    await world.settle()
    world.clock.advance(hours=1)
    await world.settle()
    assert world.courier.told == ["Fresh", "Stale"]
    assert world.courier.sent[-1].notice.message.startswith("data older than spec.freshnessSeconds: dev")


async def test_a_spec_that_is_refused_is_told_to_whom_it_still_names() -> None:
    world = notifying()
    await world.settle()
    change(world, schedule=on_mars())
    await world.settle()
    (told,) = [one.notice for one in world.courier.sent]
    assert (told.event, told.reason) == ("Stalled", "UnknownTimeZone")
    assert told.message.startswith("spec.schedule.timeZone: unknown time zone")
    change(world, schedule={"cron": "@daily"})
    await world.settle()
    assert world.courier.told == ["Stalled", "Accepted"]


async def test_an_entry_that_cannot_be_read_does_not_silence_the_others() -> None:
    world = notifying()
    await world.settle()
    change(world, notifications=[{"sink": "ops-2", "on": ["Doomsday"]}, {"sink": "ops", "on": EVERY}])
    await world.settle()
    assert world.courier.told == ["Stalled"]


async def test_missed_slots_are_told() -> None:
    world = notifying("Missed")
    await world.settle()
    world.make_due()
    world.clock.advance(days=3)
    await world.settle()
    (told,) = [one.notice for one in world.courier.sent]
    assert told.message == "3 slots up to 2026-03-04T00:00:00Z are not run: later slots came, or their deadline passed"


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_missed_slots_are_told_once_whenever_the_process_dies(moment: str) -> None:
    for number in range(1, 30):
        world = notifying("Missed")
        await world.settle()
        world.make_due()
        world.clock.advance(days=3)
        setattr(world.cluster, f"crash_{moment}", world.cluster.calls + number)
        await surviving(world)
        assert [one.notice.event for one in world.courier.sent] in (["Missed"], ["Missed"] * 2)
        assert len({one.notice.id for one in world.courier.sent}) == 1, f"killed {moment} call {number}"


async def surviving(world: World) -> None:
    """Settle; a killed process loses what it knew, and is started again."""
    for _ in range(3):
        try:
            await world.settle(passes=8)
        except CrashError:
            world.courier.die()
            continue
        return


def whole_story() -> Story:
    """A slot whose qa fails, then a run by hand that succeeds."""
    acts = [nothing, World.make_due, end(DUMPED, f"{SLOT}-dump"), end_loads_of_slot]
    by_hand = [make_run, end(DUMPED, "again-dump"), end(LOADED, *(f"again-load-{target}" for target in TARGETS))]
    return Story([*acts, *by_hand], surviving)


def end_loads_of_slot(world: World) -> None:
    for target, report in zip(TARGETS, (LOADED, LOADED, CORRUPT), strict=True):
        world.finish(f"{SLOT}-load-{target}", report)


def make_run(world: World) -> None:
    world.clock.advance(minutes=5)
    world.cluster.put(RUN, manual_run("again"))


STORY = [
    ("Fresh", ""),
    ("PartiallyFailed", SLOT),
    ("Started", "again"),
    ("Started", SLOT),
    ("Succeeded", "again"),
]


@pytest.mark.parametrize("first", [1, 2, 3, 4])
async def test_a_kill_at_any_call_loses_nothing_and_repeats_only_by_the_same_id(first: int) -> None:
    """A kill after one call is a kill before the next."""
    story = whole_story()
    clean = await story.tell(notifying())
    expected = {one.notice.id: (one.notice.event, one.notice.run) for one in clean.courier.sent}
    assert (sorted(expected.values()), len(clean.courier.sent)) == (STORY, len(STORY))
    for number in range(first, clean.cluster.calls + 1, 4):
        world = await story.killed("after", number)
        times = Counter(one.notice.id for one in world.courier.sent)
        told = {one.notice.id: (one.notice.event, one.notice.run) for one in world.courier.sent}
        assert sorted(told.values()) == STORY, f"killed after call {number}"
        assert set(times.values()) <= {1, 2}, f"killed after call {number}"
        assert {state for _, _, state in outbox(world)} == {"Delivered"}, f"killed after call {number}"


async def test_the_same_message_is_sent_after_a_kill() -> None:
    world = notifying("Succeeded")
    world.courier.is_down = True
    await world.settle()
    await world.run_slot(SLOT, TARGETS)
    first = [dict(one) for one in world.status["notifications"]["outbox"]]
    world.courier.die()
    world.courier.is_down = False
    world.clock.advance(hours=1)
    await world.settle(passes=6)
    assert [one.notice.id for one in world.courier.sent] == [one["id"] for one in first]


async def test_a_sink_that_is_down_delays_no_run_and_gets_all_when_it_is_back() -> None:
    world = notifying("Started", "Succeeded", history={"successful": 1})
    world.courier.is_down = True
    await world.settle()
    names = [f"prod-fanout-2026030{day}0000" for day in (2, 3, 4)]
    for name in names:
        await world.run_slot(name, TARGETS)
    assert world.run_names == names[-1:], "the history's limit holds"
    assert world.status["phase"] == "Succeeded"
    assert world.condition("Notified") == ("False", "NotDelivered", "sink 'ops': answered 503")
    world.courier.is_down = False
    await world.settle(passes=6)
    assert world.courier.told == [f"{event} {name}" for name in names for event in ("Started", "Succeeded")]
    assert world.courier.sent[1].notice.targets[0].rows == 30
    assert world.condition("Notified") == ("True", "Delivered", "")


async def test_what_ended_before_notifications_were_asked_for_is_not_told() -> None:
    world = World(spec(), [OPS])
    await world.settle()
    await world.run_slot(SLOT, TARGETS)
    world.make_due()
    await world.settle()
    change(world, notifications=[{"sink": "ops", "on": EVERY}])
    await world.settle()
    assert world.courier.told == []
    later = "prod-fanout-202603030000"
    world.finish(f"{later}-dump", CORRUPT)
    await world.settle(passes=6)
    assert world.courier.told == [f"Failed {later}"]


async def test_a_run_that_fails_as_its_replication_is_new_is_told() -> None:
    world = notifying("Failed")
    world.clock.advance(seconds=3)
    world.cluster.put(RUN, manual_run("now", targets=["nowhere"]))
    await world.settle()
    assert world.courier.told == ["Failed now"]


async def test_an_unknown_sink_is_told_and_harms_nothing() -> None:
    world = notifying("Succeeded", sink="nobody")
    await world.settle()
    await world.run_slot(SLOT, TARGETS)
    status, reason, message = world.condition("Notified")
    assert (status, reason) == ("False", "UnknownSink")
    assert "the operator has no sink 'nobody' (chart: notifications.sinks)" in message
    assert outbox(world) == [("Succeeded", "nobody", "Pending")], "a sink may be added within a day"
    world.clock.advance(days=1)
    await world.settle()
    assert ("Succeeded", "nobody", "GivenUp") in outbox(world)
    assert [one["reason"] for one in world.cluster.of_kind(EVENT)].count("NotDelivered") == 1
    assert world.status["phase"] != "Invalid"


async def test_a_sink_of_another_namespace_is_not_used() -> None:
    world = World(spec(notifications=[{"sink": "ops", "on": EVERY}]), [{**OPS, "namespaces": ["other"]}])
    await world.settle()
    await world.run_slot(SLOT, TARGETS)
    assert world.courier.sent == []
    assert world.condition("Notified")[:2] == ("False", "SinkNotAllowed")


async def test_what_nobody_asks_for_any_more_is_dropped() -> None:
    world = notifying("Succeeded")
    world.courier.is_down = True
    await world.settle()
    await world.run_slot(SLOT, TARGETS)
    change(world, notifications=[])
    await world.settle()
    assert "notifications" not in world.status
    assert "Notified" not in {one["type"] for one in world.status["conditions"]}


async def test_at_most_fifty_wait_and_the_oldest_are_given_up_aloud() -> None:
    world = notifying("Stalled", "Accepted")
    world.courier.is_down = True
    await world.settle()
    for number in range(30):
        change(world, schedule=on_mars(number))
        await world.settle()
        change(world, schedule={"cron": "@daily"})
        world.clock.advance(seconds=1)
        await world.settle()
    states = Counter(state for _, _, state in outbox(world))
    assert states == {"Pending": 50, "GivenUp": 10}
    notes = [one for one in world.cluster.of_kind(EVENT) if one["reason"] == "NotDelivered"]
    assert sum(one["count"] for one in notes) == 10
    text = world.metrics.text().decode()
    assert 'notifications_total{event="Stalled",result="GivenUp",sink="ops"} 5.0' in text


async def test_a_run_that_is_deleted_before_its_end_is_told_as_failed_and_what_follows_as_a_recovery() -> None:
    world = notifying("Started", "Failed", "Recovered", schedule=None)
    await world.settle()
    world.cluster.put(RUN, manual_run("one"))
    await world.settle()
    await world.cluster.delete(RUN, NAMESPACE, "one", world.cluster.peek(RUN, NAMESPACE, "one")["metadata"]["uid"])
    await world.settle(passes=6)
    assert world.courier.told == ["Started one", "Failed one"]
    gone = world.courier.sent[-1].notice
    assert (gone.reason, gone.message) == ("RunDeleted", "run one was deleted before its end was seen")
    assert gone.run_uid == world.courier.sent[0].notice.run_uid
    await by_hand(world, "two", LOADED, LOADED, LOADED)
    assert world.courier.told[2:] == ["Started two", "Recovered two"]


async def test_a_rollback_is_told_as_one() -> None:
    world = notifying("Started", "Succeeded", schedule=None)
    await by_hand(world, "one", LOADED, LOADED, LOADED)
    world.cluster.put(RUN, manual_run("back", action="Rollback"))
    await world.settle()
    assert [(one.notice.run, one.notice.action) for one in world.courier.sent] == [
        ("one", ""),
        ("one", ""),
        ("back", "Rollback"),
    ]


async def test_stale_data_is_told_though_another_target_has_never_been_loaded() -> None:
    world = notifying("Stale", schedule=None, freshnessSeconds=3600)
    await by_hand(world, "one", LOADED, LOADED, CORRUPT)
    world.clock.advance(days=3)
    await world.settle()
    assert world.courier.told == ["Stale"]
    assert world.courier.sent[-1].notice.message.endswith(": dev, staging; never loaded: qa")


async def test_lineage_is_told_of_runs_only() -> None:
    world = notifying(sink="lineage")
    await world.settle()
    await world.run_slot(SLOT, TARGETS)
    assert world.courier.told == [f"Started {SLOT}", f"Succeeded {SLOT}"]


async def test_another_run_of_the_same_name_is_told_as_well() -> None:
    """Somebody deletes a run and makes one that is refused at once, before the operator has looked again."""
    world = notifying("Failed", schedule=None)
    await world.settle()
    for _ in range(2):
        world.cluster.put(RUN, manual_run("one", targets=["nobody"]))
        await world.settle()
        world.cluster.remove(RUN, NAMESPACE, "one")
    assert world.courier.told == ["Failed one", "Failed one"]
    assert len({one.notice.id for one in world.courier.sent}) == 2
