"""Which slots are due: (schedule, what has been handled, now) -> `Decision`.

Only this module uses the cron library, behind `slots_after` and `slot_before`. It does not know about runs:
`concurrency.py` decides whether a due slot may start now. The rules, and where they differ from the Kubernetes CronJob
controller's: at most the latest missed slot is run, or with `catchup` the latest ten, oldest first; a slot older than
`startingDeadlineSeconds` is missed; slots before the schedule took effect are never run. An expression that names
hours follows the wall clock, once on every local day; an expression for every hour follows elapsed time.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import takewhile
from typing import Any
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from datareplication.core.spec import ReplicationSpec, Schedule, parse
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

GIVE_UP = timedelta(days=50 * 366)
"""How far back the previous slot is searched; the library searches as far ahead."""


@dataclass(frozen=True)
class Decision:
    """What a schedule asks for at one moment."""

    due: tuple[datetime, ...] = ()
    """Slots to run, oldest first."""
    missed: int = 0
    """How many slots will never run."""
    missed_until: datetime | None = None
    """The last of the missed slots."""
    next: datetime | None = None
    """The first slot in the future; None after `endDate` or when the expression names no further instant."""


def spec_of(replication: Mapping[str, Any]) -> ReplicationSpec:
    """Return the spec of a DataReplication; SpecError when it cannot be carried out."""
    parsed = parse(replication.get("spec"))
    if parsed.schedule is not None:
        check(parsed.schedule)
    return parsed


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
    begins = schedule.start_date
    start = begins - timedelta(seconds=1) if begins and begins > since else since
    passed = _last_slots(schedule, start, min(now, schedule.end_date or now), LOOK_BACK)
    in_time = [slot for slot in passed if not _is_too_late(schedule, slot, now)]
    due = tuple(in_time[-CATCHUP_LIMIT:] if schedule.catchup else in_time[-1:])
    missed = [slot for slot in passed if slot not in due]
    upcoming = next(slots_after(schedule, max(now, start)), None)
    is_over = upcoming is None or _is_over(schedule, upcoming)
    return Decision(due, len(missed), max(missed, default=None), None if is_over else upcoming)


def data_interval(schedule: Schedule, slot: datetime) -> tuple[datetime, datetime]:
    """Return [previous slot, slot); the previous slot is the schedule's own, even if no run was made for it."""
    return slot_before(schedule, slot) or slot, slot


def interval_by_hand(schedule: Schedule | None, created: datetime) -> tuple[datetime, datetime]:
    """Return the data interval of a run made by hand: from the slot before its creation, if any, to its creation."""
    return (slot_before(schedule, created) if schedule else None) or created, created


def has_slot(schedule: Schedule, moment: datetime) -> bool:
    """Whether a moment is a slot between startDate and endDate."""
    is_within = (schedule.start_date or moment) <= moment <= (schedule.end_date or moment)
    return is_within and next(slots_after(schedule, moment - timedelta(microseconds=1)), None) == moment


def slots_after(schedule: Schedule, moment: datetime) -> Iterator[datetime]:
    """Yield every slot later than `moment`, oldest first, in UTC; none after the year 9999."""
    expression, follows_wall = _read(schedule.cron)
    with contextlib.suppress(OverflowError):
        local = moment.astimezone(ZoneInfo(schedule.time_zone))
        slots = _on_the_wall(expression, local) if follows_wall else CronSim(expression, local)
        last = moment
        for slot in slots:
            if slot is not None and (instant := slot.astimezone(UTC)) > last:
                last = instant
                yield instant


def slot_before(schedule: Schedule, moment: datetime) -> datetime | None:
    """Return the last slot earlier than `moment`, in UTC."""
    just_before = moment - timedelta(microseconds=1)
    return next(iter(_last_slots(schedule, moment - GIVE_UP, just_before, count=1)), None)


@lru_cache(maxsize=1024)
def _read(cron: str) -> tuple[str, bool]:
    """Return an expression for the library, and whether it follows the wall clock, as one does that names hours."""
    expression = PRESETS.get(cron, cron)
    is_every_hour = CronSim(expression, datetime(2024, 1, 1)).hours == set(range(24))  # noqa: DTZ001 - none is needed
    minute, _, *days = expression.split()
    return (" ".join((minute, "*", *days)), False) if is_every_hour else (expression, True)


def _on_the_wall(expression: str, local: datetime) -> Iterator[datetime | None]:
    """Yield slots in the order of the wall clock; None for a slot on a day that the time zone leaves out."""
    zone = local.tzinfo
    for wall in CronSim(expression, local.replace(tzinfo=None, fold=0)):
        yield _placed(wall.replace(tzinfo=zone))


def _placed(wall: datetime) -> datetime | None:
    """Return the moment of a wall-clock time: in an overlap the first one, in a gap the minute after the gap.

    A gap at the end of a day (America/Nuuk) would push the slot into the next day, which has a slot of its own: then
    the minute before the gap is used. None when the whole day is in the gap (Pacific/Apia, 2011-12-30).
    """
    if _exists(wall):
        return wall
    for step in (timedelta(minutes=1), timedelta(minutes=-1)):
        moved = wall
        while moved.date() == wall.date():
            moved += step
            if _exists(moved) and moved.date() == wall.date():
                return moved
    return None


def _exists(wall: datetime) -> bool:
    return wall.astimezone(UTC).astimezone(wall.tzinfo).replace(tzinfo=None) == wall.replace(tzinfo=None)


def _last_slots(schedule: Schedule, start: datetime, end: datetime, count: int) -> list[datetime]:
    """Return the last `count` slots after `start` and up to `end`, oldest first.

    It iterates forward only, beginning further and further back: where a clock is changed, the library finds other
    slots backward than forward.
    """
    span = timedelta(hours=1)
    while True:
        begin = max(start, end - span)
        slots = list(takewhile(lambda slot: slot <= end, slots_after(schedule, begin)))
        if len(slots) >= count or begin == start:
            return slots[-count:]
        span *= 4


def _is_over(schedule: Schedule, slot: datetime) -> bool:
    return schedule.end_date is not None and slot > schedule.end_date


def _is_too_late(schedule: Schedule, slot: datetime, now: datetime) -> bool:
    deadline = schedule.starting_deadline_seconds
    return deadline is not None and now - slot > timedelta(seconds=deadline)
