"""What is on the volume, as a table for people or as JSON for their tools. Pure: what was found in, text out."""

import json
from collections.abc import Sequence

from datareplication.core import words
from datareplication.jobs.model.tabular import aligned, shown
from datareplication.jobs.model.volume import Found

COLUMNS = ("REPLICATION", "RUN", "SNAPSHOT TIME", "TABLES", "ROWS", "CSV", "STORED", "STATE", "PATH")
NUMBERS = [COLUMNS.index(name) for name in ("TABLES", "ROWS", "CSV", "STORED")]


def table(found: Sequence[Found]) -> str:
    """Return a heading and a line for each snapshot, oldest first; below them what is wrong with damaged snapshots."""
    lines = aligned([COLUMNS, *(_row(one) for one in in_order(found))], NUMBERS)
    problems = [shown(f"{one.path}: {one.problem}") for one in in_order(found) if one.problem]
    return "\n".join([*lines, *(["", *problems] if problems else [])])


def as_json(found: Sequence[Found]) -> str:
    """Return a list of objects, in ASCII; an unknown value is null."""
    return json.dumps([_object(one) for one in in_order(found)], indent=1)


def in_order(found: Sequence[Found]) -> list[Found]:
    """Return them by replication, then by time; those without a manifest come first, by path."""
    return sorted(found, key=_key)


def _key(one: Found) -> tuple[str, str, str]:
    gist = one.gist
    return (gist.replication, gist.snapshot_time, one.path) if gist else ("", "", one.path)


def _row(one: Found) -> tuple[str, ...]:
    gist = one.gist
    if gist is None:
        return ("-", "-", "-", "-", "-", "-", words.size(one.bytes), one.state, one.path)
    return (
        gist.replication or "-",
        gist.run or "-",
        gist.snapshot_time.partition(".")[0].removesuffix("Z") + "Z",
        str(gist.tables),
        str(gist.rows),
        words.size(gist.bytes),
        words.size(one.bytes),
        one.state,
        one.path,
    )


def _object(one: Found) -> dict[str, object]:
    gist = one.gist
    return {
        "path": one.path,
        "state": one.state,
        "problem": one.problem or None,
        "storedBytes": one.bytes,
        "replication": gist.replication if gist else None,
        "run": gist.run if gist else None,
        "snapshotTime": gist.snapshot_time if gist else None,
        "lsn": gist.lsn if gist else None,
        "tables": gist.tables if gist else None,
        "rows": gist.rows if gist else None,
        "bytes": gist.bytes if gist else None,
    }
