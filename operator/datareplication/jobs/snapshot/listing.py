"""What lies on the volume, as a table for people or as JSON for their tools. Pure: what was found in, text out."""

import json
from collections.abc import Sequence

from datareplication.jobs.model.sizes import readable
from datareplication.jobs.model.volume import Found

COLUMNS = ("REPLICATION", "RUN", "SNAPSHOT TIME", "TABLES", "ROWS", "CSV", "STORED", "STATE", "PATH")
NUMBERS = {"TABLES", "ROWS", "CSV", "STORED"}


def table(found: Sequence[Found]) -> str:
    """Return a line for each, oldest first, under a heading; what is wrong with damaged ones below."""
    rows = [COLUMNS, *(_row(one) for one in in_order(found))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [_line(row, widths) for row in rows]
    problems = [f"{one.path}: {one.problem}" for one in in_order(found) if one.problem]
    return "\n".join([*lines, *(["", *problems] if problems else [])])


def as_json(found: Sequence[Found]) -> str:
    """Return a list of objects; what is not known of one is null."""
    return json.dumps([_object(one) for one in in_order(found)], indent=1, ensure_ascii=False)


def in_order(found: Sequence[Found]) -> list[Found]:
    """Return them by replication, then by time; what has no manifest comes first, by its path."""
    return sorted(found, key=_key)


def _key(one: Found) -> tuple[str, str, str]:
    manifest = one.manifest
    return (manifest.run.replication, manifest.snapshot_time, one.path) if manifest else ("", "", one.path)


def _row(one: Found) -> tuple[str, ...]:
    manifest = one.manifest
    if manifest is None:
        return ("-", "-", "-", "-", "-", "-", readable(one.bytes), one.state, one.path)
    return (
        manifest.run.replication or "-",
        manifest.run.name or "-",
        manifest.snapshot_time.partition(".")[0].removesuffix("Z") + "Z",
        str(manifest.tables),
        str(manifest.rows),
        readable(manifest.bytes),
        readable(one.bytes),
        one.state,
        one.path,
    )


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = zip(COLUMNS, row, widths, strict=True)
    return "  ".join(
        cell.rjust(width) if name in NUMBERS else cell.ljust(width) for name, cell, width in cells
    ).rstrip()


def _object(one: Found) -> dict[str, object]:
    manifest = one.manifest
    return {
        "path": one.path,
        "state": one.state,
        "problem": one.problem or None,
        "storedBytes": one.bytes,
        "replication": manifest.run.replication if manifest else None,
        "run": manifest.run.name if manifest else None,
        "snapshotTime": manifest.snapshot_time if manifest else None,
        "lsn": manifest.lsn if manifest else None,
        "tables": manifest.tables if manifest else None,
        "rows": manifest.rows if manifest else None,
        "bytes": manifest.bytes if manifest else None,
    }
