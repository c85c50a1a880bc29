"""The dump's report about a snapshot that it has published."""

from pathlib import Path

from datareplication.core import words
from datareplication.core.report import Report
from datareplication.jobs.model import omission
from datareplication.jobs.model.manifest import Manifest


def report(path: Path, manifest: Manifest) -> Report:
    """Return the report of a run whose snapshot is at that path."""
    message = f"{manifest.tables} tables, {words.count(manifest.rows)} rows"
    if left_out := omission.describe(manifest.omitted):
        message += f"; not copied: {left_out}"
    return Report(
        outcome="Succeeded",
        reason="Dumped",
        message=message,
        snapshot=str(path),
        snapshot_time=manifest.snapshot_time,
        lsn=manifest.lsn,
        tables=manifest.tables,
        rows=manifest.rows,
        bytes=manifest.bytes,
        duration_seconds=manifest.duration_seconds,
        not_carried=manifest.not_carried,
        masked=manifest.masked.description if manifest.masked else "",
    )
