"""Whole files of a snapshot: hashed, and handed to children by a descriptor."""

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from datareplication.jobs.model.manifest import Part
from datareplication.jobs.snapshot import below
from datareplication.jobs.snapshot.parts import CHUNK_BYTES, reading, storing


def nothing() -> None:
    """Do nothing, between two chunks."""


def hashed_file(root: Path, path: str, tick: Callable[[], None] = nothing) -> Part:
    """Return what is in a file that another program wrote, after waiting until it is on the disk. It has no rows.

    tick: called after each chunk; what it raises ends the reading.
    """
    with storing(path), below.directory(root) as directory, directory.reading(path) as file:
        os.fsync(file.fileno())
        size = os.fstat(file.fileno()).st_size
    return Part(path, 0, size, size, sha256_of(root, path, tick))


def sha256_of(root: Path, path: str, tick: Callable[[], None] = nothing) -> str:
    """Return the sha256 of a whole file; what cannot be read is what `reading` raises. tick: as hashed_file's."""
    with descriptor_of(root, path) as descriptor, reading(path):
        return sha256_of_descriptor(descriptor, tick)


def sha256_of_descriptor(descriptor: int, tick: Callable[[], None]) -> str:
    """Return the sha256 of a whole file, wherever its descriptor stands. tick: as hashed_file's."""
    found, offset = hashlib.sha256(), 0
    while data := os.pread(descriptor, CHUNK_BYTES, offset):
        found.update(data)
        offset += len(data)
        tick()
    return found.hexdigest()


@contextlib.contextmanager
def descriptor_of(root: Path, path: str) -> Iterator[int]:
    """Yield a descriptor of a file, for a child to read; what cannot be opened is what `reading` raises."""
    with reading(path), below.directory(root) as directory:
        descriptor = directory.open(path)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
