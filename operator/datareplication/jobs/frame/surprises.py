"""What of Python's own errors is the machine's or the data's fault, and not a defect of ours. Pure.

A file that cannot be written beside the snapshot, no memory, no process or descriptor left: each has an exit code that
says whether another attempt can help. All others stay what they are.
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
"""Of a process' limits and of a file server's moments: another attempt may find more. The volume's files too."""

Kind = type[ReplicationError]

EXPLAINED: tuple[tuple[type[Exception], Kind, Reason, str], ...] = (
    (MemoryError, TransientError, "OutOfMemory", "out of memory: raise the limit, or use fewer workers"),
    (EOFError, TransientError, "WorkerKilled", "a process beside this one has gone, perhaps for want of memory"),
    (ConnectionError, TransientError, "WorkerKilled", "a process beside this one has gone, perhaps for want of memory"),
    (UnicodeEncodeError, UsageError, "NotUtf8", "an argument or a variable of the environment is not UTF-8"),
    (
        UnicodeDecodeError,
        DataError,
        "NotText",
        "a text of the server is none in its encoding, as SQL_ASCII allows: rename what it names",
    ),
)
"""Python's error -> ours, its reason and message; the first that fits counts."""


def explained(error: Exception) -> ReplicationError | None:
    """Return our error for one of Python's; None for what only a defect explains."""
    if isinstance(error, ReplicationError):
        return error
    for python, kind, reason, text in EXPLAINED:
        if isinstance(error, python):
            return kind(text, reason=reason)
    if isinstance(error, RuntimeError) and "start new thread" in str(error):
        return TransientError("no further thread may be started here: raise that limit", reason="OutOfResources")
    return of_system(error) if isinstance(error, OSError) else None


def of_system(error: OSError) -> ReplicationError:
    """Return our error for one of the operating system's."""
    text = f"{error.strerror or error}{f' ({error.filename})' if error.filename else ''}"
    if error.errno in SCARCE:
        return TransientError(
            f"the machine has too little left, or a file server does not answer: {text}", reason="OutOfResources"
        )
    return StorageError(f"a file or program of this machine cannot be used: {text}", reason="LocalFailure")
