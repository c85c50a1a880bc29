"""A real PostgreSQL server for a test: made by initdb, on loopback, in a temporary directory, stopped by its pid."""

import base64
import contextlib
import hashlib
import hmac
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2

PASSWORD = "canary-5f0d2c9e"
"""The password of all roles that tests create; no output of the programs may ever hold it."""

UNPRIVILEGED_USERS = ("postgres", "nobody")
START_DEADLINE_SECONDS = 30

MEMORY = Path("/dev/shm")  # noqa: S108 - a directory of the server's own is made in it
MEMORY_NEEDED_BYTES = 2 << 30
"""Free space that /dev/shm needs to hold servers: creating a database there takes a fifth of the time on a disk."""

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_connections": "60",
    "max_prepared_transactions": "5",
    "wal_level": "logical",
    "autovacuum": "off",
    "log_min_messages": "warning",
}


@dataclass
class Server:
    """A running server. `postgres` is its superuser."""

    directory: Path
    port: int
    binaries: Path
    settings: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The postmaster's process id."""
        assert self.process is not None
        return self.process.pid

    def conninfo(self, database: str = "postgres") -> str:
        """Return libpq's connection string without credentials."""
        return f"host=127.0.0.1 port={self.port} dbname={_quoted(database)} sslmode=disable"

    def connect(self, database: str = "postgres", role: str = "postgres") -> Any:
        """Return a psycopg2 connection in autocommit mode."""
        connection = psycopg2.connect(self.conninfo(database), user=role, password=PASSWORD)
        connection.autocommit = True
        return connection

    def run(self, *statements: str, database: str = "postgres", role: str = "postgres") -> list[tuple[Any, ...]]:
        """Run statements one by one; return the last one's rows."""
        with contextlib.closing(self.connect(database, role)) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def psql(self, *arguments: str, database: str = "postgres", role: str = "postgres") -> str:
        """Run psql; return what it prints."""
        command: list[str | Path] = [
            self.binaries / "psql",
            "-X",
            "-v",
            "ON_ERROR_STOP=1",
            "-d",
            self.conninfo(database),
            "-U",
            role,
        ]
        environment = {**os.environ, "PGPASSWORD": PASSWORD, "PGCLIENTENCODING": "UTF8"}
        done = subprocess.run([*command, *arguments], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self) -> None:
        """Start the postmaster and wait until it answers."""
        options = [
            option for key, value in {**SETTINGS, **self.settings}.items() for option in ("-c", f"{key}={value}")
        ]
        options += ["-c", f"unix_socket_directories={self.directory}", "-p", str(self.port)]
        log = (self.directory / "log").open("ab")
        with log:
            self.process = subprocess.Popen(
                [self.binaries / "postgres", "-D", self.directory / "data", *options],
                stdout=log,
                stderr=log,
                **_user(),
            )
        deadline = time.monotonic() + START_DEADLINE_SECONDS
        while True:
            with contextlib.suppress(psycopg2.OperationalError):
                self.connect().close()
                return
            assert self.process.poll() is None, (self.directory / "log").read_text()
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.02)

    def stop(self) -> None:
        """End the postmaster and its backends at once."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait()

    def wait_for(self, primary: "Server") -> None:
        """Wait until this standby has replayed all that its primary has written."""
        ((lsn,),) = primary.run("SELECT pg_current_wal_lsn()::text")
        deadline = time.monotonic() + START_DEADLINE_SECONDS
        while self.run(f"SELECT pg_last_wal_replay_lsn() >= '{lsn}'") != [(True,)]:
            assert time.monotonic() < deadline, "the standby does not follow"
            time.sleep(0.02)


def binaries() -> Path:
    """Return the newest server's directory of programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    assert found, "no PostgreSQL server on this machine: run tests/postgres/install.sh"
    return found[-1].parent


@contextlib.contextmanager
def running(
    settings: dict[str, str] | None = None,
    initdb: Sequence[str] = (),
    files: dict[str, bytes] | None = None,
    *,
    in_memory: bool = True,
    installation: Path | None = None,
) -> Iterator[Server]:
    """Yield a new server with a system identifier of its own; it is gone with the body.

    files: to put into its data directory, readable only by the server. in_memory: not for gigabytes of data.
    installation: a directory with bin, lib and share, for another version than the newest one of Debian.
    """
    with _made(settings, in_memory=in_memory, installation=installation) as server:
        _initdb(server, initdb)
        for name, content in (files or {}).items():
            path = server.directory / "data" / name
            path.write_bytes(content)
            path.chmod(0o600)
            if user := _user():
                shutil.chown(path, user["user"])
        server.start()
        yield server


@contextlib.contextmanager
def standby_of(primary: Server) -> Iterator[Server]:
    """Yield a streaming standby of a server."""
    with _made() as server:
        command: list[str | Path] = [
            server.binaries / "pg_basebackup",
            "-D",
            server.directory / "data",
            "-d",
            primary.conninfo(),
        ]
        command += ["-U", "postgres", "--no-sync", "--checkpoint=fast", "--write-recovery-conf", "-X", "stream"]
        environment = {**os.environ, "PGPASSWORD": PASSWORD}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, **_user())
        assert done.returncode == 0, done.stderr
        server.start()
        server.wait_for(primary)
        yield server


@contextlib.contextmanager
def _made(
    settings: dict[str, str] | None = None, *, in_memory: bool = True, installation: Path | None = None
) -> Iterator[Server]:
    directory = Path(tempfile.mkdtemp(prefix="datareplication-test-", dir=_scratch() if in_memory else None))
    if user := _user():
        shutil.chown(directory, user["user"])
    programs = _copied(installation, directory) if installation else binaries()
    server = Server(directory, _free_port(), programs, settings or {})
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(directory, ignore_errors=True)


def _copied(installation: Path, directory: Path) -> Path:
    """Copy an installation to a directory that the server's user may read, wherever the installation is."""
    copy = shutil.copytree(installation, directory / "installation", symlinks=True)
    return copy / "bin"


def _initdb(server: Server, options: Sequence[str]) -> None:
    password_file = server.directory / "password"
    password_file.write_text(_verifier(PASSWORD))
    command: list[str | Path] = [
        server.binaries / "initdb",
        "-D",
        server.directory / "data",
        "--no-sync",
        "--username=postgres",
    ]
    command += ["--auth=scram-sha-256", f"--pwfile={password_file}", "--encoding=UTF8", "--locale=C.UTF-8", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, **_user())
    assert done.returncode == 0, done.stderr


def _verifier(password: str) -> str:
    """Return what a server stores of a password, with one round of hashing.

    The usual 4,096 rounds are most of what a connection costs its client, and tests make tens of thousands.
    """
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 1)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    told, known, ours = (
        base64.b64encode(one).decode() for one in (salt, stored, hmac.digest(salted, b"Server Key", "sha256"))
    )
    return f"SCRAM-SHA-256$1:{told}${known}:{ours}"


def _scratch() -> Path | None:
    """Return the directory in memory if it has enough free space."""
    if not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < MEMORY_NEEDED_BYTES:
        return None
    return MEMORY


def _user() -> dict[str, Any]:
    """Return arguments for subprocess that start a child as another user: the server refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    for name in UNPRIVILEGED_USERS:
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise AssertionError("no unprivileged user to run the server as")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
