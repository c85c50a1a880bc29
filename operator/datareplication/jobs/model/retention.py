"""Which snapshots go: (snapshots, rule, now) -> those beyond it. Pure.

It owns what is never removed: the newest good snapshot, one in use, one of another replication. It refuses to know
where snapshots lie and how one is removed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath

DEFAULT_KEEP = 7


@dataclass(frozen=True)
class StoredSnapshot:
    """A complete snapshot. path: below the root that is pruned. time: when it was taken. bytes: on the volume."""

    path: str
    replication: str
    time: datetime
    bytes: int = 0


@dataclass(frozen=True)
class Rule:
    """What stays. keep: so many newest ones, at least 1. max_age_days: older ones go although they are among those.

    in_use: run directories and paths of snapshots that are not touched. in_use_since: when that list was made;
    snapshots taken since then are not touched either, for their runs may be too young to be listed.
    """

    replication: str
    keep: int = DEFAULT_KEEP
    max_age_days: int | None = None
    in_use: frozenset[str] = frozenset()
    in_use_since: datetime | None = None

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
    """Return the snapshots that go, newest first; `now` is an aware time.

    Snapshots in use count among those that are kept: they are what there is to fall back to.
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
