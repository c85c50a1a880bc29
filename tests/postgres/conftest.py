"""Two servers for the whole session, and per test a database of the same name on both."""

import contextlib
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import server
from programs import Programs
from server import Server

_numbers = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this directory."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.postgres)


@pytest.fixture(scope="session", autouse=True)
def _no_libpq_defaults() -> None:
    """Take away what would let a test pass by this machine's own settings."""
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]


@pytest.fixture(scope="session")
def source() -> Iterator[Server]:
    with server.running() as made:
        yield made


@pytest.fixture(scope="session")
def target() -> Iterator[Server]:
    with server.running() as made:
        yield made


@pytest.fixture
def database() -> str:
    return f"app{next(_numbers)}"


@pytest.fixture
def programs(tmp_path: Path, source: Server, target: Server, database: str) -> Iterator[Programs]:
    """Programs between two empty databases."""
    for one in (source, target):
        one.run(f"CREATE DATABASE {database}")
    yield Programs(tmp_path, source, target, database)
    for one in (source, target):
        with contextlib.closing(one.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", [f"{database}%"])
            for (name,) in cursor.fetchall():
                cursor.execute(f'ALTER DATABASE "{name}" IS_TEMPLATE false')
                cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
