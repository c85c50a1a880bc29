"""What is below a directory of the volume: complete snapshots, damaged snapshots, and what dumps left behind.

It decides which names are ours. It changes nothing, follows no symbolic link, and never looks into a hidden directory,
where a file server may keep copies of its own.
"""

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from datareplication.errors import ReplicationError, StorageError
from datareplication.jobs.model import contents
from datareplication.jobs.model.volume import Found, Inventory, State, gist_of
from datareplication.jobs.snapshot import below, store
from datareplication.jobs.snapshot.below import Directory, StrangeError

HIDDEN = re.compile(r"\.(?P<name>.+)\.(?P<kind>partial|pruned)")
LOCK = re.compile(r"\.(?P<name>.+)\.lock")

DEEPEST = 30
"""Levels of nested directories that are looked into: a directory stays open while those below it are read."""


def take(root: Path) -> Inventory:
    """Return what is below `root`; a root that is a snapshot itself has the path `.`. StorageError if unreadable."""
    taking = _Taking(root)
    with _refusing_unreadable(root), below.directory(root) as directory:
        taking.look(directory, ".", 0)
    return Inventory(tuple(taking.found), tuple(taking.locks), tuple(taking.empty))


@dataclass
class _Taking:
    """An inventory being taken. empty: deepest first."""

    root: Path
    found: list[Found] = field(default_factory=list)
    locks: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)

    def look(self, here: Directory, path: str, depth: int) -> None:
        """Add the content of a directory and of those below it."""
        entries = sorted(here.entries(), key=lambda entry: entry.name)
        directories = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        files = [entry.name for entry in entries if entry.name not in directories]
        if contents.MANIFEST in files:
            self.found.append(_looked_at(self.root / path, path))
            return
        for name in directories:
            if match := HIDDEN.fullmatch(name):
                state: State = "Partial" if match["kind"] == "partial" else "Pruned"
                self.found.append(Found(_joined(path, name), state, _size(here, name)))
        self.locks += [_joined(path, name) for name in _lone_locks(files, directories)]
        for name in directories:
            if not name.startswith(".") and depth < DEEPEST:
                with _passing_over_unreadable(here.path / name), here.directory(name) as inner:
                    self.look(inner, _joined(path, name), depth + 1)
        if not entries and depth:
            self.empty.append(path)


def _looked_at(directory: Path, path: str) -> Found:
    """Return a directory with a manifest: complete if all its files have their sizes, otherwise damaged.

    No error is raised, so a damaged snapshot does not hide others.
    """
    known = None
    try:
        manifest = store.read_manifest(directory)
        known = gist_of(manifest)
        store.check_sizes(directory, manifest)
    except ReplicationError as error:
        return Found(path, "Damaged", _size_of(directory), known, error.message)
    except Exception as error:  # noqa: BLE001 - somebody's file must not end each dump that prunes
        return Found(path, "Damaged", _size_of(directory), known, f"cannot be read: {type(error).__name__}: {error}")
    return Found(path, "Complete", manifest.stored_bytes, known)


def _size_of(directory: Path) -> int:
    with contextlib.suppress(OSError), below.directory(directory.parent) as parent:
        return _size(parent, directory.name)
    return 0


def _lone_locks(files: Sequence[str], directories: Sequence[str]) -> Iterator[str]:
    for name in files:
        match = LOCK.fullmatch(name)
        if match and f".{match['name']}.partial" not in directories:
            yield name


def _size(parent: Directory, name: str, depth: int = 0) -> int:
    """Return the bytes of the files in a directory; a file that vanishes meanwhile is not counted."""
    total = 0
    with contextlib.suppress(OSError), parent.directory(name) as here:
        for entry in here.entries():
            if not entry.is_dir(follow_symlinks=False):
                total += here.stat(entry.name).st_size
            elif depth < DEEPEST:
                total += _size(here, entry.name, depth + 1)
    return total


def _joined(path: str, name: str) -> str:
    return name if path == "." else f"{path}/{name}"


@contextlib.contextmanager
def _refusing_unreadable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}", reason="CannotReadSnapshot") from error


@contextlib.contextmanager
def _passing_over_unreadable(path: Path) -> Iterator[None]:
    """Skip directories that we may not read (lost+found), or that were removed or exchanged meanwhile."""
    with _refusing_unreadable(path), contextlib.suppress(PermissionError, FileNotFoundError, StrangeError):
        yield
