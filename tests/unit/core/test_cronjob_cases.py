"""The situations that the Kubernetes CronJob controller is tested with, as ours; `differs` says where and why we differ.

What a CronJob calls a Job is a run here, its schedule time a slot.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from datareplication.core import concurrency, effective_schedule, run, schedule, spec
from datareplication.core.run import Run
from datareplication.core.schedule import Decision
from datareplication.core.state import ReplicationStatus, RunNote, RunStatus, ScheduleStatus, read_status, to_raw
from support.samples import MINIMAL

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
LONG_AGO = MIDNIGHT - timedelta(days=6)
HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)


@dataclass(frozen=True)
class Case:
    """An hourly schedule, looked at `now` (a time after the slot of midnight).

    ran: the slot that a run was made of last. active: it still runs. runs: the slots that become runs. replaced: the
    active run is ended.
    """

    sentence: str
    now: timedelta
    policy: str = "Forbid"
    ran: timedelta | None = None
    active: bool = False
    suspend: bool = False
    deadline: int | None = None
    cron: str = "0 * * * *"
    zone: str = "Etc/UTC"
    created: timedelta = -10 * HOUR
    runs: tuple[timedelta, ...] = ()
    replaced: bool = False
    differs: str = ""


NOT_TIME, IS_TIME, JUST_AFTER = -MINUTE, timedelta(0), SECOND
DONE: dict[str, Any] = {"ran": -HOUR}
ACTIVE: dict[str, Any] = {"ran": -HOUR, "active": True}
OVERDUE: dict[str, Any] = {"ran": -10 * HOUR, "now": 10 * MINUTE}
CASES = [
    Case("never ran, not time, Forbid", NOT_TIME, created=-30 * MINUTE),
    Case("never ran, not time, Allow", NOT_TIME, "Allow", created=-30 * MINUTE),
    Case("never ran, not time, Replace", NOT_TIME, "Replace", created=-30 * MINUTE),
    Case("never ran, not time in its zone", IS_TIME, cron="0 9 * * *", zone="Asia/Seoul", created=-MINUTE, runs=(IS_TIME,)),
    Case("never ran, time passed in another zone", IS_TIME, cron="0 9 * * *", zone="Europe/Zurich", created=-MINUTE),
    Case("never ran, is time, Forbid", JUST_AFTER, created=-30 * MINUTE, runs=(IS_TIME,)),
    Case("never ran, is time, Allow", JUST_AFTER, "Allow", created=-30 * MINUTE, runs=(IS_TIME,)),
    Case("never ran, is time, Replace", JUST_AFTER, "Replace", created=-30 * MINUTE, runs=(IS_TIME,)),
    Case("never ran, is time to the second", IS_TIME, created=-30 * MINUTE, runs=(IS_TIME,)),
    Case("never ran, is time, suspended", JUST_AFTER, created=-30 * MINUTE, suspend=True),
    Case("never ran, is time, past the deadline", 11 * SECOND, created=-30 * MINUTE, deadline=10),
    Case("never ran, is time, not past the deadline", 9 * SECOND, created=-30 * MINUTE, deadline=10, runs=(IS_TIME,)),
    Case("never ran, created after the slot", JUST_AFTER, created=timedelta(0), runs=()),
    Case("ran and done, not time, Forbid", NOT_TIME, **DONE),
    Case("ran and done, not time, Allow", NOT_TIME, "Allow", **DONE),
    Case("ran and done, not time, Replace", NOT_TIME, "Replace", **DONE),
    Case("ran and done, is time, Forbid", JUST_AFTER, **DONE, runs=(IS_TIME,)),
    Case("ran and done, is time, Allow", JUST_AFTER, "Allow", **DONE, runs=(IS_TIME,)),
    Case("ran and done, is time, Replace", JUST_AFTER, "Replace", **DONE, runs=(IS_TIME,)),
    Case("ran and done, is time, suspended", JUST_AFTER, **DONE, suspend=True),
    Case("ran and done, is time, past the deadline", 11 * SECOND, **DONE, deadline=10),
    Case("ran and done, is time, not past the deadline", 9 * SECOND, **DONE, deadline=10, runs=(IS_TIME,)),
    Case("still active, not time, Forbid", NOT_TIME, **ACTIVE),
    Case("still active, not time, Allow", NOT_TIME, "Allow", **ACTIVE),
    Case("still active, not time, Replace", NOT_TIME, "Replace", **ACTIVE),
    Case("still active, is time, Forbid", JUST_AFTER, **ACTIVE),
    Case("still active, is time, Allow", JUST_AFTER, "Allow", **ACTIVE, runs=(IS_TIME,)),
    Case("still active, is time, Replace", JUST_AFTER, "Replace", **ACTIVE, runs=(IS_TIME,), replaced=True),
    Case("still active, is time, suspended", JUST_AFTER, **ACTIVE, suspend=True),
    Case("still active, is time, suspended, Replace", JUST_AFTER, "Replace", **ACTIVE, suspend=True),
    Case("still active, is time, past the deadline, Replace", 11 * SECOND, "Replace", **ACTIVE, deadline=10),
    Case("still active, is time, not past the deadline, Allow", 9 * SECOND, "Allow", **ACTIVE, deadline=10, runs=(IS_TIME,)),
    Case("long overdue, no deadline, Forbid", **OVERDUE, runs=(IS_TIME,)),
    Case("long overdue, no deadline, Allow", **OVERDUE, policy="Allow", runs=(IS_TIME,)),
    Case("long overdue, no deadline, Replace", **OVERDUE, policy="Replace", runs=(IS_TIME,)),
    Case("long overdue, past a short deadline", **OVERDUE, deadline=60),
    Case("long overdue, within a medium deadline", **OVERDUE, deadline=3600, runs=(IS_TIME,)),
    Case("long overdue, a deadline that reaches back over several slots", **OVERDUE, deadline=36_000, runs=(IS_TIME,)),
    Case("over a hundred missed, every minute", 10 * SECOND, cron="* * * * *", ran=-10 * HOUR, runs=(IS_TIME,),
         differs="a CronJob warns TooManyMissedTimes; here the Event MissedSchedule says at least how many"),
    Case("ran, then the clock was set back, Forbid", -90 * MINUTE, **DONE),
    Case("ran, then the clock was set back, Allow", -90 * MINUTE, "Allow", **DONE),
    Case("ran, then the clock was set back, Replace", -90 * MINUTE, "Replace", **DONE),
    Case("a slot in the spring gap", timedelta(days=27, hours=1, minutes=5), cron="30 2 * * *", zone="Europe/Zurich",
         ran=timedelta(days=26, hours=1, minutes=30), runs=(timedelta(days=27, hours=1),),
         differs="a CronJob passes the day over; here the slot comes right after the gap"),
    Case("a slot in the autumn overlap", timedelta(days=237, hours=1, minutes=45), cron="30 2 * * *", zone="Europe/Zurich",
         ran=timedelta(days=237, minutes=30), runs=(), differs="a CronJob may run it twice"),
]  # fmt: skip


def a_run(slot: datetime) -> Run:
    metadata = {"name": "active", "namespace": "data", "uid": "u", "creationTimestamp": "2026-03-01T00:00:00Z"}
    read = run.read({"metadata": metadata, "spec": {"replicationName": "r", "replication": MINIMAL}})
    status = read.status.having(start_time=slot)
    return replace(read, request=read.request.having(slot=slot), status=status)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.sentence)
def test_as_a_cronjob_would(case: Case) -> None:
    fields = {"cron": case.cron, "timeZone": case.zone, "startingDeadlineSeconds": case.deadline}
    more = {"concurrencyPolicy": case.policy, "suspend": case.suspend, "maxActiveRuns": 2}
    parsed = spec.parse(MINIMAL | more | {"schedule": fields})
    assert parsed.schedule is not None
    ran = MIDNIGHT + case.ran if case.ran is not None else None
    handled = max(filter(None, (ran, MIDNIGHT + case.created)))
    decision = schedule.decide(parsed.schedule, handled, MIDNIGHT + case.now)
    runs = (a_run(ran),) if case.active and ran else ()
    allowed = concurrency.turn(parsed, runs, () if case.suspend else decision.due, None)
    assert allowed.slots == tuple(MIDNIGHT + slot for slot in case.runs)
    made = tuple(replace(a_run(slot), name="next", status=RunStatus()) for slot in allowed.slots)
    assert bool(runs and concurrency.replaced_by(parsed, runs[0], (*runs, *made))) is case.replaced
    assert decision.next is None or decision.next > MIDNIGHT + case.now


def test_active_run_holds_the_slot_back_one_deep_until_its_deadline() -> None:
    """A CronJob's Forbid is a queue of one as well: the latest slot starts when the active run ends, within its time."""
    parsed = spec.parse(MINIMAL | {"schedule": {"cron": "0 * * * *", "startingDeadlineSeconds": 5400}})
    assert parsed.schedule is not None
    ended = RunNote(run="active", time=MIDNIGHT)
    for minutes, expected in ((10, MIDNIGHT), (70, MIDNIGHT + HOUR), (119, MIDNIGHT + HOUR)):
        decision = schedule.decide(parsed.schedule, MIDNIGHT - HOUR, MIDNIGHT + timedelta(minutes=minutes))
        assert concurrency.turn(parsed, (a_run(MIDNIGHT),), decision.due, None).held.reason == "Waiting"
        assert concurrency.turn(parsed, (), decision.due, ended).slots == (expected,)


def in_effect(status: ReplicationStatus, created: datetime, now: datetime, **changes: Any) -> ScheduleStatus:
    fields = {"cron": "@hourly", **{name: value for name, value in changes.items() if name != "suspend"}}
    parsed = spec.parse(MINIMAL | {"schedule": fields, "suspend": changes.get("suspend", False)})
    found = effective_schedule.scheduling_since(status, parsed, created, now)
    assert found is not None
    return found


SEEN = ReplicationStatus(
    observed_generation=1, schedule=ScheduleStatus(cron="@hourly", time_zone="Etc/UTC", since=LONG_AGO)
)
SUSPENDED = SEEN.having(schedule=ScheduleStatus(cron="@hourly", time_zone="Etc/UTC", suspend=True, since=LONG_AGO))
SINCE = [
    ("a new resource counts from its creation", ReplicationStatus(), {}, LONG_AGO - HOUR),
    ("one that was on demand counts from when it got a schedule", ReplicationStatus(observed_generation=1), {}, MIDNIGHT),
    ("nothing changed", SEEN, {}, LONG_AGO),
    ("another expression counts from now", SEEN, {"cron": "@daily"}, MIDNIGHT),
    ("another zone counts from now", SEEN, {"timeZone": "Europe/Zurich"}, MIDNIGHT),
    ("an earlier startDate does not fire for the past", SEEN, {"startDate": "2026-01-01T00:00:00Z"}, MIDNIGHT),
    ("a later endDate does not fire for the past", SEEN, {"endDate": "2027-01-01T00:00:00Z"}, MIDNIGHT),
    ("another deadline changes nothing of the past", SEEN, {"startingDeadlineSeconds": 60}, LONG_AGO),
    ("suspending changes nothing of the past", SEEN, {"suspend": True}, LONG_AGO),
    ("resuming counts from now", SUSPENDED, {}, MIDNIGHT),
    ("resuming with catchup counts from where it was suspended", SUSPENDED, {"catchup": True}, LONG_AGO),
]  # fmt: skip


@pytest.mark.parametrize(("sentence", "status", "changes", "since"), SINCE, ids=[row[0] for row in SINCE])
def test_since_when_slots_count(
    sentence: str, status: ReplicationStatus, changes: dict[str, Any], since: datetime
) -> None:
    """A CronJob fires the latest missed slot when it is resumed or its schedule is changed: here neither does."""
    assert in_effect(status, LONG_AGO - HOUR, MIDNIGHT, **changes).since == since, sentence


def test_start_date_with_a_fraction_of_a_second_is_not_a_change_each_time() -> None:
    start = {"startDate": "2026-01-01T00:00:00.5Z"}
    first = in_effect(ReplicationStatus(), LONG_AGO, MIDNIGHT, **start)
    written = to_raw(ReplicationStatus(observed_generation=1, schedule=first))
    kept = read_status(ReplicationStatus, {"status": written})
    assert in_effect(kept, LONG_AGO, MIDNIGHT + HOUR, **start).since == LONG_AGO


def test_schedule_changed_inside_an_overlap_does_not_fire_for_the_past() -> None:
    """02:15, the second time: the slot of 02:30 was an hour ago less a quarter, on the clock it seems to come."""
    now = datetime(2026, 10, 25, 1, 15, tzinfo=UTC)
    changed = spec.Schedule(cron="30 2 * * *", time_zone="Europe/Zurich")
    assert schedule.decide(changed, now, now + MINUTE) == Decision(next=datetime(2026, 10, 26, 1, 30, tzinfo=UTC))
