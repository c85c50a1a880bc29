"""What the board shows of one DataReplication: (what is known of it, its judgement, now) -> `View`."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from datareplication.core.judgement.activity import doing, share
from datareplication.core.judgement.causes import Cause
from datareplication.core.judgement.facts import Note, Replication, Run, Step, Subject, Target
from datareplication.core.judgement.health import OLD, Freshness, Health, age_seconds, limit
from datareplication.core.judgement.problems import Judged, Judgement, Problem
from datareplication.core.state import ProgressStatus

FLAT = {"flat": True}
"""Marks a field whose own fields stand in its place in JSON."""

MARKS = 10

SYMBOLS = {
    "Succeeded": ("✓", "succeeded"),
    "PartiallyFailed": ("◐", "succeeded in part"),
    "Failed": ("✕", "failed"),
    "Replaced": ("↷", "was replaced by a later run"),
    "Dumping": ("▸", "is dumping"),
    "Loading": ("▸", "is loading"),
    "Pending": ("·", "waits"),
}


@dataclass(frozen=True, slots=True)
class TargetView:
    """One target: how old its data is against the objective, and why it is too old."""

    target: Target = field(metadata=FLAT)
    freshness: Freshness
    objective_seconds: int
    age_seconds: int | None
    fresh_until: datetime | None
    cause: Cause | None

    @property
    def is_old(self) -> bool:
        """Whether its data misses the objective."""
        return self.freshness in OLD

    @property
    def share(self) -> float | None:
        """Return the age as a share of the objective; 1 is where the objective ends."""
        return None if self.age_seconds is None else self.age_seconds / self.objective_seconds

    @property
    def over_seconds(self) -> int:
        """Return by how much the objective is missed."""
        return max(0, (self.age_seconds or 0) - self.objective_seconds)


@dataclass(frozen=True, slots=True)
class Activity:
    """A step that is at work or about to be."""

    run: str
    what: str
    phase: str
    doing: str
    attempts: int
    share: float | None
    tables_done: int
    tables_total: int
    rows_done: int
    bytes_done: int
    bytes_total: int
    bytes_per_second: int
    seconds_left: int | None
    message: str
    retry_time: datetime | None
    seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class Mark:
    """One run in the strip of the last runs."""

    run: str
    phase: str
    symbol: str
    told: str
    time: datetime | None
    targets_summary: str
    is_there: bool
    """Whether the object of the run is still there."""


@dataclass(frozen=True, slots=True)
class View:
    """One DataReplication as the board shows it."""

    one: Replication = field(metadata=FLAT)
    health: Health
    targets: tuple[TargetView, ...]
    problems: tuple[Problem, ...]
    activities: tuple[Activity, ...]
    last_runs: tuple[Mark, ...]


def view(subject: Subject, judged: Judgement, now: datetime) -> View:
    """Return what is shown of a DataReplication that is judged."""
    one, latest = subject.one, subject.latest
    return View(
        one=one,
        health=judged.health,
        targets=tuple(_target(one, target, now) for target in judged.targets),
        problems=judged.problems,
        activities=tuple(activity for run in latest if run.is_active for activity in _activities(run)),
        last_runs=tuple(_marks(one, latest)),
    )


def _target(one: Replication, judged: Judged, now: datetime) -> TargetView:
    return TargetView(
        target=judged.target,
        freshness=judged.freshness,
        objective_seconds=one.freshness_seconds,
        age_seconds=age_seconds(judged.target, now),
        fresh_until=limit(judged.target.data_time, one.freshness_seconds),
        cause=judged.cause,
    )


def _activities(run: Run) -> Iterator[Activity]:
    """Yield the steps of a run that are at work; of a run that has none yet, the run itself."""
    is_any = False
    for step in run.steps:
        if step.is_open:
            is_any = True
            yield _activity(run, step)
    if not is_any:
        yield Activity(run.name, "run", run.phase, "", 0, None, 0, 0, 0, 0, 0, 0, None, run.message, None, None)


def _activity(run: Run, step: Step) -> Activity:
    known = step.progress or ProgressStatus()
    return Activity(
        run=run.name,
        what=run.what(step),
        phase=step.phase,
        doing=doing(known.phase),
        attempts=step.attempts,
        share=share(known),
        tables_done=known.tables_done,
        tables_total=known.tables_total,
        rows_done=known.rows_done,
        bytes_done=known.bytes_done,
        bytes_total=known.bytes_total,
        bytes_per_second=known.bytes_per_second,
        seconds_left=known.seconds_left,
        message=step.message,
        retry_time=step.retry_time,
        seen_at=known.time,
    )


def _marks(one: Replication, runs: tuple[Run, ...]) -> Iterator[Mark]:
    """Yield the last runs, the oldest first; before them the last success and failure whose objects are gone."""
    there = {run.name for run in runs}
    gone = [note for note in (one.last_success, one.last_failure) if note and note.run not in there]
    yield from (_of_note(note) for note in sorted(gone, key=lambda note: note.time))
    yield from (_mark(run) for run in reversed(runs[:MARKS]))


def _of_note(note: Note) -> Mark:
    symbol, told = SYMBOLS.get(note.phase, ("?", note.phase))
    return Mark(note.run, note.phase, symbol, told, note.time, "", is_there=False)


def _mark(run: Run) -> Mark:
    symbol, told = SYMBOLS.get(run.phase, ("?", run.phase))
    when = run.completion_time or run.start_time or run.created
    return Mark(run.name, run.phase, symbol, told, when, run.targets_summary, is_there=True)
