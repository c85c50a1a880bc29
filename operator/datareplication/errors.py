"""The one exception tree. Each error knows its exit code and whether another attempt can help.

The exit codes are the contract between the programs and the Job's `podFailurePolicy`: 75 (EX_TEMPFAIL of sysexits.h) is
the only one that is tried again; the others have sysexits.h's meaning where there is one.
"""

from typing import ClassVar

from datareplication.core.reasons import Reason


class ReplicationError(Exception):
    """An error with a reason for machines and a message for people.

    `reason` is one CamelCase word; it becomes a condition's reason. The message names the object or field and the
    remedy, and never holds a credential.
    """

    exit_code: ClassVar[int] = 70
    default_reason: ClassVar[Reason] = "UnexpectedError"
    in_short: ClassVar[str] = "a defect"
    """The meaning of the exit code in a few words, for the programs' help."""
    meaning: ClassVar[str] = (
        "a defect of the program; the log has the traceback. Errors of a server or of the machine have other codes"
    )
    """The meaning of the exit code, for the documents."""

    def __init__(self, message: str, *, reason: Reason | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.reason: Reason = reason or self.default_reason

    @property
    def is_transient(self) -> bool:
        """Whether the same attempt may succeed later."""
        return self.exit_code == TransientError.exit_code


class TransientError(ReplicationError):
    """Timeouts, network, a server starting or stopping, serialization, deadlock, too many connections."""

    exit_code = 75
    default_reason = "Transient"
    in_short = "try again"
    meaning = "timeouts, network, a server that starts or stops, locks; too few connections, files, processes, memory"


class UsageError(ReplicationError):
    """Bad arguments or environment of a program."""

    exit_code = 64
    default_reason = "BadArguments"
    in_short = "arguments"
    meaning = "arguments, environment, a database that does not exist"


class DataError(ReplicationError):
    """Bad data: a corrupt snapshot, a violated constraint, rows that do not add up."""

    exit_code = 65
    default_reason = "BadData"
    in_short = "data"
    meaning = "data: a corrupt or another run's snapshot, a violated constraint, rows that do not add up"


class CapabilityError(ReplicationError):
    """Something the server or this image lacks: an extension, a version."""

    exit_code = 69
    default_reason = "MissingCapability"
    in_short = "missing capability"
    meaning = "something is missing: an extension, a version of pg_dump, room on the target's server"


class StorageError(ReplicationError):
    """The snapshot's volume cannot be written or is full."""

    exit_code = 73
    default_reason = "CannotWriteSnapshot"
    in_short = "volume"
    meaning = "the snapshot's directory cannot be written, or is full"


class RightsError(ReplicationError):
    """A missing right in PostgreSQL, or credentials that it refuses."""

    exit_code = 77
    default_reason = "PermissionDenied"
    in_short = "rights"
    meaning = "rights: the message has the statements that give them"


class GuardError(ReplicationError):
    """The overwrite guard refused: the target is the source, a standby, or a database that is not ours to replace."""

    exit_code = 78
    default_reason = "GuardRefused"
    in_short = "guard"
    meaning = "the guard refused: the target is the source, a standby, or not ours to replace"


class SpecError(ReplicationError):
    """A resource's spec that cannot be carried out. `field` is its path, e.g. `spec.schedule.timeZone`."""

    exit_code = 64
    default_reason = "InvalidSpec"

    def __init__(self, field: str, message: str, *, reason: Reason | None = None) -> None:
        super().__init__(f"{field}: {message}", reason=reason)
        self.field = field


def kinds() -> tuple[type[ReplicationError], ...]:
    """Return the kinds of errors that end a program, one for each exit code except 0, in the order of the codes."""
    return (
        UsageError,
        DataError,
        CapabilityError,
        ReplicationError,
        StorageError,
        TransientError,
        RightsError,
        GuardError,
    )


PERMANENT_EXIT_CODES: tuple[int, ...] = tuple(kind.exit_code for kind in kinds() if kind is not TransientError)
"""Exit codes for which `podFailurePolicy` has FailJob. 75 and a kill from outside (137, 143) use up an attempt."""
