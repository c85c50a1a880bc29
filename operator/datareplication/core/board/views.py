"""What the board shows of one DataReplication: (its facts, its runs, now) -> `View`."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from datareplication.core.board import causes, words
from datareplication.core.board.causes import Cause
from datareplication.core.board.facts import Note, Replication, Run, Step, Target
from datareplication.core.board.health import OLD, Freshness, Health, fresh_until, freshness, health

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

DOING = {
    "Connecting": "connecting",
    "Waiting": "waiting for another load",
    "Schema": "schema",
    "Data": "copying rows",
    "Indexes": "building indexes",
    "Verifying": "verifying",
    "AfterLoad": "running the SQL after the load",
    "Swapping": "swapping the databases",
    "Publishing": "publishing the snapshot",
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
class Problem:
    """Something that is wrong, with the targets that it concerns."""

    sentence: str
    cause: Cause
    old: tuple[str, ...] = ()
    young: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class View:
    """One DataReplication as the board shows it."""

    one: Replication = field(metadata=FLAT)
    health: Health
    targets: tuple[TargetView, ...]
    problems: tuple[Problem, ...]
    activities: tuple[Activity, ...]
    last_runs: tuple[Mark, ...]


def view(one: Replication, runs: Iterable[Run], now: datetime) -> View:
    """Return what is shown of a DataReplication. runs: its own, in any order."""
    found = tuple(sorted(runs, key=lambda run: (run.created, run.name), reverse=True))
    targets = tuple(_target(one, target, found, now) for target in one.targets)
    return View(
        one=one,
        health=health(one, found, now),
        targets=targets,
        problems=tuple(_problems(one, targets, found)),
        activities=tuple(activity for run in found if run.is_active for activity in _activities(run)),
        last_runs=tuple(_marks(one, found)),
    )


def _target(one: Replication, target: Target, runs: tuple[Run, ...], now: datetime) -> TargetView:
    state = freshness(one, target, runs, now)
    needs_cause = state in OLD or target.phase == "Failed"
    return TargetView(
        target=target,
        freshness=state,
        objective_seconds=one.freshness_seconds,
        age_seconds=max(0, int((now - target.data_time).total_seconds())) if target.data_time else None,
        fresh_until=fresh_until(one, target),
        cause=causes.of_target(one, target, runs, now) if needs_cause else None,
    )


def _problems(one: Replication, targets: tuple[TargetView, ...], runs: tuple[Run, ...]) -> Iterator[Problem]:
    """Yield what is wrong, each cause once, whatever the number of its targets."""
    by_cause: dict[Cause, list[TargetView]] = {}
    for target in targets:
        if target.cause is not None:
            by_cause.setdefault(target.cause, []).append(target)
    for cause, found in by_cause.items():
        old = tuple(one.target.name for one in found if one.is_old)
        young = tuple(one.target.name for one in found if not one.is_old)
        yield Problem(_sentence(cause, found), cause, old, young)
    is_told = any(cause.is_failure for cause in by_cause)
    other = causes.of_spec(one) if one.holds("Stalled") else causes.of_last_run(one, runs)
    if other is not None and not is_told:
        yield Problem(_capital(f"{other.headline}."), other)
    if volume := causes.of_volume(one):
        yield Problem(_capital(f"{volume.headline}."), volume)


def _sentence(cause: Cause, targets: list[TargetView]) -> str:
    """Return which targets are concerned, and why, as in: qa is stale because the last load failed."""
    parts = []
    for state, adjective in (("stale", "stale"), ("never", "without data"), ("unknown", "of unknown age")):
        names = tuple(one.target.name for one in targets if one.freshness == state)
        if names:
            parts.append(f"{words.listed(names)} {'is' if len(names) == 1 else 'are'} {adjective}")
    fresh = tuple(one.target.name for one in targets if not one.is_old)
    if not parts:
        rest = "its data is still fresh" if len(fresh) == 1 else "their data is still fresh"
        rest = "" if any(one.freshness == "empty" for one in targets) else f"; {rest}"
        return f"{words.listed(fresh)}: {cause.headline}{rest}."
    told = f"{', '.join(parts)} because {cause.headline}"
    return f"{told}; {words.listed(fresh)} {'is' if len(fresh) == 1 else 'are'} still fresh." if fresh else f"{told}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


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
    known = step.progress
    action = "rollback" if run.action == "Rollback" else "load"
    tables, tables_total = (known.tables_done, known.tables_total) if known else (0, 0)
    done, total = (known.bytes_done, known.bytes_total) if known else (0, 0)
    return Activity(
        run=run.name,
        what=f"{action} of {step.target}" if step.target else "dump",
        phase=step.phase,
        doing=DOING.get(known.phase, known.phase) if known else "",
        attempts=step.attempts,
        share=_share(done, total) if total else _share(tables, tables_total),
        tables_done=tables,
        tables_total=tables_total,
        rows_done=known.rows_done if known else 0,
        bytes_done=done,
        bytes_total=total,
        bytes_per_second=known.bytes_per_second if known else 0,
        seconds_left=known.seconds_left if known else None,
        message=step.message,
        retry_time=step.retry_time,
        seen_at=known.time if known else None,
    )


def _share(done: int, total: int) -> float | None:
    """Return what is done as a share; a dump may have more to do than the last one had."""
    return min(1.0, max(0.0, done / total)) if total > 0 else None


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
