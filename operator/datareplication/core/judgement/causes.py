"""What is wrong with a DataReplication, why, and what to do: in the words of the status and of `core/reasons`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

from datareplication.core import times, words
from datareplication.core.judgement.facts import Replication, Run, Step, Subject, Target
from datareplication.core.judgement.health import last_failure, limit
from datareplication.core.reasons import MEANINGS
from datareplication.core.state import NOT_GROWN

Kind = Literal[
    "NotLookedAt",
    "SlotNotRun",
    "InvalidSpec",
    "StepStuck",
    "StepFailed",
    "RunFailed",
    "Waits",
    "Suspended",
    "OnDemand",
    "Completed",
    "ObjectiveTooShort",
    "NoRun",
    "VolumeNotGrown",
    "SlotsMissed",
    "AtWork",
]
"""In this order: what comes first is the cause of what follows, or has to be repaired first."""

ORDER: dict[Kind, int] = {kind: place for place, kind in enumerate(get_args(Kind))}

FAILURES: tuple[Kind, ...] = (
    "NotLookedAt",
    "SlotNotRun",
    "InvalidSpec",
    "StepStuck",
    "StepFailed",
    "RunFailed",
    "VolumeNotGrown",
    "SlotsMissed",
)
"""Somebody has to repair something. The others are a choice of the spec, or pass."""

UNSEEN = timedelta(seconds=30)
"""An operator at work looks at a new object within seconds."""

LATE = timedelta(minutes=5)
"""How long after its time a slot without a run is told: an operator that starts on another node takes a minute or two.
The alert on an operator that is away takes as long."""

HARMLESS = ("", "RolledBack", "ReportLost", "JobHeld", "ContainerCreating", "PodInitializing", "InitContainerRunning")
"""Reasons of an open step that need nobody, or that every pod goes through."""

INSTALLED = (
    "See whether its pod runs: `kubectl get pods -A -l app.kubernetes.io/name=datareplication-operator`. If the "
    "chart's value `watchNamespaces` is set, add this namespace."
)
NOBODY: Mapping[str, Any] = {
    "meaning": "The operator is not there, or does not watch this namespace.",
    "remedy": INSTALLED,
}
LOOK = "The message says what to repair; the log may say more."


@dataclass(frozen=True, slots=True)
class Cause:
    """Something that is wrong or waits, and what to do about it."""

    kind: Kind
    headline: str
    """A clause that goes on after `because`."""
    reason: str = ""
    message: str = ""
    meaning: str = ""
    remedy: str = ""
    run: str = ""
    """Which run's end or state it is."""
    step: Literal["", "dump", "load", "rollback"] = ""
    """Which step of that run it is."""
    is_failure: bool = True
    """False where nothing failed: a suspended resource, a run that is at work."""
    since: datetime | None = field(default=None, compare=False)
    """Of several targets' that have the same cause, that of the first."""


def _cause(kind: Kind, headline: str, reason: str = "", message: str = "", **more: Any) -> Cause:
    """Return a cause with what is known about its reason."""
    known, is_failure = MEANINGS.get(reason), kind in FAILURES
    told = {"meaning": known.what, "remedy": known.remedy} if known else {}
    if is_failure and not told.get("remedy"):
        told["remedy"] = LOOK
    return Cause(kind, headline, reason, message, is_failure=is_failure, **{**told, **more})


def of_target(subject: Subject, target: Target, now: datetime) -> Cause:
    """Return why a target is not fresh, or why its last load failed."""
    one = subject.one
    if target.phase == "Failed":
        return _of_spec(one) or _of_load(subject, target)
    for run in subject.unfinished:
        step = next((step for step in run.steps if step.target == target.name), None)
        if run.is_active and step is not None and not step.is_finished:
            return _of_open_step(step, run) or _at_work(run)
    return _of_spec(one) or _of_schedule(subject, target, now)


def of_all(subject: Subject, now: datetime) -> Iterator[Cause]:
    """Yield what is wrong or waits, whichever targets it concerns."""
    one = subject.one
    found = (_not_looked_at(one, now), _slot_not_run(subject, now), _of_spec(one))
    yield from (cause for cause in found if cause)
    for run in subject.unfinished:
        yield from _of_open_run(run, now)
    told = (_of_last_run(subject), _held(one), _of_condition(one, NOT_GROWN), _of_condition(one, "TooManyMissed"))
    yield from (cause for cause in told if cause)


def unseen(run: Run, now: datetime) -> str:
    """Return that nobody has looked at a run, with the remedy; empty if somebody has, or may be about to."""
    is_new = now - run.created < UNSEEN
    return "" if is_new or run.is_looked_at else f"no operator has looked at run {run.name} yet. {INSTALLED}"


def _not_looked_at(one: Replication, now: datetime) -> Cause | None:
    if one.is_looked_at or now - one.created < UNSEEN:
        return None
    return _cause("NotLookedAt", "no operator has looked at it", "NotLookedAt", since=one.created, **NOBODY)


def _slot_not_run(subject: Subject, now: datetime) -> Cause | None:
    one, due = subject.one, subject.one.next_schedule_time
    is_waiting = one.suspend or one.holds("Held") or subject.unfinished
    if due is None or now - due <= LATE or is_waiting:
        return None
    headline = f"the slot of {times.to_text(due)} was not run"
    return _cause("SlotNotRun", headline, "SlotNotRun", since=due, **NOBODY)


def _of_spec(one: Replication) -> Cause | None:
    told = one.condition("Stalled")
    if told is None or told.status != "True":
        return None
    headline, since = "the spec cannot be carried out", told.last_transition_time
    return _cause("InvalidSpec", headline, told.reason, told.message, since=since)


def _of_open_run(run: Run, now: datetime) -> Iterator[Cause]:
    """Yield what holds up a run that has not ended."""
    yield from (_of_failed_step(step, run) for step in run.failed)
    yield from (cause for step in run.steps if not step.is_finished and (cause := _of_open_step(step, run)))
    if run.is_waiting and now - run.created > UNSEEN:
        yield _waits(run)


def _of_open_step(step: Step, run: Run) -> Cause | None:
    """Return what holds up a step that has not ended; None if it goes on, or is about to."""
    if step.reason in HARMLESS:
        return None
    kind: Kind = "Waits" if step.reason == "Waiting" else "StepStuck"
    headline = f"the {run.what(step)} {'waits' if kind == 'Waits' else 'is held up'}"
    return _cause(kind, headline, step.reason, step.message, **_place(step, run))


def _of_last_run(subject: Subject) -> Cause | None:
    note = last_failure(subject.one)
    if note is None:
        return None
    run = subject.run(note.run)
    if run is None:
        return _cause("RunFailed", "the last run failed", note.phase, note.message, run=note.run, since=note.time)
    return _of_run(run)


def _of_run(run: Run) -> Cause:
    """Return why a run failed: by its first step that failed, otherwise by its own reason."""
    if run.failed:
        return _of_failed_step(run.failed[0], run)
    reason, since = run.reason or run.phase, run.completion_time
    return _cause("RunFailed", "the last run failed", reason, run.message, run=run.name, since=since)


def _of_failed_step(step: Step, run: Run) -> Cause:
    headline = f"the last {run.verb if step.target else 'dump'} failed"
    reason = step.reason or next((one.reason for one in reversed(step.ended_attempts) if one.reason), "")
    reason = reason or ("LoadFailed" if step.target else "")
    return _cause("StepFailed", headline, reason, step.message, **_place(step, run))


def _place(step: Step, run: Run) -> dict[str, Any]:
    since = step.completion_time or step.start_time or run.completion_time or run.start_time
    return {"run": run.name, "step": run.verb if step.target else "dump", "since": since}


def _of_load(subject: Subject, target: Target) -> Cause:
    """Return why a target's last load failed; only the status tells it when the run or its steps are gone."""
    run = subject.run(target.run)
    step = next((step for step in run.failed if step.target in ("", target.name)), None) if run else None
    if run is not None and step is not None:
        return _of_failed_step(step, run)
    if run is not None and run.is_whole:
        return _of_run(run)
    since = run.completion_time if run else None
    told = {"run": target.run, "step": "load", "since": since}
    return _cause("StepFailed", "the last load failed", "LoadFailed", target.message, **told)


def _of_schedule(subject: Subject, target: Target, now: datetime) -> Cause:
    """Return why no newer load was made, although none failed."""
    one = subject.one
    waiting = next((run for run in subject.unfinished if run.is_waiting), None)
    if waiting is not None:
        return _waits(waiting)
    if one.suspend:
        return _cause("Suspended", "the schedule is suspended", "Suspended")
    found = _not_looked_at(one, now) or _held(one) or _slot_not_run(subject, now)
    return found or _of_slots(one, target)


def _of_slots(one: Replication, target: Target) -> Cause:
    due = one.next_schedule_time
    if not one.cron:
        return _cause("OnDemand", "there is no schedule, and nobody has started a run since", "OnDemand")
    if due is None:
        return _cause("Completed", "the schedule has no further slot", "Completed")
    until = limit(target.data_time, one.freshness_seconds)
    if target.data_time and until and due > until:
        meaning = f"The next run is due {words.between(target.data_time, due)} after this data."
        headline = "the schedule leaves more time between runs than the objective allows"
        remedy = "Raise `freshnessSeconds`, or run more often."
        return _cause("ObjectiveTooShort", headline, meaning=meaning, remedy=remedy)
    headline = "no run has loaded newer data" if target.data_time else "no run has loaded it"
    return _cause("NoRun", headline, remedy="Start a run by hand, or wait for the next slot.")


def _at_work(run: Run) -> Cause:
    return _cause("AtWork", f"run {run.name} is still at work", remedy="Nothing yet.", run=run.name)


def _waits(run: Run) -> Cause:
    headline, reason = f"run {run.name} waits for its turn", run.reason or "Waiting"
    return _cause("Waits", headline, reason, run.message, run=run.name, since=run.created)


def _held(one: Replication) -> Cause | None:
    return _of_condition(one, "Held")


CONDITIONS: dict[str, tuple[Kind, str]] = {
    "Held": ("Waits", "a due slot waits"),
    NOT_GROWN: ("VolumeNotGrown", "the volume could not be grown"),
    "TooManyMissed": ("SlotsMissed", "more slots were missed than are run afterwards"),
}


def _of_condition(one: Replication, kind: str) -> Cause | None:
    told = one.condition(kind)
    if told is None or told.status != "True":
        return None
    which, headline = CONDITIONS[kind]
    return _cause(which, headline, told.reason, told.message, since=told.last_transition_time)
