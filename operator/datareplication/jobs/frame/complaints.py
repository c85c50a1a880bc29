"""What the error output of pg_dump and pg_restore means: text in, an error of ours out. Pure.

It owns the table from their words, and the server's, to our errors. It refuses to quote more than the server's message
and the first line of the statement: DETAIL and CONTEXT hold rows.
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
"""Text of the error output -> error and reason; the first that fits counts. What none fits is unexpected.

A name that is missing while pg_restore executes a statement of the schema is the schema's fault; where pg_dump asks, it
asks for what the server is too old or too new for.
"""

REMEDIES: dict[Reason, str] = {
    "ServerDiskFull": "the target's server needs room",
    "TooManyLocks": "raise max_locks_per_transaction of that server: it bounds how many tables a transaction locks",
    "StatementRefused": "pg_restore alone is refused too; docs/fidelity.md tells which names it cannot resolve",
}

_DESCRIPTOR = re.compile(r'"?/dev/fd/\d+"?')
"""A child has an archive by its descriptor, which says nothing to people."""

_ERROR = re.compile(r"^\w+: (error|fatal): .*|^(ERROR|FATAL): .*", re.MULTILINE)
_STOPPED = re.compile(r"^\w+: terminated by user$", re.MULTILINE)
"""What they say at SIGTERM, SIGINT and SIGQUIT, and end with 1."""

_LOST_GRANT = re.compile(r"WARNING:  ((?:no|not all) privileges (?:were|could be) (?:granted|revoked) for .*)")
_ENTRY = re.compile(r"^pg_restore: from TOC entry \d+; \d+ \d+ (.*)", re.MULTILINE)
_STATEMENT = re.compile(r"^Command was: (.*)", re.MULTILINE)
LONGEST_ERROR = 600
LONGEST_PLACE = 200
"""In characters; a message goes into a termination message, which is cut."""


def failure(name: str, code: int, output: str) -> ReplicationError:
    """Return the error that a child's output tells. name: the child's. code: its exit code, negative by a signal."""
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
    """Return what the server only warns of where a role may not give or take a right, each once."""
    return list(dict.fromkeys(match[1] for match in _LOST_GRANT.finditer(output)))


def _place(output: str) -> str:
    """Return where pg_restore was: the entry's kind, schema, name and owner, and its statement's first line."""
    entry, statement = _ENTRY.search(output), _STATEMENT.search(output)
    told = [f"entry {entry[1].strip()[:LONGEST_PLACE]}"] if entry else []
    told += [f"statement {statement[1].strip()[:LONGEST_PLACE]}"] if statement else []
    return f" ({', '.join(told)})" if told else ""
