"""The lock beside a snapshot, `.<name>.lock`: held by the dump that writes it, free when that one is done or dead.

It owns the file and its end. It refuses to know what is locked, and never writes to the file.
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

    parent: the directory that it lies in. A dump that holds it is a TransientError, a lock that cannot be made an
    OSError.
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
    """Yield whether no dump writes this snapshot, and let none begin while the body runs.

    False also where the file system cannot tell: what cannot be locked is never known to be abandoned.
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
    """Remove the lock of a dump that was killed when it had just published; one that is held stays."""
    with contextlib.suppress(OSError):  # it is in nobody's way
        with below.directory(directory.parent) as parent:
            parent.stat(_lock_name(directory.name))
        with abandoned(directory):
            pass


def is_abandoned(directory: Path) -> bool:
    """Whether no dump writes this snapshot now; nothing is changed to find out."""
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
    """Yield a file's descriptor; what is in it stays, whosever it is."""
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
        return True  # a network file system without locks: the Job's podReplacementPolicy keeps two pods apart
    return True


def _is_same(descriptor: int, parent: Directory, name: str) -> bool:
    """Whether the locked file still has its name: its last holder removes it."""
    try:
        return os.path.samestat(os.fstat(descriptor), parent.stat(name))
    except FileNotFoundError:
        return False
