"""Checks a snapshot on the volume file by file: sizes, sha256, and that each part can be decompressed."""

from collections.abc import Iterator
from pathlib import Path

from datareplication.errors import DataError
from datareplication.jobs.model.manifest import Manifest, Part
from datareplication.jobs.snapshot import below, store
from datareplication.jobs.snapshot.hashing import sha256_of
from datareplication.jobs.snapshot.parts import CHUNK_BYTES, PartReader


def faults(directory: Path, manifest: Manifest) -> Iterator[str]:
    """Yield what is wrong, a sentence for each file; nothing if all files are as they were dumped.

    Each file is read to its end. StorageError if the volume cannot be read.
    """
    for part in manifest.parts:
        try:
            with below.directory(directory) as here:
                store.check_size(here, part)
            if part in manifest.archives:
                _check_archive(directory, part)
            else:
                _read_through(directory, part)
        except DataError as error:
            yield error.message


def _check_archive(directory: Path, archive: Part) -> None:
    if sha256_of(directory, archive.path) != archive.sha256:
        raise DataError(f"{archive.path} does not match its sha256", reason="SnapshotCorrupt")


def _read_through(directory: Path, part: Part) -> None:
    with PartReader(directory, part, lambda _: None) as reader:
        while reader.read(CHUNK_BYTES):
            pass
