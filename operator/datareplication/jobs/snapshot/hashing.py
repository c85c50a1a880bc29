"""Whole files of a snapshot: hashed, and given to children as descriptors."""

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
    """Return the description of a file that another program wrote, when the file is on the disk. It has no rows.

    tick: called after each chunk; an error that it raises ends the reading.
    """
    with storing(path), below.directory(root) as directory, directory.reading(path) as file:
        os.fsync(file.fileno())
        size = os.fstat(file.fileno()).st_size
    return Part(path, 0, size, size, sha256_of(root, path, tick))


def sha256_of(root: Path, path: str, tick: Callable[[], None] = nothing) -> str:
    """Return the sha256 of a whole file. Errors are those of `reading`. tick: as for hashed_file."""
    with descriptor_of(root, path) as descriptor, reading(path):
        return sha256_of_descriptor(descriptor, tick)


def sha256_of_descriptor(descriptor: int, tick: Callable[[], None]) -> str:
    """Return the sha256 of a whole file, whatever the descriptor's position. tick: as for hashed_file."""
    found, offset = hashlib.sha256(), 0
    while data := os.pread(descriptor, CHUNK_BYTES, offset):
        found.update(data)
        offset += len(data)
        tick()
    return found.hexdigest()


@contextlib.contextmanager
def descriptor_of(root: Path, path: str) -> Iterator[int]:
    """Yield a descriptor of a file, for a child to read. Errors are those of `reading`."""
    with reading(path), below.directory(root) as directory:
        descriptor = directory.open(path)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
