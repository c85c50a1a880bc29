"""Whether the snapshot will fit on its volume, asked before any row is copied.

It makes the estimate and the answer. It makes no room, and does not consider other writers on the volume.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from datareplication.core import words
from datareplication.core.choices import Compression
from datareplication.errors import StorageError
from datareplication.jobs.snapshot.parts import storing

Answer = Literal["Fits", "MayNotFit", "CannotFit"]

SMALLEST_SHARE: dict[Compression, float] = {"Zstd": 0.02, "Gzip": 0.02, "None": 0.1}
"""The smallest share of the tables' bytes on disk that a snapshot can take. A row of one integer takes 36 bytes on disk
and a few as CSV; a table padded with blanks is compressed to a fiftieth. So no snapshot is refused that would fit."""

SURE_SHARE_OF_PREVIOUS = 0.5
LIKELY_SHARE_OF_PREVIOUS = 1.1
"""A database seldom halves or grows by a tenth between two snapshots."""


@dataclass(frozen=True)
class Need:
    """Bytes on the volume: certainly not less than `least`, probably not more than `likely`."""

    least: int
    likely: int


def need(tables_bytes: int, compression: Compression, previous_bytes: int | None) -> Need:
    """Return what a snapshot needs, from the tables' bytes on disk and the newest snapshot's bytes, if there is one.

    The newest snapshot is the best estimate. If the database was emptied since, its tables show it: `least` is never
    more than their bytes.
    """
    if previous_bytes is None:
        return Need(int(tables_bytes * SMALLEST_SHARE[compression]), tables_bytes)
    least = min(int(previous_bytes * SURE_SHARE_OF_PREVIOUS), tables_bytes)
    return Need(least, int(previous_bytes * LIKELY_SHARE_OF_PREVIOUS))


def answer(needed: Need, free_bytes: int) -> Answer:
    """Return whether the need fits into the free bytes."""
    if needed.least > free_bytes:
        return "CannotFit"
    return "MayNotFit" if needed.likely > free_bytes else "Fits"


def free_bytes(directory: Path) -> int | None:
    """Return how many bytes this process may still write to the volume; None if its file system does not say."""
    with storing(str(directory)):
        found = os.statvfs(directory)
    return found.f_bavail * found.f_frsize if found.f_blocks else None


def text(needed: Need, free: int) -> str:
    """Return what is needed and what is free, for people."""
    return (
        f"the snapshot needs at least {words.size(needed.least)}, probably {words.size(needed.likely)}; "
        f"{words.size(free)} are free on its volume"
    )


def refuse(needed: Need, free: int) -> None:
    """Raise the StorageError for a snapshot that cannot fit."""
    remedy = "enlarge the volume, keep fewer snapshots (spec.snapshot.retention, --keep), or remove some by"
    message = f"{text(needed, free)}: {remedy} datareplication-snapshot prune"
    raise StorageError(message, reason="VolumeFull")
