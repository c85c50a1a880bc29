"""What lies below a directory of the volume: complete snapshots, damaged ones, and what dumps left behind.

It owns how each is told from what is not ours. It reads only; it never follows a symbolic link and never looks into a
hidden directory (a file server's own copies are in one).
"""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from datareplication.core import times
from datareplication.errors import DataError, ReplicationError, StorageError
from datareplication.jobs import retention, snapshot
from datareplication.jobs.manifest import Manifest

HIDDEN = re.compile(r"\.(?P<name>.+)\.(?P<kind>partial|pruned)")
LOCK = re.compile(r"\.(?P<name>.+)\.lock")


@dataclass(frozen=True)
class Found:
    """A snapshot, or what is left of one. path: below the root. bytes: on the volume. problem: what a damaged one has.

    Partial ones are being written, or their dump has died; Pruned ones were being removed.
    """

    path: str
    state: Literal["Complete", "Damaged", "Partial", "Pruned"]
    bytes: int = 0
    manifest: Manifest | None = None
    problem: str = ""

    @property
    def time(self) -> datetime | None:
        """When it was taken."""
        return times.from_text(self.manifest.snapshot_time) if self.manifest else None


@dataclass(frozen=True)
class Inventory:
    """Everything of ours below a root. locks: those without a partial snapshot. empty: directories, deepest first."""

    found: tuple[Found, ...]
    locks: tuple[str, ...]
    empty: tuple[str, ...]

    @property
    def complete(self) -> list[retention.Snapshot]:
        """The complete snapshots, as the retention rule sees them."""
        return [
            retention.Snapshot(one.path, one.manifest.run.replication, one.time, one.bytes)
            for one in self.found
            if one.state == "Complete" and one.manifest and one.time
        ]


def take(root: Path) -> Inventory:
    """Return what lies below `root` (the root itself, when it is a snapshot, as `.`); StorageError when unreadable."""
    found: list[Found] = []
    locks: list[str] = []
    empty: list[str] = []
    for directory, directories, files in os.walk(root, onerror=_refuse_unreadable):
        here = Path(directory)
        if snapshot.MANIFEST in files:
            found.append(_looked_at(here, _below(root, here)))
            directories.clear()
            continue
        if not directories and not files and here != root:
            empty.append(_below(root, here))
        left = [(name, match["kind"]) for name in directories if (match := HIDDEN.fullmatch(name))]
        found += [_left_over(here / name, _below(root, here / name), kind) for name, kind in left]
        locks += [_below(root, here / name) for name in _lone_locks(files, directories)]
        directories[:] = sorted(name for name in directories if not name.startswith("."))
    return Inventory(tuple(found), tuple(locks), tuple(reversed(empty)))


def _looked_at(directory: Path, path: str) -> Found:
    """Return a directory with a manifest: complete when all its files have their sizes."""
    try:
        manifest = snapshot.read_manifest(directory)
        times.from_text(manifest.snapshot_time)
    except (ReplicationError, ValueError) as error:
        return Found(path, "Damaged", _size(directory), problem=str(error))
    try:
        snapshot.check_sizes(directory, manifest)
    except DataError as error:
        return Found(path, "Damaged", _size(directory), manifest, error.message)
    return Found(path, "Complete", sum(part.stored_bytes for part in manifest.parts), manifest)


def _left_over(directory: Path, path: str, kind: str) -> Found:
    return Found(path, "Partial" if kind == "partial" else "Pruned", _size(directory))


def _lone_locks(files: Sequence[str], directories: Sequence[str]) -> Iterator[str]:
    for name in files:
        match = LOCK.fullmatch(name)
        if match and f".{match['name']}.partial" not in directories:
            yield name


def _size(directory: Path) -> int:
    """Return the bytes of the files in a directory; what vanishes meanwhile is not counted."""
    total = 0
    for parent, _, files in os.walk(directory):
        for name in files:
            try:
                total += (Path(parent) / name).lstat().st_size
            except OSError:
                continue
    return total


def _below(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()


def _refuse_unreadable(error: OSError) -> None:
    """Pass over what is not ours to read (lost+found) or was removed meanwhile."""
    if not isinstance(error, PermissionError | FileNotFoundError):
        text = f"cannot read {error.filename}: {error.strerror}"
        raise StorageError(text, reason="CannotReadSnapshot") from error
