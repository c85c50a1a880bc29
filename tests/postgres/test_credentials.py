"""A password is sent only to where it is needed, and never in clear: no other server or child process gets it."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import pytest

from support import server
from support.programs import Dumped, Programs, until
from support.server import PASSWORD, Server

CLEARTEXT = b"R\0\0\0\x08\0\0\0\x03"
"""A server's request for the password in clear (AuthenticationCleartextPassword)."""


@pytest.fixture
def reader(tmp_path: Path, source: Server, target: Server, small: Dumped) -> Programs:
    """Programs that dump a database that other tests dump too."""
    return Programs(tmp_path, source, target, small.database)


def without_sslmode(one: Server, database: str) -> str:
    return f"host=127.0.0.1 port={one.port} dbname={database}"


def test_a_server_without_tls_is_refused_unless_that_is_asked_for(reader: Programs) -> None:
    dumped = reader.dump(PROD_DB_CONNECTION=without_sslmode(reader.source, reader.database))
    assert dumped.summary == (77, "NoTls")
    assert "PROD_DB_CONNECTION" in dumped.report.message
    assert reader.dump(PROD_DB_CONNECTION=f"{without_sslmode(reader.source, reader.database)} sslmode=prefer").code == 0


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PGSSLMODE", "disable"),
        ("PGHOSTADDR", "203.0.113.1"),
        ("PGSERVICE", "elsewhere"),
        ("PGSSLROOTCERT", "/nonexistent"),
        ("PGREQUIREAUTH", "none"),
        ("PGCHANNELBINDING", "require"),
        ("PGTARGETSESSIONATTRS", "standby"),
        ("PGOPTIONS", "-c default_transaction_read_only=on -c statement_timeout=1"),
        ("PGCLIENTENCODING", "nonsense"),
        ("PGDATESTYLE", "SQL, DMY"),
        ("PGTZ", "Asia/Tokyo"),
        ("PGSYSCONFDIR", "/nonexistent"),
        ("PGKRBSRVNAME", "x"),
        ("PGPASSFILE", "/nonexistent"),
        ("PGGSSENCMODE", "require"),
    ],
)
def test_no_variable_of_libpqs_changes_where_or_how_the_programs_connect(
    reader: Programs, variable: str, value: str
) -> None:
    dumped = reader.start("dump", file_limit_kib=None, **{variable: value}).end()
    assert dumped.summary == (0, "Dumped")
    warned = [line for line in dumped.lines if line["level"] == "warning"]
    assert [line["variables"] for line in warned] == [[variable]]
    refused = reader.start(
        "dump", run="run-2", file_limit_kib=None, **{variable: value}, CSV_OUTPUT_PATH=str(reader.root / "x"),
        PROD_DB_CONNECTION=without_sslmode(reader.source, reader.database),
    ).end()  # fmt: skip
    assert refused.summary == (77, "NoTls")


@contextlib.contextmanager
def asking(method: str) -> Iterator[Server]:
    """Yield a server that asks for the password by a method of pg_hba.conf."""
    with server.running({"password_encryption": "md5"} if method == "md5" else {}) as made:
        (made.directory / "data" / "pg_hba.conf").write_text(f"host all all 127.0.0.1/32 {method}\n")
        rules = "SELECT auth_method FROM pg_hba_file_rules"
        made.run(f"ALTER ROLE postgres PASSWORD '{PASSWORD}'", "SELECT pg_reload_conf()")
        until(lambda: _asks(made, rules) == [(method,)], "the server asks anew")
        made.run("CREATE DATABASE app", "CREATE DATABASE copy")
        made.run("CREATE TABLE t AS SELECT 1 AS id", database="app")
        yield made


def _asks(made: Server, rules: str) -> object:
    with contextlib.suppress(psycopg2.Error):
        return made.run(rules)
    return None


@pytest.fixture(scope="module")
def clear() -> Iterator[Server]:
    with asking("password") as made:
        yield made


@pytest.fixture
def both(tmp_path: Path) -> Callable[[Server], Programs]:
    """Return a function that gives programs between two databases of a server."""
    return lambda one: Programs(tmp_path, one, one, "copy", "app")


def test_a_server_that_asks_for_the_password_in_clear_does_not_get_it(
    clear: Server, both: Callable[[Server], Programs]
) -> None:
    programs = both(clear)
    dumped = programs.dump()
    assert dumped.summary == (77, "PasswordInClear")
    assert "require_auth=password in PROD_DB_CONNECTION" in dumped.report.message
    allowed = {
        name: f"{programs.environment()[name]} require_auth=password"
        for name in ("PROD_DB_CONNECTION", "DEV_DB_CONNECTION")
    }
    assert programs.dump(**allowed).code == 0
    assert programs.load().summary == (77, "PasswordInClear")
    assert programs.load("--overwrite", "Any", **allowed).code == 0


def test_a_server_that_only_pretends_never_sees_the_password(reader: Programs) -> None:
    heard: list[bytes] = []

    def pretend(listening: socket.socket) -> None:
        peer, _ = listening.accept()
        with peer:
            heard.append(peer.recv(1000))
            peer.sendall(CLEARTEXT)
            heard.append(peer.recv(1000))

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=pretend, args=(listening,))
        thread.start()
        conninfo = f"host=127.0.0.1 port={listening.getsockname()[1]} dbname=app sslmode=disable"
        assert reader.dump(PROD_DB_CONNECTION=conninfo).summary == (77, "PasswordInClear")
        thread.join()
    assert heard[0]
    assert PASSWORD.encode() not in b"".join(heard)


def test_a_server_that_still_asks_by_md5_is_served(both: Callable[[Server], Programs]) -> None:
    with asking("md5") as made:
        programs = both(made)
        assert programs.dump().code == 0
        assert programs.load("--overwrite", "Any").code == 0


def test_what_a_connection_string_demands_holds_for_the_children_too(
    clear: Server, both: Callable[[Server], Programs]
) -> None:
    conninfo = f"{clear.conninfo('app')} require_auth=scram-sha-256"
    assert both(clear).dump(PROD_DB_CONNECTION=conninfo).summary == (77, "PasswordInClear")


def test_only_pg_dump_and_pg_restore_have_the_password_in_their_environment(
    programs_of: Callable[[Dumped], Programs], large: Dumped
) -> None:
    programs = programs_of(large)
    for name in ("dump", "load"):
        child = programs.start(
            name,
            "--workers",
            "2",
            CSV_OUTPUT_PATH=str(programs.root / "again") if name == "dump" else str(programs.snapshot),
        )
        seen: dict[str, bool] = {}
        while child.process.poll() is None:
            seen |= {command: has for command, has in _descendants(child.process.pid) if command not in seen or has}
            time.sleep(0.005)
        assert child.end().code == 0
        assert any("forkserver" in command for command in seen)
        having = {command for command, has in seen.items() if has}
        assert all("pg_dump" in command or "pg_restore" in command for command in having), having
        assert not any("--list" in command or "--version" in command for command in having)


def _descendants(pid: int) -> Iterator[tuple[str, bool]]:
    """Yield (command line, whether its environment has a password) of a process' descendants."""
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                with contextlib.suppress(OSError):
                    command = Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode()
                    environment = Path(f"/proc/{child}/environ").read_bytes()
                    # Between fork and exec a child still has our environment; during exec the kernel shows none.
                    if command and "-m datareplication.jobs." not in command:
                        yield command, PASSWORD.encode() in environment
                yield from _descendants(int(child))
