"""From every major to every major that is not older: the target gets everything that is in the source."""

from collections.abc import Callable
from pathlib import Path

import pytest

from datareplication.jobs.dump import splitting
from datareplication.jobs.snapshot import store
from support import corners
from support.programs import Programs
from support.server import Server

NEWER = (15, 16, 17, 18)

ServerOf = Callable[[int], Server]
Carrying = Callable[..., None]


@pytest.fixture(scope="session")
def made(server_of: ServerOf) -> Callable[[int], str]:
    """Return a function that gives the database with all corner cases on the server of a major."""
    known: set[int] = set()

    def make(major: int) -> str:
        if major not in known:
            server_of(major).run("CREATE ROLE reader", "CREATE DATABASE corners")
            server_of(major).run(corners.statements(major), database="corners")
            known.add(major)
        return "corners"

    return make


@pytest.fixture
def between(server_of: ServerOf, made: Callable[[int], str], tmp_path: Path) -> Callable[[int, int], Programs]:
    """Return a function that gives programs from that database of one major to an empty database of another."""

    def programs(source: int, target: int) -> Programs:
        database = f"from{source}to{target}"
        made(target)  # for the roles
        server_of(target).run(f"DROP DATABASE IF EXISTS {database}", f"CREATE DATABASE {database}")
        return Programs(tmp_path, server_of(source), server_of(target), database, made(source))

    return programs


@pytest.mark.parametrize(
    ("source", "targets", "carried"),
    [
        (14, (14,), (14,)),
        (14, NEWER, NEWER),
        (15, NEWER, NEWER),
        (16, (16, 17, 18), NEWER),
        (17, (17, 18), NEWER),
        (18, (18,), NEWER),
    ],
)
def test_every_later_major_gets_it_whole(
    source: int,
    targets: tuple[int, ...],
    carried: tuple[int, ...],
    between: Callable[[int, int], Programs],
    carrying: Carrying,
    installations: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    carrying(*carried)
    monkeypatch.setattr(splitting, "SMALLEST_SPLIT_BYTES", 64 << 10)
    programs = [between(source, target) for target in targets]
    dumped = programs[0].dump("--workers", "2")
    assert dumped.code == 0, dumped.report.message
    parts = {relation.name: len(relation.parts) for relation in store.read_manifest(programs[0].snapshot).relations}
    assert parts["big"] > 2
    for one, target in zip(programs, targets, strict=True):
        loaded = one.load("--workers", "2")
        assert loaded.code == 0, (target, loaded.report.message)
        assert corners.rows(one.target, one.database) == corners.rows(one.source, "corners")
        pg_dump = installations / "clients" / "18" / "bin" / "pg_dump"
        assert corners.schema(one.target, one.database, pg_dump) == corners.schema(one.source, "corners", pg_dump)
