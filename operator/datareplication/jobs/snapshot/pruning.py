"""Removes snapshots from the volume by the retention rule, and what dead dumps left behind.

The order is: left-overs, snapshots, then directories that have become empty. `retention` decides which snapshots are
removed. A pruning may be killed at any moment: it gives a snapshot a hidden name before it removes the first file, and
the next pruning removes the rest.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from datareplication.errors import StorageError
from datareplication.jobs.frame.log import Log
from datareplication.jobs.model import retention
from datareplication.jobs.model.retention import Order
from datareplication.jobs.model.volume import Inventory
from datareplication.jobs.snapshot import below, inventory, lock, store
from datareplication.jobs.snapshot.inventory import HIDDEN, LOCK


@dataclass
class Pruned:
    """What was removed, as paths below the root, and why the rest could not be removed."""

    removed: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def say(self, log: Log) -> None:
        """Log what was removed, and as warnings what could not be removed."""
        for path in self.removed:
            log.info("removed from the volume", path=path)
        for problem in self.problems:
            log.warning("not removed from the volume", problem=problem)


def path_below(root: Path, directory: Path) -> str | None:
    """Return the path of a snapshot's directory below the root; None if it is elsewhere."""
    root, directory = root.resolve(), directory.resolve()
    return directory.relative_to(root).as_posix() if directory.is_relative_to(root) else None


def sparing(order: Order, directory: Path) -> Order:
    """Return the same order with one more snapshot in use, given by its directory."""
    path = path_below(order.root, directory)
    if path is None:
        return order
    return replace(order, rule=replace(order.rule, in_use=order.rule.in_use | {path}))


def prune(
    order: Order,
    now: datetime,
    present: Inventory | None = None,
    *,
    is_dry: bool = False,
    may_go_on: Callable[[], bool] = lambda: True,
) -> Pruned:
    """Remove left-overs and the snapshots that the rule does not keep. An unreadable root is a StorageError.

    present: what was found below the root before; None: look now. is_dry: remove nothing, only return what would be
    removed. may_go_on: asked before each snapshot is removed; if False, the next pruning removes the rest.
    """
    present = present or inventory.take(order.root)
    done = _clean(order, present, is_dry=is_dry)
    for one in retention.expired(present.complete, order.rule, now):
        if not may_go_on():
            break
        with _noting(done, one.path):
            if not is_dry:
                store.discard(order.root / one.path)
                _remove_empty_parents(order.root, one.path)
            done.removed.append(one.path)
    return done


def _clean(order: Order, present: Inventory, *, is_dry: bool) -> Pruned:
    """Remove left-overs of dead dumps and earlier prunings, never a live dump's."""
    done = Pruned()
    for path in _left_overs(order, present):
        with _noting(done, path):
            if _is_abandoned(order.root, path) if is_dry else _remove_left_over(order.root, path):
                done.removed.append(path)
    if _is_ours_alone(order) and not is_dry:
        for path in present.empty:
            if not order.rule.is_in_use(path):
                _remove_empty(order.root, Path(path))
    return done


def _is_ours_alone(order: Order) -> bool:
    """Whether the root is `<name>` in the operator's layout: then lone locks and empty directories are ours too."""
    return order.root.resolve().name == order.rule.replication


def _left_overs(order: Order, present: Inventory) -> list[str]:
    paths = [one.path for one in present.found if one.state in ("Partial", "Pruned")]
    if _is_ours_alone(order):
        paths += present.locks
    return [path for path in paths if not order.rule.is_in_use(_snapshot_of(path))]


def _snapshot_of(path: str) -> str:
    """Return the path of the snapshot that a left-over belongs to."""
    parent, _, name = path.rpartition("/")
    match = HIDDEN.fullmatch(name) or LOCK.fullmatch(name)
    of = match["name"] if match else name
    return f"{parent}/{of}" if parent else of


def _is_abandoned(root: Path, path: str) -> bool:
    return lock.is_abandoned(root / _snapshot_of(path))


def _remove_left_over(root: Path, path: str) -> bool:
    """Remove a left-over and its lock; return False if its dump is alive."""
    left = root / path
    with lock.abandoned(root / _snapshot_of(path)) as is_abandoned:
        if not is_abandoned:
            return False
        if HIDDEN.fullmatch(left.name):
            with below.directory(left.parent) as parent:
                with parent.directory(left.name) as doomed:
                    store.check_is_ours(doomed)
                parent.remove_tree(left.name)
    _remove_empty_parents(root, path)
    return True


def _remove_empty_parents(root: Path, path: str) -> None:
    _remove_empty(root, Path(path).parent)


def _remove_empty(root: Path, relative: Path) -> None:
    """Remove a directory below the root and the directories above it, as far as they are empty."""
    with contextlib.suppress(OSError), below.directory(root) as directory:
        while relative != Path():
            directory.remove_empty(str(relative))
            relative = relative.parent


@contextlib.contextmanager
def _noting(done: Pruned, path: str) -> Iterator[None]:
    try:
        yield
    except StorageError as error:
        done.problems.append(error.message)
    except FileNotFoundError:
        pass  # another pruning was faster
    except OSError as error:
        done.problems.append(f"{path}: {error.strerror}")
