"""Two servers for the whole session, and per test a database of the same name on both."""

import contextlib
import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from psycopg2 import sql

from support import extension, server
from support.family import SUFFIXES
from support.programs import Dumped, Programs, databases, preload_workers
from support.server import Server

CHEAPLY = "STRATEGY file_copy"
"""PostgreSQL 15 and later have this option; it takes half the time of the default."""

GATE = """
    CREATE FUNCTION gate(number int) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock_shared(number);
        RETURN true;
    END $$
"""
"""Returns at once unless somebody holds the advisory lock of that number in the same database; then it waits. Gate 1 is
called while rows are copied, gate 2 while indexes are built."""

_numbers = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this directory."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.postgres)


@pytest.fixture(scope="session", autouse=True)
def _no_libpq_defaults() -> None:
    """Remove libpq's variables: a test must not pass only because of this machine's settings."""
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]


@pytest.fixture(scope="session", autouse=True)
def _fork_server(_no_libpq_defaults: None) -> None:
    """Start the server from which workers are forked with all their modules.

    All programs that run in this process share it, so that it would have the first program's modules only, and each
    worker of another program would import its own.
    """
    preload_workers()


@pytest.fixture(scope="session")
def source() -> Iterator[Server]:
    with server.running() as made:
        yield made


@pytest.fixture(scope="session")
def target() -> Iterator[Server]:
    with server.running() as made:
        yield made


@pytest.fixture
def install() -> Iterator[extension.Install]:
    """A function that gives all servers of this machine an extension with a script, until the test ends."""
    with extension.installing() as install:
        yield install


@pytest.fixture
def database() -> str:
    return f"app{next(_numbers)}x"


@pytest.fixture(scope="session")
def small(source: Server, target: Server, tmp_path_factory: pytest.TempPathFactory) -> Dumped:
    """One table of 1,000 rows in a file that is not compressed."""
    statement = "CREATE TABLE t AS SELECT i AS id, md5(i::text) AS v FROM generate_series(1, 1000) i"
    return _dumped(Programs(tmp_path_factory.mktemp("small"), source, target, "small"), "None", statement)


@pytest.fixture(scope="session")
def large(source: Server, target: Server, tmp_path_factory: pytest.TempPathFactory) -> Dumped:
    """A table whose dump takes a moment, and one whose load can be held up (see GATE)."""
    statements = [
        GATE,
        "CREATE TABLE gated AS SELECT 1 AS id",
        "ALTER TABLE gated ADD CHECK (gate(1))",
        "CREATE INDEX ON gated (gate(2))",
        "CREATE TABLE t AS SELECT i, md5(i::text) || md5((i + 1)::text) AS v FROM generate_series(1, 150000) i",
        "CREATE INDEX ON t (v)",
        "CREATE INDEX ON t (i)",
    ]
    return _dumped(Programs(tmp_path_factory.mktemp("large"), source, target, "large"), "Zstd", *statements)


def _dumped(programs: Programs, compression: str, *statements: str) -> Dumped:
    programs.source.run(f"CREATE DATABASE {programs.database}")
    programs.source.run(*statements, database=programs.database)
    assert programs.dump("--compression", compression).code == 0
    return Dumped(programs.database, programs.snapshot)


@pytest.fixture
def dumped(programs_of: Callable[[Dumped], Programs], small: Dumped) -> Programs:
    """Programs with a copy of the small snapshot and an empty target."""
    return programs_of(small)


@pytest.fixture
def programs_of(
    tmp_path: Path, source: Server, target: Server, database: str
) -> Iterator[Callable[[Dumped], Programs]]:
    """Return a function that gives programs with a copy of a snapshot and an empty target."""
    target.run(f"CREATE DATABASE {database} {CHEAPLY}")

    def make(dumped: Dumped) -> Programs:
        programs = Programs(tmp_path, source, target, database, dumped.database)
        shutil.copytree(dumped.snapshot, programs.snapshot)
        return programs

    yield make
    _drop(target, database)
    _drop(source, database)


@pytest.fixture
def programs(tmp_path: Path, source: Server, target: Server, database: str) -> Iterator[Programs]:
    """Programs between two empty databases."""
    for one in (source, target):
        one.run(f"CREATE DATABASE {database} {CHEAPLY}")
    yield Programs(tmp_path, source, target, database)
    for one in (source, target):
        _drop(one, database)


def _drop(server: Server, prefix: str) -> None:
    with contextlib.closing(server.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", [f"{prefix}%"])
        for (found,) in cursor.fetchall():
            name = sql.Identifier(found)
            cursor.execute(sql.SQL("ALTER DATABASE {} IS_TEMPLATE false").format(name))
            cursor.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


@pytest.fixture
def family(small: Dumped, source: Server, target: Server, database: str) -> Iterator[dict[str, Programs]]:
    """Programs for three databases on one server, all reading one snapshot."""
    names = {suffix: f"{database}{suffix}" for suffix in SUFFIXES}
    for name in names.values():
        target.run(f"CREATE DATABASE {name}")
    root = small.snapshot.parents[1]
    yield {suffix: Programs(root, source, target, name, small.database) for suffix, name in names.items()}
    for name in databases(target, database):
        target.run(f'DROP DATABASE "{name}" WITH (FORCE)')
