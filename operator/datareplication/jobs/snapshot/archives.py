"""The archives of a snapshot that is loaded: each time one is handed to pg_restore it is what its dump wrote.

It owns when an archive is hashed again: a name may lead to another file by then, and a file may hold something else. It
refuses to know what pg_restore does with one.
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
"""Which file it is, its bytes, and when it was written to or changed: another one says nothing but to look again.

A change is also that Kubernetes gives the volume to another pod's group.
"""


@dataclass(frozen=True)
class Archives:
    """Archives below `root`. hashes: path -> sha256. Each process that it is given to looks for itself."""

    root: Path
    hashes: Mapping[str, str]
    _seals: dict[str, Seal] = field(default_factory=dict)

    @contextlib.contextmanager
    def opened(self, path: str, tick: Callable[[], None] = nothing) -> Iterator[int]:
        """Yield a descriptor of an archive, for a child to read; DataError when it is not what was dumped."""
        with descriptor_of(self.root, path) as descriptor:
            with reading(path):
                self._check(descriptor, path, tick)
            yield descriptor

    def check(self, tick: Callable[[], None] = nothing) -> None:
        """Refuse by DataError an archive that is not what was dumped; those that nobody has touched are not read."""
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
