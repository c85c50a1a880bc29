"""The archives of a snapshot that is loaded: each time pg_restore gets one, the archive is what its dump wrote.

An archive is hashed again if its name may lead to another file by now, or if the file may have been changed.
"""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from datareplication.errors import DataError
from datareplication.jobs.snapshot.hashing import descriptor_of, nothing, sha256_of_descriptor
from datareplication.jobs.snapshot.parts import reading

Seal = tuple[int, int, int, int]
"""Inode, size, and times of the last write and change of a file. If any of them differs, the file is hashed again.

It may differ for a harmless reason: Kubernetes changes the group of all files for another pod.
"""


@dataclass(frozen=True)
class Archives:
    """Archives below `root`. hashes: path -> sha256. Each process that gets a copy checks the archives itself."""

    root: Path
    hashes: Mapping[str, str]
    _seals: dict[str, Seal] = field(default_factory=dict)

    @contextlib.contextmanager
    def opened(self, path: str, tick: Callable[[], None] = nothing) -> Iterator[int]:
        """Yield a descriptor of an archive, for a child to read; DataError if the archive is not what was dumped."""
        with descriptor_of(self.root, path) as descriptor:
            with reading(path):
                self._check(descriptor, path, tick)
            yield descriptor

    def check(self, tick: Callable[[], None] = nothing) -> None:
        """Raise DataError if an archive is not what was dumped; archives that nobody has changed are not read again."""
        for path in self.hashes:
            with self.opened(path, tick):
                pass

    def _check(self, descriptor: int, path: str, tick: Callable[[], None]) -> None:
        if self._seals.get(path) == (seal := _seal(descriptor)):
            return
        if sha256_of_descriptor(descriptor, tick) != self.hashes[path]:
            raise DataError(f"{path} does not match its sha256", reason="SnapshotCorrupt")
        self._seals[path] = seal


def _seal(descriptor: int) -> Seal:
    found = os.fstat(descriptor)
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
