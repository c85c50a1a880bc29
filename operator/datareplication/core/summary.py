"""The status of a DataReplication: (old status, spec, runs, decision, now) -> new status. Pure.

`carried.py` says what each target holds.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from datareplication.core import carried, times
from datareplication.core.phases import ReplicationPhase
from datareplication.core.pods import Why
from datareplication.core.reasons import Reason, Word
from datareplication.core.run import Run
from datareplication.core.schedule import CATCHUP_LIMIT, Decision
from datareplication.core.spec import ReplicationSpec
from datareplication.core.state import (
    NOT_GROWN,
    Condition,
    ReplicationStatus,
    RunNote,
    ScheduleStatus,
    TargetStatus,
    with_conditions,
)
from datareplication.errors import SpecError


def invalid(
    old: ReplicationStatus, generation: int, error: SpecError, runs: Iterable[Run], now: datetime
) -> ReplicationStatus:
    """Return the status of a resource whose spec cannot be carried out. Nothing that was known is lost.

    runs: all runs that tell of its targets. Those that had begun go on with their own copies of the spec.
    """
    ordered = _by_age(runs)
    fresh = [seconds for run in ordered if (seconds := run.freshness_seconds) is not None]
    targets = _carried(old.targets, ordered, now)
    if fresh:
        targets = [carried.with_freshness(target, fresh[-1], now) for target in targets]
    targets = [carried.aged(target, now) for target in targets]
    new = [
        _condition("Ready", "False", error.reason, error.message, generation),
        _condition("Reconciling", "False", error.reason, "", generation),
        _condition("Stalled", "True", error.reason, error.message, generation),
        *([_fresh(targets, generation)] if targets else []),
    ]
    return old.having(
        observed_generation=generation,
        phase="Invalid",
        message=error.message,
        next_schedule_time=None,
        targets=targets,
        active_runs=[run.name for run in ordered if not run.is_finished],
        conditions=with_conditions(old.conditions, new, now),
    )


@dataclass(frozen=True)
class LastRuns:
    """The runs that ended last, even if their objects are gone."""

    success: RunNote | None
    failure: RunNote | None
    now: datetime

    @property
    def ended(self) -> RunNote | None:
        """Return the later of the two."""
        return _last_of([note for note in (self.failure, self.success) if note], self.now)


def _last_of(notes: Sequence[RunNote], now: datetime) -> RunNote | None:
    """Return the run that ended last; of equal times the last one. A time in the future (a wrong clock) comes first."""
    return max(
        reversed(notes),
        key=lambda note: note.time if times.is_believed(note.time, now) else times.EARLIEST,
        default=None,
    )


def last_runs(old: ReplicationStatus, runs: Iterable[Run], now: datetime) -> LastRuns:
    """Return the last success and the last failure among what is remembered and what still exists."""
    notes = [
        RunNote(run=run.name, phase=run.status.phase, time=run.status.completion_time, message=run.status.message)
        for run in runs
        if run.status.completion_time and not run.is_left_alone
    ]
    good = [note for note in (old.last_success, *notes) if note and note.phase == "Succeeded"]
    bad = [note for note in (old.last_failure, *notes) if note and note.phase != "Succeeded"]
    return LastRuns(_last_of(good, now), _last_of(bad, now), now)


@dataclass(frozen=True)
class SeenReplication:
    """A valid resource at one moment."""

    spec: ReplicationSpec
    generation: int
    runs: tuple[Run, ...]
    """All runs that are carried out or were."""
    schedule: ScheduleStatus | None
    """The schedule in effect."""
    decision: Decision
    """What the schedule asks for."""
    held: Why = field(default_factory=Why)
    """Why a due slot waits; without a reason when none waits."""
    beside: tuple[Run, ...] = ()
    """Runs that are being ended; they only tell what they do to a target, or have done."""
    grown: Why | None = None
    """Why the claim is smaller than its template; without a reason when it is not; None when nobody looked."""


def summarize(old: ReplicationStatus, seen: SeenReplication, now: datetime) -> ReplicationStatus:
    """Return the status of a valid resource."""
    spec, generation, decision = seen.spec, seen.generation, seen.decision
    ordered, all_runs = _by_age(seen.runs), _by_age((*seen.runs, *seen.beside))
    before = {target.name: target for target in old.targets}
    targets = _carried([before.get(t.name, TargetStatus(name=t.name)) for t in spec.targets], all_runs, now)
    targets = [carried.with_freshness(target, spec.freshness_seconds, now) for target in targets]
    last = last_runs(old, ordered, now)
    status = old.having(
        observed_generation=generation,
        schedule=seen.schedule,
        targets=targets,
        targets_summary=f"{sum(t.phase == 'Succeeded' for t in targets)}/{len(targets)}",
        active_runs=[run.name for run in all_runs if not run.is_finished],
        last_success=last.success,
        last_failure=last.failure,
        last_successful_time=last.success.time if last.success else None,
        last_schedule_time=last_slot(old, ordered, now),
        next_schedule_time=None if spec.suspend else decision.next,
    )
    volume = _volume(seen.grown, old, generation)
    told = (_message(ordered, last.ended), seen.held.message, *(one.message for one in volume))
    status = status.having(phase=_phase(spec, ordered, decision, last.ended), message="; ".join(filter(None, told)))
    new = [
        *_acceptance(spec, decision, generation),
        _last_run(last.ended, generation),
        _fresh(targets, generation),
        _held(seen.held, generation),
        *_too_many_missed(spec, decision, old, generation),
        *volume,
    ]
    kept = [condition for condition in old.conditions if condition.type != "TooManyMissed" or _catches_up(spec)]
    return status.having(conditions=with_conditions(kept, new, now))


def _carried(old: Iterable[TargetStatus], runs: list[Run], now: datetime) -> list[TargetStatus]:
    there = {run.name for run in runs}
    return [carried.without_its_run(carried.after(target, runs, now), there) for target in old]


def _by_age(runs: Iterable[Run]) -> list[Run]:
    return sorted(runs, key=lambda run: (run.created, run.name))


def last_slot(old: ReplicationStatus, runs: Iterable[Run], now: datetime) -> datetime | None:
    """Return the last slot for which a run was made; the runs tell it even when a status write was lost.

    A slot far in the future comes from a wrong clock and is ignored: otherwise no slot would be run until then.
    """
    slots = [old.last_schedule_time, *(run.request.slot for run in runs)]
    return max((slot for slot in slots if slot and times.is_believed(slot, now)), default=None)


def looked_at_again(status: ReplicationStatus, now: datetime) -> datetime | None:
    """Return when the next target's data becomes too old; no event tells that."""
    limits = [target.fresh_until for target in status.targets if target.fresh_until]
    stale_at = min((limit for limit in limits if limit >= now), default=None)
    return stale_at + timedelta(seconds=1) if stale_at else None


def _phase(spec: ReplicationSpec, runs: list[Run], decision: Decision, last: RunNote | None) -> ReplicationPhase:
    active = [run for run in runs if not run.is_finished and run.is_admitted]
    if active:
        return "Loading" if active[-1].status.phase == "Loading" else "Dumping"
    if spec.suspend:
        return "Suspended"
    if spec.schedule is not None and decision.next is None and not decision.due:
        return "Completed"
    phases: dict[str, ReplicationPhase] = {"Succeeded": "Succeeded", "PartiallyFailed": "PartiallyFailed"}
    return phases.get(last.phase, "Failed") if last else "Scheduled"


def _message(runs: list[Run], last: RunNote | None) -> str:
    active = [run for run in runs if not run.is_finished]
    if active:
        return active[-1].status.message
    return last.message if last else ""


def _acceptance(spec: ReplicationSpec, decision: Decision, generation: int) -> list[Condition]:
    reason: Reason
    if spec.suspend:
        reason, message = "Suspended", "accepted; suspended"
    elif spec.schedule is None:
        reason, message = "OnDemand", "accepted; runs are made by hand"
    elif decision.next is None:
        reason, message = "Completed", "accepted; spec.schedule.endDate has passed"
    else:
        reason, message = "Scheduled", "accepted and scheduled"
    return [
        _condition("Ready", "True", reason, message, generation),
        _condition("Reconciling", "False", "Observed", "", generation),
        _condition("Stalled", "False", "Accepted", "", generation),
    ]


def _last_run(last: RunNote | None, generation: int) -> Condition:
    if last is None:
        return _condition("LastRunSucceeded", "Unknown", "NoRun", "no run has ended yet", generation)
    status = "True" if last.phase == "Succeeded" else "False"
    message = ": ".join(filter(None, (f"run {last.run}", last.message)))
    return _condition("LastRunSucceeded", status, last.phase, message, generation)


def _held(why: Why, generation: int) -> Condition:
    return _condition("Held", "True" if why.reason else "False", why.reason or "NothingWaits", why.message, generation)


def _volume(grown: Why | None, old: ReplicationStatus, generation: int) -> list[Condition]:
    """Return condition VolumeNotGrown: True while the claim is too small, then False; as before when nobody looked."""
    known = [condition for condition in old.conditions if condition.type == NOT_GROWN]
    if grown is None or not (grown.reason or known):
        return known
    if grown.reason:
        return [_condition(NOT_GROWN, "True", grown.reason, grown.message, generation)]
    return [_condition(NOT_GROWN, "False", "AsWanted", "", generation)]


def _too_many_missed(
    spec: ReplicationSpec, decision: Decision, old: ReplicationStatus, generation: int
) -> list[Condition]:
    """Return condition TooManyMissed: True when catchup left slots out, False when a slot is run in time again."""
    if not _catches_up(spec):
        return []
    if decision.missed and len(decision.due) == CATCHUP_LIMIT:
        text = f"{decision.missed} missed slots are not run; catchup runs the latest {CATCHUP_LIMIT}"
        return [_condition("TooManyMissed", "True", "TooManyMissed", text, generation)]
    was_missed = any(c.type == "TooManyMissed" and c.status == "True" for c in old.conditions)
    if was_missed and len(decision.due) != 1:
        return []
    return [_condition("TooManyMissed", "False", "InTime", "", generation)]


def _catches_up(spec: ReplicationSpec) -> bool:
    return spec.schedule is not None and spec.schedule.catchup


def _fresh(targets: list[TargetStatus], generation: int) -> Condition:
    """Return condition Fresh. Stale comes before NeverLoaded: it is notified, also while another target has no data."""
    old = [target.name for target in targets if target.data_time and not target.fresh]
    never = [target.name for target in targets if not target.data_time and not target.loaded_time]
    unknown = [target.name for target in targets if not target.data_time and target.loaded_time]
    told = {"data older than spec.freshnessSeconds": old, "never loaded": never, "of unknown age": unknown}
    message = "; ".join(f"{what}: {', '.join(names)}" for what, names in told.items() if names)
    if message:
        return _condition("Fresh", "False", "Stale" if old else "NeverLoaded", message, generation)
    return _condition("Fresh", "True", "Fresh", "every target's data is young enough", generation)


def _condition(kind: str, status: str, reason: Word, message: str, generation: int) -> Condition:
    return Condition.model_validate(
        {"type": kind, "status": status, "reason": reason, "message": message, "observedGeneration": generation}
    )
