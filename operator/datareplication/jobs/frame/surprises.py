"""Which of Python's own errors are caused by the machine or the data, and are no defect of ours. Pure.

Examples: a file outside of the snapshot that cannot be written; no memory, process or descriptor left. Each gets an
exit code that says whether another attempt can help. All other errors stay unexpected.
"""

import errno

from datareplication.core.reasons import Reason
from datareplication.errors import DataError, ReplicationError, StorageError, TransientError, UsageError

SCARCE = {
    errno.EAGAIN,
    errno.ENOMEM,
    errno.EMFILE,
    errno.ENFILE,
    errno.EINTR,
    errno.ETXTBSY,
    errno.ESTALE,
    errno.ETIMEDOUT,
}
"""Limits of a process or a machine, and passing failures of a file server: another attempt may succeed. This applies to
the files of the snapshot's volume too."""

Kind = type[ReplicationError]

EXPLAINED: tuple[tuple[type[Exception], Kind, Reason, str], ...] = (
    (MemoryError, TransientError, "OutOfMemory", "out of memory: raise the limit, or use fewer workers"),
    (EOFError, TransientError, "WorkerKilled", "another process of this program has gone; perhaps it had no memory"),
    (
        ConnectionError,
        TransientError,
        "WorkerKilled",
        "another process of this program has gone; perhaps it had no memory",
    ),
    (UnicodeEncodeError, UsageError, "NotUtf8", "an argument or a variable of the environment is not UTF-8"),
    (
        UnicodeDecodeError,
        DataError,
        "NotText",
        "a name from the server is not valid text, which the encoding SQL_ASCII allows: rename that object",
    ),
)
"""Python's error -> our error, its reason and message; the first match counts."""


def explained(error: Exception) -> ReplicationError | None:
    """Return our error for one of Python's errors; None if only a defect can have caused it."""
    if isinstance(error, ReplicationError):
        return error
    for python, kind, reason, text in EXPLAINED:
        if isinstance(error, python):
            return kind(text, reason=reason)
    if isinstance(error, RuntimeError) and "start new thread" in str(error):
        return TransientError("no more threads can be started here: raise that limit", reason="OutOfResources")
    return of_system(error) if isinstance(error, OSError) else None


def of_system(error: OSError) -> ReplicationError:
    """Return our error for one of the operating system's errors."""
    text = f"{error.strerror or error}{f' ({error.filename})' if error.filename else ''}"
    if error.errno in SCARCE:
        return TransientError(
            f"the machine has too few resources, or a file server does not answer: {text}", reason="OutOfResources"
        )
    return StorageError(f"a file or program of this machine cannot be used: {text}", reason="LocalFailure")
