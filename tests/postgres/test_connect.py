"""Connections that fail: their reason, and what the message says to do."""

import contextlib
import io
import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from datareplication.core.report import Report
from datareplication.jobs.commands import load as load_command
from datareplication.jobs.frame import program
from datareplication.jobs.load import steps
from support import server
from support.programs import Dumped, Programs
from support.server import Server


@pytest.fixture
def reader(tmp_path: Path, source: Server, target: Server, small: Dumped) -> Programs:
    """Programs that dump a database that other tests dump too."""
    return Programs(tmp_path, source, target, small.database)


def test_a_wrong_password_is_a_right_that_is_missing(reader: Programs) -> None:
    dumped = reader.dump(PROD_DB_PASSWORD="wrong-password")
    assert dumped.summary == (77, "LoginRefused")
    assert "PROD_DB_PASSWORD" in dumped.report.message
    assert not reader.snapshot.parent.exists() or list(reader.snapshot.parent.iterdir()) == []


def test_an_unknown_role_is_a_right_that_is_missing(reader: Programs) -> None:
    assert reader.dump(PROD_DB_USERNAME="nobody-known").summary == (77, "LoginRefused")


def test_an_unknown_database_is_named(reader: Programs) -> None:
    dumped = reader.dump(PROD_DB_CONNECTION=reader.source.conninfo("absent"))
    assert dumped.summary == (64, "UnknownDatabase")
    assert '"absent"' in dumped.report.message


def test_a_database_closed_to_the_role_is_answered_with_the_grant(programs: Programs) -> None:
    role = f"{programs.database}_reader"
    programs.source.run(
        f"CREATE ROLE {role} LOGIN PASSWORD '{server.PASSWORD}'",
        f"REVOKE CONNECT ON DATABASE {programs.database} FROM PUBLIC",
    )
    dumped = programs.dump(PROD_DB_USERNAME=role)
    assert dumped.summary == (77, "PermissionDenied")
    assert f'GRANT CONNECT ON DATABASE "{programs.database}" TO "{role}"' in dumped.report.message


@pytest.mark.parametrize(
    "conninfo",
    ["host=does-not-resolve.invalid dbname=app", "host=127.0.0.1 port={free} dbname=app"],
    ids=["a name that does not resolve", "a port where nobody listens"],
)
def test_an_unreachable_server_is_worth_another_attempt(reader: Programs, conninfo: str) -> None:
    dumped = reader.dump(PROD_DB_CONNECTION=conninfo.format(free=_free_port()))
    assert dumped.summary == (75, "CannotConnect")


def test_a_server_that_never_answers_is_given_up(reader: Programs) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        conninfo = f"host=127.0.0.1 port={port} dbname=app connect_timeout=2 sslmode=disable"
        assert reader.dump(PROD_DB_CONNECTION=conninfo).summary == (75, "CannotConnect")


@pytest.mark.parametrize(
    ("conninfo", "reason", "named"),
    [
        ("host=127.0.0.1 port=1", "BadConnection", "no dbname"),
        ("this is no conninfo", "BadConnection", "PROD_DB_CONNECTION"),
        ("host=127.0.0.1 dbname=app password=canary-5f0d2c9e", "CredentialInConnection", "PROD_DB_PASSWORD"),
        ("postgresql://u:canary-5f0d2c9e@127.0.0.1/app", "CredentialInConnection", "PROD_DB_PASSWORD"),
        ("postgresql://u:canary-5f0d2c9e@127.0.0.1/app?sslmode", "BadConnection", "PROD_DB_CONNECTION"),
        ("host=127.0.0.1 dbname=app sslmode=nonsense", "BadConnection", "PROD_DB_CONNECTION"),
    ],
)
def test_a_bad_connection_string_is_an_argument_to_correct(
    reader: Programs, conninfo: str, reason: str, named: str
) -> None:
    dumped = reader.dump(PROD_DB_CONNECTION=conninfo)
    assert dumped.summary == (64, reason)
    assert named in dumped.report.message


def test_a_full_server_is_worth_another_attempt(programs: Programs) -> None:
    role = f"{programs.database}_one"
    programs.source.run(f"CREATE ROLE {role} LOGIN PASSWORD '{server.PASSWORD}' CONNECTION LIMIT 0")
    assert programs.dump(PROD_DB_USERNAME=role).summary == (75, "TooManyConnections")


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    """A server with a certificate for `localhost` that it signed itself, and the certificate's path."""
    directory = tmp_path_factory.mktemp("tls")
    key, certificate = directory / "key.pem", directory / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    with server.running(files={"server.key": key.read_bytes(), "server.crt": certificate.read_bytes()}) as made:
        made.run("ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()")
        made.run("CREATE DATABASE app")
        yield made, certificate


@pytest.mark.parametrize(
    ("host", "has_certificate", "summary"),
    [
        ("localhost", True, (0, "Dumped")),
        ("localhost", False, (77, "CertificateNotVerified")),
        ("127.0.0.1", True, (77, "CertificateNotVerified")),
    ],
    ids=["the right name and authority", "an unknown authority", "another name"],
)
def test_verify_full(
    reader: Programs, tls: tuple[Server, Path], host: str, has_certificate: bool, summary: tuple[int, str]
) -> None:
    secured, certificate = tls
    conninfo = f"host={host} port={secured.port} dbname=app sslmode=verify-full"
    conninfo += f" sslrootcert={certificate if has_certificate else '/nonexistent/ca.crt'}"
    dumped = reader.dump(PROD_DB_CONNECTION=conninfo)
    assert dumped.summary == summary
    assert has_certificate or "sslRootCert" in dumped.report.message


def test_verify_full_against_the_systems_authorities(
    reader: Programs, tls: tuple[Server, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without sslRootCert the operator uses the public authorities; psycopg2 and pg_dump must both find them."""
    secured, certificate = tls
    conninfo = f"host=localhost port={secured.port} dbname=app sslmode=verify-full sslrootcert=system"
    assert reader.dump(PROD_DB_CONNECTION=conninfo).summary == (77, "CertificateNotVerified")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert reader.dump(PROD_DB_CONNECTION=conninfo).code == 0


def test_a_server_without_tls_is_refused_when_tls_is_asked_for(reader: Programs) -> None:
    conninfo = reader.source.conninfo(reader.database) + " sslmode=require"
    assert reader.dump(PROD_DB_CONNECTION=conninfo).summary == (77, "NoTls")


@pytest.mark.parametrize(
    "password", ["1000", "2000", "1234", "Succeeded", "Loaded", '"', 'a"b\\c', "Data", "exitCode", "info"]
)
def test_no_password_ends_a_finished_load_otherwise(dumped: Programs, password: str) -> None:
    """Once a load with the password 2000 replaced its target, but ended with exit code 1: its report was not JSON."""
    role = f"{dumped.database}_loader"
    dumped.target.run(f"CREATE ROLE {role} SUPERUSER LOGIN")
    dumped.target.run(f"ALTER ROLE {role} PASSWORD '{password}'")
    login = {"DEV_DB_USERNAME": role, "DEV_DB_PASSWORD": password}
    environment = dumped.environment(**login)
    options = ["--target", "dev", "--run-uid", "run-1", "--workers", "1"]
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        code = program.run(lambda: load_command.parse(options, environment), steps.load, environment)
    report = Report.from_json(dumped.termination_message.read_text())
    assert report is not None
    assert (code, report.outcome, report.reason, report.exit_code) == (0, "Succeeded", "Loaded", 0)
    assert (report.tables, report.rows, report.snapshot) == (1, 1000, str(dumped.snapshot))
    lines = [json.loads(line) for line in output.getvalue().splitlines()]
    assert Report.from_json(json.dumps(lines[-1]["report"])) == report
    assert "Data" in [line["progress"]["phase"] for line in lines if "progress" in line]
    assert dumped.target.run("SELECT count(*) FROM t", database=dumped.database) == [(1000,)]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
