"""`history`: the runs of a DataReplication, the latest first. Pure."""

from datetime import datetime
from typing import Any

from datareplication.cli.view import overview
from datareplication.cli.view.page import Cell, Page, phase, table
from datareplication.core import words
from datareplication.core.judgement.facts import Run, Subject

HEAD = "RUN  ACTION  PHASE  TARGETS  STARTED  TOOK  DATA OF  REASON"


def page(subject: Subject, now: datetime) -> Page:
    """Return a table of the runs; then the last success and failure whose objects are gone."""
    return (table(HEAD, [*(_row(run, now) for run in subject.latest), *_remembered(subject, now)]),)


def _row(run: Run, now: datetime) -> tuple[str | Cell, ...]:
    is_telling = run.is_finished and run.phase not in ("Succeeded", run.reason or run.phase)
    return (
        Cell(run.name, "strong"),
        run.action,
        phase(run.phase),
        run.targets_summary,
        words.ago(run.start_time, now),
        _took(run, now),
        overview.moment(run.snapshot_time) or "",
        Cell(run.reason, "bad") if is_telling else "",
    )


def _took(run: Run, now: datetime) -> str:
    return words.between(run.start_time, run.completion_time or now) if run.start_time else ""


def _remembered(subject: Subject, now: datetime) -> list[tuple[str | Cell, ...]]:
    notes = [
        note for note in (subject.one.last_success, subject.one.last_failure) if note and not subject.run(note.run)
    ]
    return [
        (
            Cell(note.run, "dim"),
            "",
            phase(note.phase),
            "",
            "",
            "",
            "",
            Cell(f"ended {words.ago(note.time, now)}", "dim"),
        )
        for note in notes
    ]


def data(subject: Subject) -> list[dict[str, Any]]:
    """Return the runs for programs."""
    return [
        {
            "name": run.name,
            "action": run.action,
            "phase": run.phase,
            "reason": run.reason or run.phase,
            "message": run.message,
            "targets": run.targets_summary,
            "startTime": overview.moment(run.start_time),
            "completionTime": overview.moment(run.completion_time),
            "snapshotTime": overview.moment(run.snapshot_time),
        }
        for run in subject.latest
    ]
