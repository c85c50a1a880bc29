"""Which pg_dump and pg_restore, and what their errors mean."""

import hashlib
from pathlib import Path

import pytest

from datareplication.errors import CapabilityError, TransientError
from datareplication.jobs.frame import tools
from datareplication.jobs.frame.tools import Tool
from datareplication.jobs.load import archive
from datareplication.jobs.model import connections
from datareplication.jobs.model.archive import Contents
from datareplication.jobs.snapshot.archives import Archives


def carried(*versions: int) -> list[Tool]:
    return [Tool(Path(f"/usr/lib/postgresql/{version}/bin/x"), version) for version in versions]


@pytest.mark.parametrize(
    ("versions", "source", "expected"),
    [
        ((14, 15, 16), 15, 15),
        ((14, 16), 15, 16),
        ((15,), 14, 15),
        ((17, 18), 18, 18),
        ((15,), 16, None),
        ((), 14, None),
    ],
)
def test_pg_dump_is_the_lowest_that_is_not_older_than_the_source(
    versions: tuple[int, ...], source: int, expected: int | None
) -> None:
    if expected is None:
        with pytest.raises(CapabilityError, match=f"PostgreSQL {source}"):
            tools.choose_dump(carried(*versions), source)
    else:
        assert tools.choose_dump(carried(*versions), source).version == expected


@pytest.mark.parametrize(
    ("versions", "dump", "target", "expected"),
    [
        ((14, 15, 16, 17), 15, 16, 15),
        ((14, 16, 17), 15, 16, 16),
        ((17, 18), 17, 16, None),
        ((14,), 15, 16, None),
        ((14, 15, 16, 17, 18), 18, 18, 18),
    ],
)
def test_pg_restore_reads_the_archive_and_is_not_newer_than_the_target(
    versions: tuple[int, ...], dump: int, target: int, expected: int | None
) -> None:
    if expected is None:
        with pytest.raises(CapabilityError, match=f"from {dump}.*to {target}"):
            tools.choose_restore(carried(*versions), dump, target)
    else:
        assert tools.choose_restore(carried(*versions), dump, target).version == expected


@pytest.fixture
def spy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tool:
    """A tool that writes its environment into a file; our own environment holds passwords and libpq's variables."""
    script = tmp_path / "pg_spy"
    script.write_text(f"#!/bin/sh\nenv > {tmp_path}/environment\necho 'pg_spy (PostgreSQL) 15.3'\n")
    script.chmod(0o755)
    for name, value in {"DEV_DB_PASSWORD": "canary", "PGPASSWORD": "canary", "PGSSLMODE": "disable"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return Tool(script, 15)


def empty_archive(directory: Path) -> Archives:
    (directory / "schema.dump").write_bytes(b"")
    return Archives(directory, {"schema.dump": hashlib.sha256().hexdigest()})


def environment_of(spy: Tool) -> dict[str, str]:
    lines = (spy.path.parent / "environment").read_text().splitlines()
    return dict(line.partition("=")[::2] for line in lines)


def test_who_only_asks_for_a_version_or_a_list_has_no_password(spy: Tool, tmp_path: Path) -> None:
    assert tools.installed("pg_spy") == [spy]
    assert "canary" not in environment_of(spy).values()
    assert archive.contents(spy, empty_archive(tmp_path)) == Contents((), ())
    found = environment_of(spy)
    assert "canary" not in found.values()
    assert not [name for name in found if name.startswith("PG")]


def test_who_connects_has_the_password_and_what_may_be_asked_for_and_nothing_else_of_libpqs(spy: Tool) -> None:
    login = connections.Login({"host": "db", "require_auth": "!password"}, "its-own")
    with tools.Running(spy, [], login) as child:
        child.join(lambda: None)
    found = {name: value for name, value in environment_of(spy).items() if name.startswith("PG") or value == "canary"}
    assert found == {"PGPASSWORD": "its-own", "PGREQUIREAUTH": "!password"}


def test_a_tool_that_is_killed_while_it_is_asked_is_worth_another_attempt(spy: Tool, tmp_path: Path) -> None:
    spy.path.write_text("#!/bin/sh\nkill -TERM $$\n")
    with pytest.raises(TransientError, match="killed by signal 15"):
        tools.installed("pg_spy")
    with pytest.raises(TransientError, match="killed by signal 15"):
        archive.contents(spy, empty_archive(tmp_path))


def test_debians_directories_are_found() -> None:
    assert all(tool.version >= 14 for tool in tools.installed("pg_dump"))
    assert tools.installed("no-such-program") == []
