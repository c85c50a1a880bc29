"""An archive of pg_dump in the snapshot: its content, and lists of entries for pg_restore to restore."""

import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from tempfile import NamedTemporaryFile

from datareplication.errors import DataError
from datareplication.jobs.frame import complaints, tools
from datareplication.jobs.frame.tools import Tool
from datareplication.jobs.model.archive import Contents, Entry, parsed
from datareplication.jobs.model.contents import ARCHIVE
from datareplication.jobs.snapshot import below
from datareplication.jobs.snapshot.archives import Archives


def contents(pg_restore: Tool, archives: Archives) -> Contents:
    """Return the entries of a schema's archive.

    DataError if the archive cannot be read, TransientError if pg_restore is killed.
    """
    # Only the verbose list has the dependencies; it also has entries that are never restored.
    known = _listed(pg_restore, archives, "--verbose")
    restored = {entry.id for entry in _listed(pg_restore, archives)}
    before = {entry.id for entry in _listed(pg_restore, archives, "--section=pre-data")}
    return Contents(
        tuple(entry for entry in known if entry.id in restored & before),
        tuple(entry for entry in known if entry.id in restored - before),
    )


def _listed(pg_restore: Tool, archives: Archives, *options: str) -> list[Entry]:
    # The list is in the encoding of the names; the names are not read.
    with archives.opened(ARCHIVE) as archived:
        done = subprocess.run(
            [pg_restore.path, "--list", *options, below.path_of(archived)],
            capture_output=True,
            check=False,
            encoding="utf-8",
            errors="surrogateescape",
            env=tools.environment(),
            pass_fds=[archived],
        )
    if done.returncode < 0:
        raise complaints.failure(pg_restore.path.name, done.returncode, "")
    if done.returncode != 0:
        raise DataError(f"{ARCHIVE} cannot be read: {done.stderr.strip()[:300]}", reason="SnapshotCorrupt")
    return parsed(done.stdout.split("\n"))


@contextmanager
def use_list(ids: Iterable[int]) -> Iterator[str]:
    """Yield pg_restore's option that restores exactly these entries, in this order."""
    with NamedTemporaryFile("w", prefix="entries-", suffix=".list") as file:
        # pg_restore reads only the number in a line.
        file.writelines(f"{number};\n" for number in ids)
        file.flush()
        yield f"--use-list={file.name}"
