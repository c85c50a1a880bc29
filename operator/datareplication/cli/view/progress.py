"""How far a run is: a bar for the dump and for each load; the same as plain lines when something has changed. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from datareplication.cli.view.page import TONES, Block, Cell, Line, Table, Tone, line, phase
from datareplication.core import words
from datareplication.core.judgement.activity import doing, share
from datareplication.core.judgement.facts import Run, Step

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
        return self.step.target or "dump"


def bars(run: Run, now: datetime) -> tuple[Bar, ...]:
    """Return a bar for each step of a run."""
    return tuple(_bar(step, now) for step in run.steps)


def _bar(step: Step, now: datetime) -> Bar:
    if step.phase == "Succeeded":
        return Bar(step, step.phase, 1.0, _done(step), "good")
    if step.phase == "Failed":
        return Bar(step, step.phase, 0.0, _why(step), "bad")
    fraction = share(step.progress) if step.progress else 0.0
    return Bar(step, step.phase, fraction, _doing(step, now), TONES.get(step.phase, ""))


def _done(step: Step) -> str:
    if not step.tables and not step.rows:
        return _why(step)
    return f"{words.count(step.rows)} rows, {words.size(step.bytes)} in {words.duration(step.duration_seconds)}"


def _why(step: Step) -> str:
    text = ": ".join(filter(None, (step.reason, step.message)))
    return text if len(text) <= MESSAGE_LIMIT else text[: MESSAGE_LIMIT - 1] + "…"


def _doing(step: Step, now: datetime) -> str:
    progress = step.progress
    if progress is None or step.phase != "Running":
        again = f"next attempt {words.ahead(step.retry_time, now)}" if step.retry_time else ""
        return "; ".join(filter(None, (_why(step), again)))
    parts = (
        doing(progress.phase),
        f"{progress.tables_done}/{progress.tables_total} tables" if progress.tables_total else "",
        f"{words.count(progress.rows_done)} rows" if progress.rows_done else "",
        f"{words.size(progress.bytes_per_second)}/s" if progress.bytes_per_second else "",
        f"{words.duration(progress.seconds_left)} left" if progress.seconds_left else "",
        _why(step),
    )
    return ", ".join(filter(None, parts))


def title(run: Run, now: datetime, trouble: str = "") -> Line:
    """Return a run's name, phase, time at work, and what it waits for. trouble: why it cannot be seen."""
    begun = run.start_time
    since = f", {words.between(begun, run.completion_time or now)}" if begun else ""
    waits = f": {run.message}" if run.message and not run.steps else ""
    blind = Cell(f" ({trouble})", "warn") if trouble else ""
    return line("run ", Cell(run.name, "strong"), ": ", phase(run.phase), since, waits, blind)


def page(run: Run, now: datetime) -> tuple[Block, ...]:
    """Return a run with its steps."""
    rows = tuple((Cell(bar.name, "dim"), phase(bar.phase), Cell(_share(bar)), Cell(bar.text)) for bar in bars(run, now))
    return (title(run, now), Table((), rows)) if rows else (title(run, now),)


def _share(bar: Bar) -> str:
    return f"{bar.fraction:.0%}" if bar.fraction and bar.phase == "Running" else ""


def changes(old: Run | None, new: Run, now: datetime) -> Iterator[Line]:
    """Yield a line for whatever a person wants to see on paper: another phase or message, each further tenth.

    How the run ends is left to `verdict.py`.
    """
    said = new.phase, new.message
    if not new.is_finished and (old is None or (old.phase, old.message) != said):
        yield line(f"run {new.name}: ", phase(new.phase), f": {said[1]}" if said[1] else "")
    before = {bar.step.target: bar for bar in bars(old, now)} if old else {}
    for bar in bars(new, now):
        if bar.phase != "Waiting" and _told(before.get(bar.step.target)) != _told(bar):
            text = ", ".join(filter(None, (_share(bar), bar.text)))
            yield line(f"{new.what(bar.step)}: ", phase(bar.phase), f": {text}" if text else "")


def _told(bar: Bar | None) -> tuple[str, int, str] | None:
    if bar is None:
        return None
    tenths = int((bar.fraction or 0.0) * 10)
    return bar.phase, tenths, "" if bar.phase == "Running" else bar.text
