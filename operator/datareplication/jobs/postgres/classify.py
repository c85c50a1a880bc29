"""What an error of PostgreSQL means for the program: which exit code, and what to do about it.

Tables translate SQLSTATEs to our errors and, before a connection exists, libpq's text. DETAIL and CONTEXT of an error
are never quoted: they hold rows.
"""

import re

import psycopg2

from datareplication.core.reasons import Reason
from datareplication.errors import (
    CapabilityError,
    DataError,
    GuardError,
    ReplicationError,
    RightsError,
    TransientError,
    UsageError,
)
from datareplication.jobs.model.quoting import quoted

Kind = type[ReplicationError]

SQLSTATES: dict[str, tuple[Kind, Reason]] = {
    "08": (TransientError, "ConnectionLost"),
    "0L": (RightsError, "PermissionDenied"),
    "0P": (RightsError, "PermissionDenied"),
    "25006": (GuardError, "ReadOnlyServer"),
    "25P03": (TransientError, "ConnectionLost"),
    "25P04": (TransientError, "ConnectionLost"),
    "22": (DataError, "BadData"),
    "23": (DataError, "ConstraintViolated"),
    "28": (RightsError, "LoginRefused"),
    "3D000": (UsageError, "UnknownDatabase"),
    "3F": (DataError, "SchemaMismatch"),
    "40": (TransientError, "Serialization"),
    "40P01": (TransientError, "Deadlock"),
    "42501": (RightsError, "PermissionDenied"),
    "42": (DataError, "SchemaMismatch"),
    "0A": (CapabilityError, "NotSupportedByServer"),
    "44": (DataError, "ConstraintViolated"),
    "53": (CapabilityError, "ServerLimitReached"),
    "53100": (CapabilityError, "ServerDiskFull"),
    "53200": (CapabilityError, "ServerOutOfMemory"),
    "53300": (TransientError, "TooManyConnections"),
    "54": (CapabilityError, "ServerLimitReached"),
    "55P03": (TransientError, "LockTimeout"),
    "55006": (TransientError, "ObjectInUse"),
    "57": (TransientError, "ServerStopping"),
    "57014": (TransientError, "QueryCanceled"),
    "58": (CapabilityError, "ServerSystemError"),
    "72": (TransientError, "SnapshotLost"),
    "F0": (CapabilityError, "ServerSystemError"),
    "HV": (CapabilityError, "ForeignServerFailed"),
    "XX": (CapabilityError, "ServerDefect"),
    "": (DataError, "RefusedByDatabase"),
}
"""By SQLSTATE or its class, the first characters (PostgreSQL's appendix of error codes); the longest match counts.

An SQLSTATE of another class was raised by code in the database (a trigger or a CHECK's function may choose any code),
or is about the database's content. It is never a defect of ours, so the last entry is a DataError.
"""

LIMITS: tuple[tuple[str, str, Reason, str], ...] = (
    (
        "53",
        r"^out of shared memory",
        "TooManyLocks",
        "; raise max_locks_per_transaction of that server: it limits how many tables a transaction can lock",
    ),
    ("54|XX", r"^out of memory|^invalid memory alloc request size|^string buffer exceeds", "ValueTooLarge", ""),
)
"""Classes of SQLSTATE, the server's message -> reason and remedy of a CapabilityError. The SQLSTATE for a value of more
than 1 GB depends on where the value reaches the limit, and on the version."""

RECOVERY_CONFLICT_REMEDY = (
    "the standby replayed changes that conflict with this session: on the standby set hot_standby_feedback = on (helps"
    " against VACUUM on the primary) or raise max_standby_streaming_delay (helps against schema changes too), or dump"
    " the primary"
)

CONNECT_TEXTS: tuple[tuple[str, Kind, Reason, str], ...] = (
    (
        r"authentication method requirement",
        RightsError,
        "PasswordInClear",
        (
            "the server asks for the password in a way that the connection does not allow: let its pg_hba.conf ask for"
            " scram-sha-256; if the server needs the password itself (ldap, pam, radius), it must prove its name:"
            " sslMode verify-full (without it, require_auth=password in {prefix}_DB_CONNECTION sends the password to"
            " anybody)"
        ),
    ),
    (
        r"certificate verify failed|server certificate|root certificate|self.signed certificate|local issuer",
        RightsError,
        "CertificateNotVerified",
        (
            "the server's certificate could not be verified: give the authority that signed it as sslRootCert"
            " (sslrootcert in {prefix}_DB_CONNECTION), and connect by a host name that the certificate carries"
        ),
    ),
    (
        r"does not support SSL|server rejected SSL",
        RightsError,
        "NoTls",
        (
            "the server offers no TLS: switch TLS on there, or choose a weaker sslMode (sslmode in"
            " {prefix}_DB_CONNECTION), which sends everything unencrypted"
        ),
    ),
    (
        (
            r"password authentication failed|no password supplied|role \".*\" does not exist|not permitted to log in"
            r"|authentication failed|no pg_hba\.conf entry|pg_hba\.conf rejects|SCRAM"
        ),
        RightsError,
        "LoginRefused",
        "check {prefix}_DB_USERNAME and {prefix}_DB_PASSWORD (the Secret), and the server's pg_hba.conf",
    ),
    (
        r"database \".*\" does not exist",
        UsageError,
        "UnknownDatabase",
        "create it, or correct dbname in {prefix}_DB_CONNECTION",
    ),
    (
        r"permission denied for database",
        RightsError,
        "PermissionDenied",
        "GRANT CONNECT ON DATABASE {database} TO {role}",
    ),
    (
        r"not currently accepting connections",
        RightsError,
        "ConnectionsForbidden",
        "ALTER DATABASE {database} ALLOW_CONNECTIONS true",
    ),
    (
        r"unrecognized configuration parameter",
        CapabilityError,
        "ServerTooOld",
        "PostgreSQL from 14 on is supported",
    ),
    (
        r"unsupported startup parameter",
        CapabilityError,
        "ConnectionPooler",
        "this looks like a connection pooler: connect to PostgreSQL itself",
    ),
    (
        (
            r"invalid connection option|invalid (sslmode|port|channel_binding|connect_timeout|gssencmode)"
            r"|invalid integer|(definition of service|service file) .* not found|syntax error in service file"
        ),
        UsageError,
        "BadConnection",
        "correct {prefix}_DB_CONNECTION",
    ),
    (
        r"too many clients|remaining connection slots|too many connections",
        TransientError,
        "TooManyConnections",
        "the server has no free connection",
    ),
    (
        r"starting up|shutting down|in recovery mode|not yet accepting connections",
        TransientError,
        "ServerStarting",
        "the server is not ready",
    ),
)
"""Text (libpq's and the server's, in English) -> error, reason, remedy. The first match counts."""


def after_connect(error: psycopg2.Error, doing: str, *, of_rows: bool = False) -> ReplicationError:
    """Return our error for an error in a session; the message begins with `doing`, which names the object.

    of_rows: PostgreSQL's message may quote a value of a row; our message does not. An error without an SQLSTATE has
    libpq's own text: the connection is broken, and another attempt may succeed.
    """
    code = error.pgcode
    if code is None and "conflict with recovery" in str(error):
        text = f"{doing}: {_first_line(str(error))}; {RECOVERY_CONFLICT_REMEDY}"
        return TransientError(text, reason="RecoveryConflict")
    if code is None:
        return TransientError(f"{doing}: {_first_line(str(error))}", reason="ConnectionLost")
    text = error.diag.message_primary or _first_line(str(error))
    details = _details(error)
    if of_rows:
        text, details = _without_values(error, text, details)
    if code == "40001" and "conflict with recovery" in text:
        return TransientError(f"{doing}: {text}; {RECOVERY_CONFLICT_REMEDY}", reason="RecoveryConflict")
    kind, reason = next(SQLSTATES[code[:length]] for length in range(len(code), -1, -1) if code[:length] in SQLSTATES)
    remedy = ""
    for classes, pattern, limit, answer in LIMITS:
        if re.match(classes, code) and re.search(pattern, text):
            kind, reason, remedy = CapabilityError, limit, answer
    return kind(f"{doing}: {text} (SQLSTATE {code}){details}{remedy}", reason=reason)


_VALUE = re.compile(r'(invalid integer value) ".*?"(?= for)')
"""libpq quotes a part of the connection string here, which may be a password in the wrong place."""

_QUOTED = re.compile(r'".*"|(?<=: )0x.*', re.DOTALL)


def before_connect(error: psycopg2.Error, prefix: str, role: str, database: str) -> ReplicationError:
    """Return our error for a connection that failed, with the remedy.

    psycopg2 gives only a text then, and no SQLSTATE. A text without a matching pattern counts as transient: a name that
    does not resolve, a refused connection, a timeout, and a server's message in another language than English.
    """
    text = _VALUE.sub(r"\1", " ".join(str(error).split()))
    for pattern, kind, reason, remedy in CONNECT_TEXTS:
        if re.search(pattern, text, re.IGNORECASE):
            filled = remedy.format(prefix=prefix, role=quoted(role), database=quoted(database))
            return kind(f"cannot connect to {prefix}'s database: {text}; {filled}", reason=reason)
    return TransientError(f"cannot connect to {prefix}'s database: {text}", reason="CannotConnect")


_CODE = re.compile(r"^(?:PL/|SQL[ -])", re.MULTILINE)
"""How a context begins that names a function, in every language of messages."""


def _without_values(error: psycopg2.Error, text: str, details: str) -> tuple[str, str]:
    """Return a message and its details without values of rows: errors about data quote values.

    A function may write any text, hint or name into an error, by RAISE or by a statement that it makes of a value.
    """
    if error.diag.source_function == "exec_stmt_raise" or _CODE.search(error.diag.context or ""):
        return "a function raised an error", ""
    return _QUOTED.sub("…", text) if (error.pgcode or "").startswith("22") else text, details


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]


def _details(error: psycopg2.Error) -> str:
    names = {
        "constraint": error.diag.constraint_name,
        "column": error.diag.column_name,
        "hint:": error.diag.message_hint,
    }
    return "".join(f", {kind} {name}" for kind, name in names.items() if name)
