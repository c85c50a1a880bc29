"""Which snapshots are removed: (snapshots, rule, now) -> those that the rule does not keep. Pure.

Never removed are the newest good snapshot, snapshots in use, and those of another replication.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath

DEFAULT_KEEP = 7


@dataclass(frozen=True)
class StoredSnapshot:
    """A complete snapshot. path: below the pruned root. time: when it was taken. bytes: on the volume."""

    path: str
    replication: str
    time: datetime
    bytes: int = 0


@dataclass(frozen=True)
class Rule:
    """Which snapshots stay."""

    replication: str
    keep: int = DEFAULT_KEEP
    """How many of the newest snapshots stay, at least 1."""
    max_age_days: int | None = None
    """Older snapshots are removed, even if they are among the newest `keep`."""
    in_use: frozenset[str] = frozenset()
    """Run directories, and paths of snapshots, that are not touched."""
    in_use_since: datetime | None = None
    """When `in_use` was made. Younger snapshots are not touched either: their runs may be missing from that list."""

    def is_in_use(self, path: str) -> bool:
        """Whether the snapshot of that path, or the run whose directory it is in, is in use."""
        return path in self.in_use or directory_of(path) in self.in_use


@dataclass(frozen=True)
class Order:
    """What is to be pruned. root: the directory that holds the runs' directories."""

    root: Path
    rule: Rule


def directory_of(path: str) -> str:
    """Return the first directory of a path below the root: the run's."""
    return next(iter(PurePosixPath(path).parts), "")


def newest(snapshots: Iterable[StoredSnapshot], replication: str) -> StoredSnapshot | None:
    """Return the replication's newest snapshot."""
    return next(iter(_newest_first(snapshots, replication)), None)


def expired(snapshots: Iterable[StoredSnapshot], rule: Rule, now: datetime) -> tuple[StoredSnapshot, ...]:
    """Return the snapshots that are removed, newest first; `now` is an aware time.

    Snapshots in use count as kept: a load can fall back to them as well.
    """
    ordered = _newest_first(snapshots, rule.replication)
    return tuple(
        snapshot
        for position, snapshot in enumerate(ordered)
        if position > 0
        and (position >= rule.keep or _is_too_old(snapshot, rule, now))
        and not _is_in_use(snapshot, rule)
    )


def _newest_first(snapshots: Iterable[StoredSnapshot], replication: str) -> list[StoredSnapshot]:
    ours = [snapshot for snapshot in snapshots if snapshot.replication == replication]
    return sorted(ours, key=lambda snapshot: (snapshot.time, snapshot.path), reverse=True)


def _is_too_old(snapshot: StoredSnapshot, rule: Rule, now: datetime) -> bool:
    return rule.max_age_days is not None and now - snapshot.time > timedelta(days=rule.max_age_days)


def _is_in_use(snapshot: StoredSnapshot, rule: Rule) -> bool:
    is_young = rule.in_use_since is not None and snapshot.time >= rule.in_use_since
    return is_young or rule.is_in_use(snapshot.path)
