"""`history`: the runs of a DataReplication, the latest first. Pure."""

from datetime import datetime
from typing import Any

from datareplication.cli.view import amounts, overview
from datareplication.cli.view.page import Cell, Page, phase, table
from datareplication.cli.view.seen import Seen, SeenRun, by_age

HEAD = "RUN  ACTION  PHASE  TARGETS  STARTED  TOOK  DATA OF  REASON"


def page(seen: Seen, now: datetime) -> Page:
    """Return a table of the runs; then the last success and failure whose objects are gone."""
    return (table(HEAD, [*(_row(run, now) for run in latest(seen)), *_remembered(seen, now)]),)


def latest(seen: Seen) -> list[SeenRun]:
    """Return the runs, the latest first."""
    return sorted(seen.runs, key=by_age, reverse=True)


def _row(run: SeenRun, now: datetime) -> tuple[str | Cell, ...]:
    status = run.status
    is_telling = run.is_finished and status.phase not in ("Succeeded", run.reason)
    return (
        Cell(run.name, "strong"),
        run.action,
        phase(status.phase),
        status.targets_summary,
        amounts.ago(status.start_time, now),
        _took(run, now),
        overview.moment(status.snapshot_time) or "",
        Cell(run.reason, "bad") if is_telling else "",
    )


def _took(run: SeenRun, now: datetime) -> str:
    begun = run.status.start_time
    return amounts.between(begun, run.status.completion_time or now) if begun else ""


def _remembered(seen: Seen, now: datetime) -> list[tuple[str | Cell, ...]]:
    notes = [note for note in (seen.status.last_success, seen.status.last_failure) if note and not seen.run(note.run)]
    return [
        (
            Cell(note.run, "dim"),
            "",
            phase(note.phase),
            "",
            "",
            "",
            "",
            Cell(f"ended {amounts.ago(note.time, now)}", "dim"),
        )
        for note in notes
    ]


def data(seen: Seen) -> list[dict[str, Any]]:
    """Return the runs for programs."""
    return [
        {
            "name": run.name,
            "action": run.action,
            "phase": run.status.phase,
            "reason": run.reason,
            "message": run.status.message,
            "targets": run.status.targets_summary,
            "startTime": overview.moment(run.status.start_time),
            "completionTime": overview.moment(run.status.completion_time),
            "snapshotTime": overview.moment(run.status.snapshot_time),
        }
        for run in latest(seen)
    ]
