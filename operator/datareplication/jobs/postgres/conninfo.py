"""libpq's connection parameters: what the user gave, what must not be among it, and what is added.

psycopg2, pg_dump and pg_restore all get their parameters from here. They never include a password.
"""

import os
import ssl
from collections.abc import Mapping
from pathlib import Path

import psycopg2
from psycopg2 import extensions

from datareplication.errors import UsageError
from datareplication.jobs.model.connections import Connection

CREDENTIAL_PARAMETERS = ("password", "passfile", "sslpassword", "oauth_client_secret")

ADDED: Mapping[str, str] = {
    "connect_timeout": "10",
    "keepalives": "1",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    # During a checkpoint a server may not read for minutes; Linux counts a closed TCP window as unanswered data.
    "tcp_user_timeout": "300000",
    "client_encoding": "UTF8",
}
"""Parameters unless the connection string says otherwise. A dead peer is noticed after 60 s."""

VERIFIED = "verify-full"
"""The sslmode if none is given. With libpq's own default, prefer, any server that answers would get the password."""

NOT_IN_CLEAR = "!password"
"""The require_auth if none is given, for servers that have not proven their name: anything except the password itself.

A server that has proven its name may need the password itself (ldap, pam, radius)."""

REQUIRE_AUTH_SINCE = 160000
USERS_AUTHORITIES = Path(".postgresql/root.crt")
"""Where libpq looks in the user's home directory if no sslrootcert is given."""

AUTHORITIES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
"""Files in which distributions keep the certificates of public authorities."""


def parameters(connection: Connection, database: str | None = None) -> dict[str, str]:
    """Return libpq's parameters for `connection` without its password; `database` replaces the database in it.

    UsageError if libpq cannot read the string, if it holds a credential, or if it has no dbname.
    """
    given = {"sslmode": VERIFIED, **_parsed(connection), "user": connection.username}
    if given["sslmode"] == VERIFIED and "sslrootcert" not in given and not _has_users_authorities():
        given["sslrootcert"] = "system"
    if given.get("sslrootcert") == "system":
        given["sslrootcert"] = _authorities() or "system"
    added = ADDED
    if given["sslmode"] != VERIFIED and extensions.libpq_version() >= REQUIRE_AUTH_SINCE:
        added = {**ADDED, "require_auth": NOT_IN_CLEAR}
    return {**added, **given, "dbname": database or given["dbname"]}


def _parsed(connection: Connection) -> dict[str, str]:
    variable = f"{connection.prefix}_DB_CONNECTION"
    try:
        given = {key: str(value) for key, value in extensions.parse_dsn(connection.conninfo).items()}
    except psycopg2.Error as error:
        # libpq's text is not shown: it may quote a part of the string, and this may be a password in the wrong place.
        text = f"{variable} is neither a libpq connection string (host=… dbname=…) nor a postgresql:// URI"
        raise UsageError(text, reason="BadConnection") from error
    for credential in CREDENTIAL_PARAMETERS:
        if credential in given:
            text = f"{variable} must not hold {credential}; the password comes in {connection.prefix}_DB_PASSWORD"
            raise UsageError(text, reason="CredentialInConnection")
    if "dbname" not in given:
        raise UsageError(f"{variable} has no dbname", reason="BadConnection")
    return given


def _has_users_authorities() -> bool:
    try:
        return (Path.home() / USERS_AUTHORITIES).is_file()
    except (RuntimeError, OSError):  # in a container the user may have no home, or may not look into it
        return False


def _authorities() -> str | None:
    """Return the file with the certificates of public authorities; None if there is none.

    `sslrootcert=system` is not enough: pg_dump before 16 takes it for a file's name, and the OpenSSL in the wheel of
    psycopg2 looks in the directories of the machine that built it.
    """
    candidates = (os.environ.get("SSL_CERT_FILE"), ssl.get_default_verify_paths().cafile, *AUTHORITIES)
    return next((path for path in candidates if path and Path(path).is_file()), None)
