"""How far a run is: a bar for the dump and for each load; the same as plain lines when something has changed. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from datareplication.cli.view import amounts
from datareplication.cli.view.page import TONES, Block, Cell, Line, Table, Tone, line, phase
from datareplication.cli.view.seen import SeenRun
from datareplication.core.names import Step
from datareplication.core.state import ProgressStatus, StepStatus

MESSAGE_LIMIT = 200


@dataclass(frozen=True)
class Bar:
    """One step. fraction: 0 to 1; None while it is not known how much there is to do."""

    step: Step
    phase: str
    fraction: float | None
    text: str
    tone: Tone = ""

    @property
    def name(self) -> str:
        """Return `dump`, or the target's name."""
        return self.step.target or self.step.role


def bars(run: SeenRun, now: datetime) -> tuple[Bar, ...]:
    """Return a bar for each step of a run."""
    return tuple(_bar(step, status, now) for step, status in run.steps)


def _bar(step: Step, status: StepStatus, now: datetime) -> Bar:
    if status.phase == "Succeeded":
        return Bar(step, status.phase, 1.0, _done(status), "good")
    if status.phase == "Failed":
        return Bar(step, status.phase, 0.0, _why(status), "bad")
    fraction = _fraction(status.progress) if status.progress else 0.0
    return Bar(step, status.phase, fraction, _doing(status, now), TONES.get(status.phase, ""))


def _done(step: StepStatus) -> str:
    if not step.tables and not step.rows:
        return _why(step)
    return f"{amounts.count(step.rows)} rows, {amounts.size(step.bytes)} in {amounts.duration(step.duration_seconds)}"


def _why(step: StepStatus) -> str:
    text = ": ".join(filter(None, (step.reason, step.message)))
    return text if len(text) <= MESSAGE_LIMIT else text[: MESSAGE_LIMIT - 1] + "…"


def _fraction(progress: ProgressStatus) -> float | None:
    """Return how much is done: of the bytes, else of the rows (an estimate in a dump), else of the tables."""
    pairs = (
        (progress.bytes_done, progress.bytes_total),
        (progress.rows_done, progress.rows_total),
        (progress.tables_done, progress.tables_total),
    )
    known = next(((done, total) for done, total in pairs if total > 0), None)
    return min(1.0, max(0, known[0]) / known[1]) if known else None


def _doing(step: StepStatus, now: datetime) -> str:
    progress = step.progress
    if progress is None or step.phase != "Running":
        again = f"next attempt {amounts.ahead(step.retry_time, now)}" if step.retry_time else ""
        return "; ".join(filter(None, (_why(step), again)))
    parts = (
        progress.phase,
        f"{progress.tables_done}/{progress.tables_total} tables" if progress.tables_total else "",
        f"{amounts.count(progress.rows_done)} rows" if progress.rows_done else "",
        f"{amounts.size(progress.bytes_per_second)}/s" if progress.bytes_per_second else "",
        f"{amounts.duration(progress.seconds_left)} left" if progress.seconds_left else "",
        _why(step),
    )
    return ", ".join(filter(None, parts))


def title(run: SeenRun, now: datetime, trouble: str = "") -> Line:
    """Return a run's name, phase, time at work, and what it waits for. trouble: why it cannot be seen."""
    status, begun = run.status, run.status.start_time
    since = f", {amounts.between(begun, status.completion_time or now)}" if begun else ""
    waits = f": {status.message}" if status.message and not run.steps else ""
    blind = Cell(f" ({trouble})", "warn") if trouble else ""
    return line("run ", Cell(run.name, "strong"), ": ", phase(status.phase), since, waits, blind)


def page(run: SeenRun, now: datetime) -> tuple[Block, ...]:
    """Return a run with its steps."""
    rows = tuple((Cell(bar.name, "dim"), phase(bar.phase), Cell(_share(bar)), Cell(bar.text)) for bar in bars(run, now))
    return (title(run, now), Table((), rows)) if rows else (title(run, now),)


def _share(bar: Bar) -> str:
    return f"{bar.fraction:.0%}" if bar.fraction and bar.phase == "Running" else ""


def changes(old: SeenRun | None, new: SeenRun, now: datetime) -> Iterator[Line]:
    """Yield a line for whatever a person wants to see on paper: another phase or message, each further tenth.

    How the run ends is left to `verdict.py`.
    """
    said = new.status.phase, new.status.message
    if not new.is_finished and (old is None or (old.status.phase, old.status.message) != said):
        yield line(f"run {new.name}: ", phase(new.status.phase), f": {said[1]}" if said[1] else "")
    before = {bar.step: bar for bar in bars(old, now)} if old else {}
    for bar in bars(new, now):
        if bar.phase != "Waiting" and _told(before.get(bar.step)) != _told(bar):
            text = ", ".join(filter(None, (_share(bar), bar.text)))
            yield line(f"{new.what(bar.step)}: ", phase(bar.phase), f": {text}" if text else "")


def _told(bar: Bar | None) -> tuple[str, int, str] | None:
    if bar is None:
        return None
    tenths = int((bar.fraction or 0.0) * 10)
    return bar.phase, tenths, "" if bar.phase == "Running" else bar.text
