"""Which slots are due: (schedule, what has been handled, now) -> `Decision`.

It owns the cron library, behind `slots_after` and `slot_before`. It refuses to know about runs: whether a due slot may
start now is `plan.py`'s question. The rules, and where they differ from the Kubernetes CronJob controller's:
at most the latest missed slot is run, or with `catchup` the latest ten, oldest first; a slot older than
`startingDeadlineSeconds` is missed; slots before the schedule took effect are never run.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from datareplication.core.spec import Schedule
from datareplication.errors import SpecError

PRESETS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
}

CATCHUP_LIMIT = 10
"""After an outage a backlog must not become a storm on production (cloudnative-pg#7623: 380 backups at once)."""

LOOK_BACK = 100
"""More missed slots than this are not counted one by one; the CronJob controller stops at the same number."""


@dataclass(frozen=True)
class Decision:
    """What a schedule asks for at one moment.

    due: slots to run, oldest first; missed: how many slots will never run, the last of them missed_until; next: the
    first slot in the future, None after `endDate` or when the expression names no further instant.
    """

    due: tuple[datetime, ...] = ()
    missed: int = 0
    missed_until: datetime | None = None
    next: datetime | None = None


def check(schedule: Schedule) -> None:
    """Raise SpecError when the expression is malformed or names no instant at all."""
    try:
        has_slot = next(slots_after(schedule, datetime(2024, 1, 1, tzinfo=UTC)), None) is not None
    except CronSimError as error:
        raise SpecError("spec.schedule.cron", f"{schedule.cron!r} cannot be read: {error}", reason="BadCron") from None
    if not has_slot:
        raise SpecError("spec.schedule.cron", f"{schedule.cron!r} names a date that never comes", reason="BadCron")


def decide(schedule: Schedule, since: datetime, now: datetime) -> Decision:
    """Return what is due after `since`, the later of the last slot handled and the moment the schedule took effect."""
    start = max(since, schedule.start_date - timedelta(seconds=1)) if schedule.start_date else since
    passed = [slot for slot in _slots_between(schedule, start, now) if not _is_over(schedule, slot)]
    in_time = [slot for slot in passed if not _is_too_late(schedule, slot, now)]
    due = tuple(in_time[-CATCHUP_LIMIT:] if schedule.catchup else in_time[-1:])
    missed = [slot for slot in passed if slot not in due]
    upcoming = next(slots_after(schedule, max(now, start)), None)
    is_over = upcoming is None or _is_over(schedule, upcoming)
    return Decision(due, len(missed), max(missed, default=None), None if is_over else upcoming)


def data_interval(schedule: Schedule, slot: datetime) -> tuple[datetime, datetime]:
    """Return [previous slot, slot); the previous slot is the schedule's own, also when no run was made of it."""
    return slot_before(schedule, slot) or slot, slot


def slots_after(schedule: Schedule, moment: datetime) -> Iterator[datetime]:
    """Yield every slot later than `moment`, in UTC."""
    for slot in CronSim(_expression(schedule), moment.astimezone(ZoneInfo(schedule.time_zone))):
        yield slot.astimezone(UTC)


def slot_before(schedule: Schedule, moment: datetime) -> datetime | None:
    """Return the last slot earlier than `moment`, in UTC."""
    begin = min(islice(_slots_back(schedule, moment), 2), default=moment) - timedelta(seconds=1)
    return max(takewhile(lambda slot: slot < moment, slots_after(schedule, begin)), default=None)


def _expression(schedule: Schedule) -> str:
    return PRESETS.get(schedule.cron, schedule.cron)


def _slots_between(schedule: Schedule, start: datetime, end: datetime) -> list[datetime]:
    """Return the last slots after `start` and up to `end`, oldest first, at most LOOK_BACK.

    Stepping forward is the truth; stepping back only finds where to begin: the two differ in Australia/Lord_Howe (its
    clock moves by 30 minutes), with steps of hours or minutes.
    """
    back = takewhile(lambda slot: slot > start, _slots_back(schedule, end + timedelta(seconds=1)))
    begin = min(islice(back, LOOK_BACK), default=start + timedelta(seconds=1)) - timedelta(seconds=1)
    return list(takewhile(lambda slot: slot <= end, slots_after(schedule, begin)))[-LOOK_BACK:]


def _slots_back(schedule: Schedule, moment: datetime) -> Iterator[datetime]:
    local = moment.astimezone(ZoneInfo(schedule.time_zone))
    return (slot.astimezone(UTC) for slot in CronSim(_expression(schedule), local, reverse=True))


def _is_over(schedule: Schedule, slot: datetime) -> bool:
    return schedule.end_date is not None and slot > schedule.end_date


def _is_too_late(schedule: Schedule, slot: datetime, now: datetime) -> bool:
    deadline = schedule.starting_deadline_seconds
    return deadline is not None and now - slot > timedelta(seconds=deadline)
