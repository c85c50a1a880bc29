"""The table of contents of pg_dump's archive, and lists of entries for pg_restore to restore.

Entries are known by their catalog and oid at the source, never by name: a name may hold any character.
"""

import re
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from datareplication.errors import DataError
from datareplication.jobs.tools import Tool

PUBLIC_SCHEMA = (2615, 2200)
"""Catalog and oid, the same in all databases (PG_PUBLIC_NAMESPACE). One that was made anew has another oid."""

_LINE = re.compile(r"(\d+); (\d+) (\d+) (.*)")


@dataclass(frozen=True)
class Entry:
    """One entry. id: in this archive. catalog and oid: of the object at the source, 0 where it has none."""

    id: int
    catalog: int
    oid: int
    line: str

    @property
    def is_attachment(self) -> bool:
        """Whether it makes an index a partition of another."""
        return _LINE.sub(r"\4", self.line).startswith("INDEX ATTACH ")

    @property
    def is_public_schema(self) -> bool:
        """Whether it is the schema that every new database starts with."""
        return (self.catalog, self.oid) == PUBLIC_SCHEMA

    @property
    def owner(self) -> str:
        """The owner of the public schema, as the archive spells it."""
        return _LINE.sub(r"\4", self.line).removeprefix("SCHEMA - public ")


def entries(pg_restore: Tool, path: Path, *options: str) -> list[Entry]:
    """Return the entries of an archive in its order; `options` choose, e.g. `--section=post-data`.

    An archive that pg_restore cannot read is a DataError.
    """
    command: list[str | Path] = [pg_restore.path, "--list", *options, path]
    done = subprocess.run(command, capture_output=True, text=True, errors="surrogateescape", check=False)
    if done.returncode:
        raise DataError(f"{path.name} cannot be read by pg_restore", reason="SnapshotCorrupt")
    return list(parse(done.stdout.splitlines()))


def parse(lines: Iterable[str]) -> Iterator[Entry]:
    """Yield the entries that `pg_restore --list` prints; its comments begin with a semicolon."""
    for line in lines:
        if match := _LINE.fullmatch(line):
            yield Entry(int(match[1]), int(match[2]), int(match[3]), line)


@contextmanager
def use_list(ids: Iterable[int]) -> Iterator[str]:
    """Yield pg_restore's option that restores just these entries, in this order."""
    with NamedTemporaryFile("w", prefix="entries-", suffix=".list") as file:
        # The number is all that pg_restore reads of a line.
        file.writelines(f"{number};\n" for number in ids)
        file.flush()
        yield f"--use-list={file.name}"
