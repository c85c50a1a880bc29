"""What a step at work does, in words, and how much of it is done."""

from collections.abc import Mapping

from datareplication.core.state import ProgressStatus

DOING: Mapping[str, str] = {
    "Connecting": "connecting",
    "Waiting": "waiting for another load",
    "Schema": "creating the schema",
    "Data": "copying rows",
    "Indexes": "building indexes",
    "Verifying": "verifying",
    "AfterLoad": "running the SQL after the load",
    "Swapping": "swapping the databases",
    "Publishing": "publishing the snapshot",
}


def doing(phase: str) -> str:
    """Return what a program does, by the phase of its progress; a phase that nobody knows as it is."""
    return DOING.get(phase, phase)


def share(progress: ProgressStatus) -> float | None:
    """Return how much is done: of the bytes, else of the rows (an estimate in a dump), else of the tables.

    A dump may have more to do than the last one had, so never more than all; None while nothing is known.
    """
    pairs = (
        (progress.bytes_done, progress.bytes_total),
        (progress.rows_done, progress.rows_total),
        (progress.tables_done, progress.tables_total),
    )
    known = next(((done, total) for done, total in pairs if total > 0), None)
    return min(1.0, max(0, known[0]) / known[1]) if known else None
