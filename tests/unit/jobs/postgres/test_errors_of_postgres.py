"""Errors of PostgreSQL become exit codes: transient errors are tried again, others are not."""

import psycopg2
import pytest
from psycopg2 import errors

from datareplication.jobs.postgres import classify


@pytest.mark.parametrize(
    ("text", "code", "reason"),
    [
        ('could not translate host name "x" to address: Name or service not known', 75, "CannotConnect"),
        ('connection to server at "x", port 5432 failed: Connection refused', 75, "CannotConnect"),
        ('connection to server at "x", port 5432 failed: timeout expired', 75, "CannotConnect"),
        ('connection to server at "x" failed: No route to host', 75, "CannotConnect"),
        ("server closed the connection unexpectedly", 75, "CannotConnect"),
        ("FATAL:  the database system is starting up", 75, "ServerStarting"),
        ("FATAL:  the database system is shutting down", 75, "ServerStarting"),
        ("FATAL:  the database system is not yet accepting connections", 75, "ServerStarting"),
        ("FATAL:  sorry, too many clients already", 75, "TooManyConnections"),
        ("FATAL:  remaining connection slots are reserved for superusers", 75, "TooManyConnections"),
        ('FATAL:  password authentication failed for user "app"', 77, "LoginRefused"),
        ("fe_sendauth: no password supplied", 77, "LoginRefused"),
        ('FATAL:  role "app" does not exist', 77, "LoginRefused"),
        ('FATAL:  role "app" is not permitted to log in', 77, "LoginRefused"),
        (
            'FATAL:  no pg_hba.conf entry for host "10.0.0.1", user "app", database "app", no encryption',
            77,
            "LoginRefused",
        ),
        ('FATAL:  database "app" does not exist', 64, "UnknownDatabase"),
        ('FATAL:  permission denied for database "app"', 77, "PermissionDenied"),
        ('FATAL:  database "app" is not currently accepting connections', 77, "ConnectionsForbidden"),
        ("SSL error: certificate verify failed", 77, "CertificateNotVerified"),
        ('server certificate for "db" does not match host name "x"', 77, "CertificateNotVerified"),
        ('root certificate file "/ca.crt" does not exist', 77, "CertificateNotVerified"),
        ("server does not support SSL, but SSL was required", 77, "NoTls"),
        (
            'authentication method requirement "!password" failed: server requested a cleartext password',
            77,
            "PasswordInClear",
        ),
        ('invalid sslmode value: "x"', 64, "BadConnection"),
        ('definition of service "x" not found', 64, "BadConnection"),
        ('syntax error in service file "/home/x/.pg_service.conf", line 2', 64, "BadConnection"),
        ("FATAL:  unsupported startup parameter in options: search_path", 69, "ConnectionPooler"),
        ("FATAL:  Passwort-Authentifizierung fehlgeschlagen", 75, "CannotConnect"),
    ],
)
def test_before_a_connection_exists(text: str, code: int, reason: str) -> None:
    found = classify.before_connect(psycopg2.OperationalError(text), "DEV", "app", "app")
    assert (found.exit_code, found.reason) == (code, reason)
    assert "DEV" in found.message


def test_a_piece_of_the_connection_string_is_not_quoted() -> None:
    text = 'invalid integer value "hunter2" for connection option "port"'
    found = classify.before_connect(psycopg2.OperationalError(text), "DEV", "app", "app")
    assert 'invalid integer value for connection option "port"; correct DEV_DB_CONNECTION' in found.message


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("08006", 75), ("57P01", 75), ("57P03", 75), ("57014", 75), ("40001", 75), ("40P01", 75), ("55P03", 75),
        ("55006", 75), ("53300", 75), ("53100", 69), ("53200", 69), ("0A000", 69), ("58P01", 69), ("XX001", 69),
        ("22P02", 65), ("22021", 65), ("23505", 65), ("23503", 65), ("42P01", 65), ("42703", 65),
        ("28P01", 77), ("28000", 77), ("42501", 77), ("25006", 78), ("3D000", 64), ("P0001", 65),
    ],
)  # fmt: skip
def test_every_class_of_sqlstate(state: str, code: int) -> None:
    kind = errors.lookup(state)
    error = kind.__new__(kind)
    error.__setstate__(
        {  # type: ignore[no-untyped-call]
            "pgcode": state,
            "pgerror": "ERROR:  it failed\nDETAIL:  Key (email)=(a@b) exists.",
        }
    )
    found = classify.after_connect(error, "copying public.t")
    assert found.exit_code == code
    assert found.message.startswith("copying public.t: ")
    assert "a@b" not in found.message


def test_a_broken_connection_has_no_sqlstate_and_is_transient() -> None:
    found = classify.after_connect(psycopg2.OperationalError("server closed the connection unexpectedly\n\tmore"), "x")
    assert (found.exit_code, found.message) == (75, "x: server closed the connection unexpectedly")
