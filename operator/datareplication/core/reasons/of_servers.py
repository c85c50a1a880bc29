"""Reasons that a PostgreSQL server gives: a connection that does not come about, a statement that fails."""

from typing import Literal

from datareplication.core.reasons.meaning import Meaning

OfServers = Literal[
    "BadConnection",
    "CredentialInConnection",
    "CannotConnect",
    "LoginRefused",
    "PasswordInClear",
    "CertificateNotVerified",
    "NoTls",
    "UnknownDatabase",
    "ConnectionsForbidden",
    "ConnectionPooler",
    "ServerTooOld",
    "ServerStarting",
    "ServerStopping",
    "TooManyConnections",
    "ConnectionLost",
    "RecoveryConflict",
    "HarmfulSetting",
    "PermissionDenied",
    "MissingRights",
    "MissingRole",
    "ReadOnlyServer",
    "ConstraintViolated",
    "SchemaMismatch",
    "StatementRefused",
    "RefusedByDatabase",
    "NotSupportedByServer",
    "MissingExtension",
    "ServerLimitReached",
    "ServerDiskFull",
    "ServerOutOfMemory",
    "TooManyLocks",
    "ServerSystemError",
    "ServerDefect",
    "ForeignServerFailed",
    "Serialization",
    "Deadlock",
    "LockTimeout",
    "ObjectInUse",
    "QueryCanceled",
]

MEANINGS: dict[OfServers, Meaning] = {
    "BadConnection": Meaning(
        "dump, load",
        "The connection string cannot be read, or has an option that libpq does not know.",
        "Correct the fields of the connection (`PREFIX_DB_CONNECTION`).",
    ),
    "CredentialInConnection": Meaning(
        "dump, load", "The connection string holds a password.", "Give it in the Secret (`PREFIX_DB_PASSWORD`)."
    ),
    "CannotConnect": Meaning(
        "dump, load",
        "The server was not reached: a name that does not resolve, a refused connection, a timeout.",
        "Check the host and the port, and whether a network policy is in the way; the attempt is made again.",
    ),
    "LoginRefused": Meaning(
        "dump, load", "The server refused the role or its password.", "Check the Secret, and the server's pg_hba.conf."
    ),
    "PasswordInClear": Meaning(
        "dump, load",
        "The server asks for the password in a way that would show it to anybody.",
        "Let pg_hba.conf ask for scram-sha-256, or use `sslMode: verify-full`.",
    ),
    "CertificateNotVerified": Meaning(
        "dump, load",
        "The server's certificate could not be verified.",
        "Give its authority as `sslRootCert`, and a host name that the certificate carries.",
    ),
    "NoTls": Meaning("dump, load", "The server offers no TLS.", "Switch it on there, or choose a weaker `sslMode`."),
    "UnknownDatabase": Meaning(
        "dump, load", "There is no database of that name on the server.", "Create it, or correct the name."
    ),
    "ConnectionsForbidden": Meaning(
        "dump, load", "The database lets nobody connect.", "`ALTER DATABASE … ALLOW_CONNECTIONS true`."
    ),
    "ConnectionPooler": Meaning(
        "dump, load", "A connection pooler answers instead of PostgreSQL.", "Connect to PostgreSQL itself."
    ),
    "ServerTooOld": Meaning("dump, load", "The server is older than PostgreSQL 14.", "Upgrade it."),
    "ServerStarting": Meaning(
        "dump, load", "The server is starting or not ready yet.", "Nothing: the attempt is made again."
    ),
    "ServerStopping": Meaning(
        "dump, load", "The server was stopped or restarted.", "Nothing: the attempt is made again."
    ),
    "TooManyConnections": Meaning(
        "dump, load",
        "The server has no free connection.",
        "Use fewer `workers`, or raise max_connections there; the attempt is made again.",
    ),
    "ConnectionLost": Meaning(
        "dump, load", "The connection to the server broke.", "Nothing: the attempt is made again."
    ),
    "RecoveryConflict": Meaning(
        "dump",
        "The standby replayed what the dump still needed.",
        "On the standby set hot_standby_feedback or raise max_standby_streaming_delay, or dump the primary.",
    ),
    "HarmfulSetting": Meaning(
        "dump, load",
        "The role has a setting under which rows or checks may get lost, and the role may not change it.",
        "`ALTER ROLE … RESET` it, as the message says.",
    ),
    "PermissionDenied": Meaning(
        "dump, load", "The role lacks a right.", "Give it the right; the message names the object."
    ),
    "MissingRights": Meaning(
        "load", "The role lacks rights on the target.", "Run the statements in the message as a superuser."
    ),
    "MissingRole": Meaning(
        "dump, load",
        "A role that the statement names does not exist.",
        "Create it, or use `owners: TargetOwner` and `grants: Drop`.",
    ),
    "ReadOnlyServer": Meaning(
        "load", "The server cannot be written: it is a standby, or read only.", "Give the primary's address."
    ),
    "ConstraintViolated": Meaning(
        "load", "Rows violate a constraint.", "The message names the constraint; correct the rows in the source."
    ),
    "SchemaMismatch": Meaning(
        "dump, load", "A name or a type is not as the statement expects it.", "The message names the object."
    ),
    "StatementRefused": Meaning(
        "load",
        "PostgreSQL refused a statement of the source's schema.",
        "PostgreSQL would refuse it from `pg_restore` as well; see [Fidelity](fidelity.md).",
    ),
    "RefusedByDatabase": Meaning(
        "dump, load",
        "Code in the database, for example of a trigger or a CHECK, raised an error.",
        "The message has that error.",
    ),
    "NotSupportedByServer": Meaning(
        "dump, load",
        "The server lacks something that a statement needs, for example a collation or an access method.",
        "Install it there, or upgrade the server.",
    ),
    "MissingExtension": Meaning(
        "load",
        "The target's server does not have an extension that the source uses.",
        "Install it on the target's server.",
    ),
    "ServerLimitReached": Meaning(
        "dump, load", "A limit of the server was reached.", "The message names it; raise it there."
    ),
    "ServerDiskFull": Meaning("dump, load", "The server's disk is full.", "Give the server room."),
    "ServerOutOfMemory": Meaning(
        "dump, load", "The server ran out of memory.", "Give the server memory, or use fewer `workers`."
    ),
    "TooManyLocks": Meaning(
        "dump, load", "A transaction needs more locks than the server allows.", "Raise max_locks_per_transaction there."
    ),
    "ServerSystemError": Meaning(
        "dump, load", "The server could not use a file of its machine.", "See the server's log."
    ),
    "ServerDefect": Meaning(
        "dump, load", "The server reports an internal error or corrupt data.", "See the server's log; check its data."
    ),
    "ForeignServerFailed": Meaning(
        "dump", "A foreign data wrapper of the source failed.", "See the foreign server, or leave its tables out."
    ),
    "Serialization": Meaning(
        "dump, load",
        "PostgreSQL rolled the transaction back, because it conflicted with other transactions.",
        "Nothing: the attempt is made again.",
    ),
    "Deadlock": Meaning(
        "dump, load", "The transaction and another one waited for each other.", "Nothing: the attempt is made again."
    ),
    "LockTimeout": Meaning(
        "dump, load",
        "A table stayed locked by others for too long.",
        "The attempt is made again; end the session that the message names, or raise `dump.lockTimeoutSeconds`.",
    ),
    "ObjectInUse": Meaning(
        "load", "Another session uses the object that is to be changed.", "Nothing: the attempt is made again."
    ),
    "QueryCanceled": Meaning("dump, load", "Somebody canceled the statement.", "Nothing: the attempt is made again."),
}
