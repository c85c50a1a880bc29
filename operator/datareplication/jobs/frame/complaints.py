"""What the error output of pg_dump and pg_restore means: text in, an error of ours out. Pure.

A table translates their words, and the server's, to our errors. An error quotes only the server's message and the first
line of the statement: DETAIL and CONTEXT hold rows.
"""

import re

from datareplication.core.reasons import Reason
from datareplication.errors import (
    CapabilityError,
    DataError,
    ReplicationError,
    RightsError,
    StorageError,
    TransientError,
    UsageError,
)

MESSAGES: tuple[tuple[str, type[ReplicationError], Reason], ...] = (
    (r"ERROR: .*No space left on device", CapabilityError, "ServerDiskFull"),
    (r"authentication method requirement", RightsError, "PasswordInClear"),
    (r"invalid connection option", UsageError, "BadConnection"),
    (
        r"invalid snapshot identifier|snapshot \".*\" does not exist|could not import the requested snapshot",
        TransientError,
        "SnapshotLost",
    ),
    (
        r"could not (write|open|close) (to )?(output|large object TOC|TOC|data|)\s*file|pg_dump: .*No space left",
        StorageError,
        "CannotWriteSnapshot",
    ),
    (
        (
            r"could not (read from|find|seek|uncompress|stat) |did not find magic string"
            r"|unexpected (end of file|section)|input file (appears|does not|is too)|corrupt(ed)? tar"
            r"|unrecognized (archive|data block)|unsupported version \(|entry ID -?\d+ out of range"
            r"|found unexpected block ID|unexpected (data offset flag|section code)|sanity check on integer"
            r"|invalid (ENCODING item|STDSTRINGS item|SEARCHPATH item|dumpId|line in large object TOC|compression )"
        ),
        DataError,
        "SnapshotCorrupt",
    ),
    (r"out of shared memory", CapabilityError, "TooManyLocks"),
    (r"ERROR: .*out of memory", CapabilityError, "ServerOutOfMemory"),
    (r"out of memory|could not (fork|create worker process|create communication)", TransientError, "OutOfMemory"),
    (r"permission denied|must be (owner|superuser|member|able to SET ROLE)", RightsError, "PermissionDenied"),
    (r"role \".*\" does not exist", RightsError, "MissingRole"),
    (
        r"extension .* (is not available|does not exist)|could not open extension|could not access file",
        CapabilityError,
        "MissingExtension",
    ),
    (
        r"violates|could not create unique index|is not present in table|contains null values",
        DataError,
        "ConstraintViolated",
    ),
    (
        r"cache lookup failed|with OID \d+ does not exist|could not open relation with OID",
        TransientError,
        "SchemaChanged",
    ),
    (
        (
            r"connection to server|server closed|lost synchronization|terminating connection|lock timeout|deadlock"
            r"|canceling statement|too many clients|starting up|shutting down|no connection to the server"
            r"|could not (receive|send) data|SSL SYSCALL error|SSL error|SSL connection has been closed"
        ),
        TransientError,
        "ConnectionLost",
    ),
    (
        (
            r"(collation|access method|language|encoding) .*does not exist|could not create locale|not supported"
            r"|unrecognized configuration|aborting because of server version"
        ),
        CapabilityError,
        "NotSupportedByServer",
    ),
    (r"could not execute query", DataError, "StatementRefused"),
    (r"does not exist", CapabilityError, "NotSupportedByServer"),
    (r"query failed|error returned by PQ", DataError, "StatementRefused"),
    (r"a worker process died unexpectedly", TransientError, "ToolKilled"),
)
"""Text of the error output -> error and reason; the first match counts. A text without a match is unexpected.

If a name does not exist while pg_restore executes a statement of the schema, the schema is wrong. If pg_dump asks for a
name that does not exist, the server is too old or too new for this pg_dump.
"""

REMEDIES: dict[Reason, str] = {
    "ServerDiskFull": "free disk space on the target's server",
    "TooManyLocks": "raise max_locks_per_transaction of that server: it limits how many tables a transaction can lock",
    "StatementRefused": "pg_restore alone would fail too; docs/fidelity.md says which names it cannot resolve",
}

_DESCRIPTOR = re.compile(r'"?/dev/fd/\d+"?')
"""The path of an archive that a child gets as a descriptor; it means nothing to people."""

_ERROR = re.compile(r"^\w+: (error|fatal): .*|^(ERROR|FATAL): .*", re.MULTILINE)
_STOPPED = re.compile(r"^\w+: terminated by user$", re.MULTILINE)
"""What the programs print after SIGTERM, SIGINT or SIGQUIT; their exit code is then 1."""

_LOST_GRANT = re.compile(r"WARNING:  ((?:no|not all) privileges (?:were|could be) (?:granted|revoked) for .*)")
_ENTRY = re.compile(r"^pg_restore: from TOC entry \d+; \d+ \d+ (.*)", re.MULTILINE)
_STATEMENT = re.compile(r"^Command was: (.*)", re.MULTILINE)
LONGEST_ERROR = 600
LONGEST_PLACE = 200
"""Limits in characters: a message becomes part of a termination message, which is cut."""


def failure(name: str, code: int, output: str) -> ReplicationError:
    """Return the error for a child's output. name: the child's. code: its exit code, negative after a signal."""
    if code < 0:
        return TransientError(f"{name} was killed by signal {-code}", reason="ToolKilled")
    found = [match[0] for match in _ERROR.finditer(_DESCRIPTOR.sub("the archive", output))]
    if not found and (stopped := _STOPPED.search(output)):
        return TransientError(f"{stopped[0]}, that is, by a signal", reason="ToolKilled")
    said = "; ".join(found[:3])[:LONGEST_ERROR] or f"{name} ended with exit code {code}"
    for pattern, kind, reason in MESSAGES:
        if re.search(pattern, said):
            remedy = f"; {REMEDIES[reason]}" if reason in REMEDIES else ""
            return kind(f"{said}{_place(output)}{remedy}", reason=reason)
    return ReplicationError(f"{said}{_place(output)}", reason="ToolFailed")


def lost_grants(output: str) -> list[str]:
    """Return the warnings that a role could not grant or revoke rights, each once; the server makes no error of it."""
    return list(dict.fromkeys(match[1] for match in _LOST_GRANT.finditer(output)))


def _place(output: str) -> str:
    """Return where pg_restore was: the entry's kind, schema, name and owner, and its statement's first line."""
    entry, statement = _ENTRY.search(output), _STATEMENT.search(output)
    told = [f"entry {entry[1].strip()[:LONGEST_PLACE]}"] if entry else []
    told += [f"statement {statement[1].strip()[:LONGEST_PLACE]}"] if statement else []
    return f" ({', '.join(told)})" if told else ""
