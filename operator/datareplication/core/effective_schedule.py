"""Which schedule is in effect, and since when its slots count: (old status, spec, now) -> `ScheduleStatus`. Pure.

It decides what a change, a suspension and a resumption do to past slots. `schedule.py` computes the slots.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from datareplication.core import concurrency, schedule, summary, times
from datareplication.core.run import Run
from datareplication.core.schedule import Decision
from datareplication.core.spec import ReplicationSpec
from datareplication.core.state import ReplicationStatus, ScheduleStatus, read_status
from datareplication.errors import SpecError


def decide(
    replication: Mapping[str, Any], spec: ReplicationSpec, old: ReplicationStatus, runs: tuple[Run, ...], now: datetime
) -> tuple[ScheduleStatus | None, Decision]:
    """Return the schedule in effect, and what it asks for now."""
    created = times.from_text(replication["metadata"]["creationTimestamp"])
    in_effect = scheduling_since(old, spec, created, now)
    if in_effect is None or spec.schedule is None:
        return in_effect, Decision()
    if spec.suspend:
        return in_effect, Decision(next=schedule.decide(spec.schedule, now, now).next)
    handled = max(filter(None, (in_effect.since, summary.last_slot(old, runs, now))))
    return in_effect, schedule.decide(concurrency.schedule_of(spec, spec.schedule), handled, now)


@dataclass(frozen=True)
class RestEnd:
    """The due slots that end a DataReplication's rest, and its spec."""

    spec: ReplicationSpec
    slots: tuple[datetime, ...]
    """Oldest first."""


def rest_end(replication: dict[str, Any], now: datetime) -> RestEnd | None:
    """Return the due slots that may begin at once; None where only a full reconcile can decide.

    Runs are not looked at: the status says that none is active.
    """
    if replication["metadata"].get("deletionTimestamp"):
        return None
    try:
        spec = schedule.spec_of(replication)
    except SpecError:
        return None
    old = read_status(ReplicationStatus, replication)
    _, decision = decide(replication, spec, old, (), now)
    slots = concurrency.turn(spec, (), decision.due, summary.last_runs(old, (), now).ended).slots
    return RestEnd(spec, slots) if slots and not old.active_runs and not decision.missed else None


def scheduling_since(
    old: ReplicationStatus, spec: ReplicationSpec, created: datetime, now: datetime
) -> ScheduleStatus | None:
    """Return the schedule in effect and since when its slots count.

    A new resource's slots count from its creation, those of a changed or added schedule from now. Those of a resumed
    schedule count from now too, unless it catches up: resuming must not run suspended slots. A `since` in the future
    comes from a wrong clock and is replaced by now.
    """
    wanted = spec.schedule
    if wanted is None:
        return None
    before = old.schedule
    edges = {"start_date": _whole(wanted.start_date), "end_date": _whole(wanted.end_date)}
    known: dict[str, Any] = {"cron": wanted.cron, "time_zone": wanted.time_zone, **edges}
    current = ScheduleStatus(**known, suspend=spec.suspend, since=now)
    if before is None:
        return current if old.observed_generation else current.having(since=created)
    is_changed = any(getattr(before, name) != value for name, value in known.items())
    is_resumed = before.suspend and not spec.suspend and not wanted.catchup
    is_kept = not is_changed and not is_resumed and times.is_believed(before.since, now)
    return current.having(since=before.since) if is_kept else current


def _whole(moment: datetime | None) -> datetime | None:
    """Cut fractions of a second, which a status cannot hold: such a startDate would look changed each time."""
    return moment.replace(microsecond=0) if moment else None


def after_missed(in_effect: ScheduleStatus | None, decision: Decision) -> ScheduleStatus | None:
    """Return the schedule in effect since after the missed slots, so that each slot is reported once."""
    if in_effect is None or decision.missed_until is None:
        return in_effect
    return in_effect.having(since=max(in_effect.since, decision.missed_until))
