"""What is in an archive of pg_dump, as pg_restore lists it.

It owns the form of that list. It selects nothing and never reads a name, which may hold anything.
"""

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from datareplication.errors import DataError
from datareplication.jobs.tools import Tool

_ENTRY = re.compile(r"(\d+); (\d+) (\d+) ([A-Z]+(?: [A-Z]+)*) ")
_DEPENDS = re.compile(r";\s+depends on: ([\d ]+)")


@dataclass(frozen=True)
class Entry:
    """One entry. id: in the archive. catalog, oid: of the object at the source, 0 for a comment or a grant.

    kind: as pg_dump calls it; capitals of a schema's name may follow. line: for `pg_restore --use-list`. depends_on:
    ids of other entries.
    """

    id: int
    catalog: int
    oid: int
    kind: str
    line: str
    depends_on: tuple[int, ...] = ()


def entries(pg_restore: Tool, path: Path) -> list[Entry]:
    """Return an archive's entries, in the order in which they are restored; DataError when it cannot be read."""
    # The list is in the encoding of the names, and is handed back as it is.
    command: list[str | Path] = [pg_restore.path, "--list", "--verbose", path]
    done = subprocess.run(command, capture_output=True, check=False, encoding="utf-8", errors="surrogateescape")
    if done.returncode != 0:
        raise DataError(f"{path.name} cannot be read: {done.stderr.strip()[:300]}", reason="SnapshotCorrupt")
    return parsed(done.stdout.split("\n"))


def parsed(lines: Sequence[str]) -> list[Entry]:
    """Return the entries of a list that `pg_restore --list --verbose` has printed."""
    found: list[Entry] = []
    for line in lines:
        if match := _ENTRY.match(line):
            number, catalog, oid = (int(match[index]) for index in (1, 2, 3))
            found.append(Entry(number, catalog, oid, match[4], line))
        elif found and (match := _DEPENDS.fullmatch(line)):
            last = found[-1]
            ids = tuple(int(text) for text in match[1].split())
            found[-1] = Entry(last.id, last.catalog, last.oid, last.kind, last.line, ids)
    return found
