"""Which schedule is in effect, and since when its slots count: (old status, spec, now) -> `ScheduleStatus`. Pure.

It owns what a change, a suspension and a resumption do to slots of the past. When a slot is, is `schedule.py`'s.
"""

from datetime import datetime
from typing import Any

from datareplication.core.schedule import Decision
from datareplication.core.spec import ReplicationSpec
from datareplication.core.state import ReplicationStatus, ScheduleStatus


def scheduling_since(
    old: ReplicationStatus, spec: ReplicationSpec, created: datetime, now: datetime
) -> ScheduleStatus | None:
    """Return the schedule in effect and since when its slots count.

    A new resource counts from its creation, a changed or added schedule from now. A resumed one counts from now too,
    unless it catches up: resuming must not fire what was suspended.
    """
    schedule = spec.schedule
    if schedule is None:
        return None
    before = old.schedule
    edges = {"start_date": _whole(schedule.start_date), "end_date": _whole(schedule.end_date)}
    known: dict[str, Any] = {"cron": schedule.cron, "time_zone": schedule.time_zone, **edges}
    current = ScheduleStatus(**known, suspend=spec.suspend, since=now)
    if before is None:
        return current if old.observed_generation else current.model_copy(update={"since": created})
    is_changed = any(getattr(before, name) != value for name, value in known.items())
    is_resumed = before.suspend and not spec.suspend and not schedule.catchup
    return current if is_changed or is_resumed else current.model_copy(update={"since": before.since})


def _whole(moment: datetime | None) -> datetime | None:
    """Cut what a status cannot tell, or a startDate with a fraction would be a changed schedule each time."""
    return moment.replace(microsecond=0) if moment else None


def after_missed(in_effect: ScheduleStatus | None, decision: Decision) -> ScheduleStatus | None:
    """Return the schedule in effect with missed slots behind it, so that each is told once."""
    if in_effect is None or decision.missed_until is None:
        return in_effect
    return in_effect.model_copy(update={"since": max(in_effect.since, decision.missed_until)})
