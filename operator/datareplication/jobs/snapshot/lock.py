"""The lock beside a snapshot, `.<name>.lock`: the dump that writes the snapshot holds it until the dump has ended.

This module creates and removes the lock file, and never writes to it.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from datareplication.errors import TransientError
from datareplication.jobs.snapshot import below
from datareplication.jobs.snapshot.below import Directory


@contextlib.contextmanager
def held(directory: Path, parent: Directory) -> Iterator[None]:
    """Hold the lock that keeps two dumps from writing the same snapshot.

    parent: the directory of the lock file. TransientError if another dump holds the lock, OSError if the file cannot be
    created.
    """
    name = _lock_name(directory.name)
    with contextlib.ExitStack() as stack:
        descriptor = stack.enter_context(_opened(parent, name))
        if not _lock(descriptor) or not _is_same(descriptor, parent, name):
            raise TransientError(f"another dump is writing {directory}", reason="SnapshotBusy")
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                parent.unlink(name)


@contextlib.contextmanager
def abandoned(directory: Path) -> Iterator[bool]:
    """Yield whether no dump writes this snapshot; if so, none can begin while the body runs.

    Also False if the file system has no locks: then it is unknown whether the snapshot is abandoned.
    """
    name = _lock_name(directory.name)
    with below.directory(directory.parent) as parent, _opened(parent, name) as descriptor:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_ours = _is_same(descriptor, parent, name)
        except OSError:
            is_ours = False
        try:
            yield is_ours
        finally:
            if is_ours:
                with contextlib.suppress(OSError):
                    parent.unlink(name)


def remove(directory: Path) -> None:
    """Remove the lock of a dump that was killed right after publishing; a lock that is held stays."""
    with contextlib.suppress(OSError):  # a lock that stays is in nobody's way
        with below.directory(directory.parent) as parent:
            parent.stat(_lock_name(directory.name))
        with abandoned(directory):
            pass


def is_abandoned(directory: Path) -> bool:
    """Whether no dump writes this snapshot now; nothing is changed for this."""
    name = _lock_name(directory.name)
    try:
        with below.directory(directory.parent) as parent, _opened(parent, name, os.O_RDONLY) as descriptor:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _opened(parent: Directory, name: str, flags: int = os.O_RDWR | os.O_CREAT) -> Iterator[int]:
    """Yield a file's descriptor; the file's content stays, since the file may be somebody else's."""
    descriptor = parent.open(name, flags)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _lock_name(name: str) -> str:
    return f".{name}.lock"


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a network file system without locks: the Job's podReplacementPolicy prevents two pods at once
    return True


def _is_same(descriptor: int, parent: Directory, name: str) -> bool:
    """Whether the locked file still has its name: its last holder removes the name."""
    try:
        return os.path.samestat(os.fstat(descriptor), parent.stat(name))
    except FileNotFoundError:
        return False
