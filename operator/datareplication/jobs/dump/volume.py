"""What a dump does with its volume besides writing: it checks the free space before, and prunes afterwards.

`retention` decides which snapshots are removed, and `room` whether the new snapshot fits.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from datareplication.errors import ReplicationError
from datareplication.jobs.frame.log import Log
from datareplication.jobs.frame.program import Frame
from datareplication.jobs.model import retention
from datareplication.jobs.model.manifest import Manifest
from datareplication.jobs.model.settings import DumpSettings
from datareplication.jobs.model.volume import Found, Inventory, gist_of
from datareplication.jobs.snapshot import inventory, pruning, room
from datareplication.jobs.snapshot.pruning import Pruned


def present(given: DumpSettings) -> Inventory | None:
    """Return what is on the volume; None if this dump does not prune, or cannot read the volume.

    It reads every manifest there. So it is called only once, before production has to hold an MVCC snapshot.
    """
    if given.pruning is None:
        return None
    try:
        return inventory.take(given.pruning.root)
    except (ReplicationError, OSError):
        return None


def with_published(seen: Inventory | None, given: DumpSettings, manifest: Manifest) -> Inventory | None:
    """Return what was seen before, with the snapshot that this dump has published since."""
    path = pruning.path_below(given.pruning.root, given.output) if given.pruning else None
    if seen is None or path is None:
        return seen
    return seen.including(Found(path, "Complete", manifest.stored_bytes, gist_of(manifest)))


def make_room(given: DumpSettings, seen: Inventory | None, directory: Path, tables_bytes: int, frame: Frame) -> None:
    """Raise StorageError if the snapshot cannot fit on the volume, and log a warning if it may not fit.

    seen: what was on the volume. directory: on the volume. tables_bytes: of the tables to copy, on the source's disk.
    If there is little space, the volume is pruned first: otherwise every dump would refuse a full volume, and no dump
    would ever prune it.
    """
    if _answer(given, seen, directory, tables_bytes)[0] != "Fits":
        prune(given, seen, frame)
    answer, needed, free = _answer(given, seen, directory, tables_bytes)
    if answer == "CannotFit":
        room.refuse(needed, free)
    if answer == "MayNotFit":
        frame.log.warning("the snapshot may not fit", needed=room.text(needed, free))


def prune(given: DumpSettings, seen: Inventory | None, frame: Frame) -> None:
    """Remove what the retention rule does not keep, if this dump prunes. A failure is only a warning.

    seen: what was on the volume; None: look now. If the dump is asked to stop, the next dump removes the rest; this
    dump has already published its snapshot.
    """
    if given.pruning is None:
        return
    order = pruning.sparing(given.pruning, given.output)
    if done := _warned(
        lambda: pruning.prune(order, datetime.now(UTC), seen, may_go_on=lambda: frame.stop.cause is None), frame.log
    ):
        done.say(frame.log)


def _answer(
    given: DumpSettings, seen: Inventory | None, directory: Path, tables_bytes: int
) -> tuple[room.Answer, room.Need, int]:
    needed = room.need(tables_bytes, given.compression, _previous_bytes(given, seen))
    free = room.free_bytes(directory)
    if free is None:
        return "Fits", needed, 0
    return room.answer(needed, free), needed, free


def expected_bytes(given: DumpSettings, seen: Inventory | None) -> int:
    """Return how many bytes of CSV a dump can expect: those of the newest snapshot, 0 if there is none."""
    newest = _newest(given, seen)
    return newest.gist.bytes if newest and newest.gist else 0


def _previous_bytes(given: DumpSettings, seen: Inventory | None) -> int | None:
    """Return the bytes of the replication's newest snapshot; None if none is known."""
    newest = _newest(given, seen)
    return newest.bytes if newest else None


def _newest(given: DumpSettings, seen: Inventory | None) -> Found | None:
    if given.pruning is None or seen is None:
        return None
    newest = retention.newest(seen.complete, given.pruning.rule.replication)
    return next((one for one in seen.found if newest and one.path == newest.path), None)


def _warned(work: Callable[[], Pruned], log: Log) -> Pruned | None:
    try:
        return work()
    except Exception as error:  # noqa: BLE001 - the new snapshot is published, whatever went wrong with the old ones
        log.warning("snapshots were not pruned", problem=f"{type(error).__name__}: {error}")
        return None
