"""A server of each major, made when a test first asks for it, and the client programs that an image may carry."""

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from datareplication.jobs.frame import tools
from datareplication.jobs.frame.tools import Tool
from support import server
from support.programs import preload_workers
from support.server import Server

CLIENTS = tools.DEBIAN_BINARIES
"""Debian's client programs, before a test hides some of them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this directory."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.postgres)


@pytest.fixture(scope="session")
def installations() -> Path:
    """Return the directory that install.sh has filled; remove this machine's variables of libpq."""
    root = os.environ.get("POSTGRESQL", "")
    assert root, "POSTGRESQL must name the directory that tests/versions/install.sh fills: make versions-tests"
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]
    return Path(root)


@pytest.fixture(scope="session", autouse=True)
def _fork_server(installations: Path) -> None:  # noqa: ARG001 - the server inherits the variables that are left
    preload_workers()


@pytest.fixture(scope="session")
def server_of(installations: Path) -> Iterator[Callable[[int], Server]]:
    """Return a function that gives the server of a major."""
    started: dict[int, Server] = {}
    with contextlib.ExitStack() as stack:

        def of(major: int) -> Server:
            if major not in started:
                running = server.running(installation=installations / "servers" / str(major))
                started[major] = stack.enter_context(running)
            return started[major]

        yield of


@pytest.fixture
def carrying(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, installations: Path) -> Callable[..., None]:
    """Return a function that lets the programs find client programs of these majors only, as in an image.

    Client programs of 14 are not available here. Those of 15 stand in for them: they send a server nothing that 14 does
    not know.
    """
    (tmp_path / "clients").mkdir()
    for directory in (*(installations / "clients").iterdir(), *CLIENTS.iterdir()):
        link = tmp_path / "clients" / directory.name
        if not link.exists():
            link.symlink_to(directory)
    find = tools.installed
    monkeypatch.setattr(tools, "DEBIAN_BINARIES", tmp_path / "clients")

    def with_14(name: str) -> list[Tool]:
        carried = find(name)
        return [*(replace(tool, version=14) for tool in carried if tool.version == 15), *carried]

    def carry(*majors: int) -> None:
        missing = {max(major, 15) for major in majors} - {tool.version for tool in find("pg_restore")}
        if missing:
            pytest.skip(f"Debian's release here has no client programs of {missing}")
        monkeypatch.setattr(tools, "installed", lambda name: [tool for tool in with_14(name) if tool.version in majors])

    return carry
