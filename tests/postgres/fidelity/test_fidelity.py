"""A database with an example of everything, its copy, and the copy of the copy: pg_dump shows no difference."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from datareplication.core.report import Report
from support.programs import Programs
from support.server import PASSWORD, Server

HERE = Path(__file__).parent
CONTENT = HERE.parents[1] / "demo" / "content.sql"

LISTED = {
    "--exclude-schema=datareplication": "the provenance of a load",
    "--no-publications": "a copy must not replicate",
    "--no-subscriptions": "a copy must not replicate",
    "--no-tablespaces": "they belong to a server",
}
"""All differences that are allowed, each as the option of pg_dump that hides it."""

PUT_ASIDE = """
    SET allow_in_place_tablespaces = on;
    CREATE TABLESPACE fidelity LOCATION '';
    CREATE TABLE shop.elsewhere (id int PRIMARY KEY USING INDEX TABLESPACE fidelity) TABLESPACE fidelity;
    INSERT INTO shop.elsewhere VALUES (1);
    CREATE PUBLICATION everything FOR ALL TABLES;
    CREATE SUBSCRIPTION feed CONNECTION 'host=far.example' PUBLICATION p WITH (connect = false, slot_name = NONE);
"""
TAKEN_BACK = ["DROP SUBSCRIPTION IF EXISTS feed", "DROP PUBLICATION IF EXISTS everything"]

COLUMN_TYPES = """
    SELECT typname FROM pg_type t WHERE typnamespace = 'pg_catalog'::regnamespace AND typtype IN ('b', 'r', 'm')
      AND NOT EXISTS (SELECT FROM pg_type element WHERE element.typarray = t.oid) AND typisdefined
"""
ARRAY_TYPES = f"SELECT typname FROM pg_type WHERE typname IN ({COLUMN_TYPES}) AND typarray <> 0"
COLUMNS = "SELECT attname FROM pg_attribute WHERE attrelid = '{}'::regclass AND attnum > 1"


@pytest.fixture(scope="module")
def filled(source: Server, target: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Programs]:
    """Programs between a database that holds everything and an empty one."""
    programs = Programs(tmp_path_factory.mktemp("fidelity"), source, target, "fidelity")
    for server in (source, target):
        server.psql("-q", "-f", str(HERE / "roles.sql"))
        server.run("CREATE DATABASE fidelity")
    files = [option for name in ("values.sql", "schema.sql") for option in ("-f", str(HERE / name))]
    source.psql("-q", "-o", os.devnull, *files, database="fidelity")
    frozen = "ALTER EVENT TRIGGER frozen {}"
    source.run(frozen.format("DISABLE"), *PUT_ASIDE.strip().split(";\n"), frozen.format("ENABLE"), database="fidelity")
    yield programs
    source.run(frozen.format("DISABLE"), *TAKEN_BACK, database="fidelity")
    for server in (source, target):
        for (name,) in server.run("SELECT datname FROM pg_database WHERE datname LIKE 'fidelity%'"):
            server.run(f"DROP DATABASE {name}")
    source.run("DROP TABLESPACE fidelity")


@pytest.fixture(scope="module")
def dumped(filled: Programs) -> Report:
    """The report of its dump."""
    ended = filled.dump("--workers", "2")
    assert ended.code == 0, ended.report.message
    return ended.report


@pytest.fixture(scope="module")
def copied(filled: Programs, dumped: Report) -> Programs:
    """Programs that have copied that database."""
    assert dumped.snapshot == str(filled.snapshot)
    _load(filled)
    return filled


@pytest.mark.parametrize(("table", "wanted"), [("every_type", COLUMN_TYPES), ("every_array", ARRAY_TYPES)])
def test_no_type_is_forgotten(filled: Programs, table: str, wanted: str) -> None:
    columns = filled.source.run(COLUMNS.format(f"kinds.{table}"), database=filled.database)
    assert set(columns) == set(filled.source.run(wanted, database=filled.database))


def test_a_copy_equals_its_source(copied: Programs) -> None:
    _assert_same(copied)


def test_a_copy_of_a_copy_equals_it(copied: Programs) -> None:
    root = copied.root / "again"
    root.mkdir()
    copied.target.run("CREATE DATABASE fidelity_2")
    again = Programs(root, copied.target, copied.target, "fidelity_2", copied.database)
    assert again.dump("--workers", "2").code == 0
    _load(again)
    _assert_same(again)


def test_what_is_left_behind_is_reported(dumped: Report) -> None:
    assert dumped.not_carried == (
        'roles: fidelity "odd" %s \\ rôle, fidelity_owner, fidelity_reader, postgres',
        "tablespaces: fidelity",
        "publications: everything",
        "subscriptions: feed",
        "optimizer statistics",
    )


def _load(programs: Programs) -> None:
    loaded = programs.load("--workers", "2", "--overwrite", "Any")
    assert loaded.code == 0, loaded.report.message


def _assert_same(programs: Programs) -> None:
    was, now = (programs.source, programs.source_database or programs.database), (programs.target, programs.database)
    for part in (_schema, _rows, _content):
        assert part(*now) == part(*was)


def _schema(server: Server, database: str) -> list[str]:
    """Return pg_dump's schema, object by object, in its order."""
    return _objects(_pg_dump(server, database, "--schema-only"))


def _rows(server: Server, database: str) -> dict[str, list[str]]:
    """Return pg_dump's INSERT statements and sequences by table, sorted."""
    text = _pg_dump(server, database, "--data-only", "--column-inserts")
    parts = (part.partition("\n") for part in _objects(text))
    return {head: sorted(re.split(r"\n(?=INSERT INTO )", rest)) for head, _, rest in parts}


def _content(server: Server, database: str) -> list[str]:
    """Return a checksum of each table, generated columns too, and of each materialized view."""
    return server.psql("-q", "-f", str(CONTENT), database=database).splitlines()


def _objects(text: str) -> list[str]:
    text = re.sub(r"(?m)^(\\(un)?restrict .*|-- Dumped .*)$", "", text)
    return [part.strip() for part in re.split(r"(?m)^--\n-- (?=Name: |Data for Name: )", text)]


def _pg_dump(server: Server, database: str, *options: str) -> str:
    command: list[str | Path] = [server.binaries / "pg_dump", "-U", "postgres", "-d", server.conninfo(database)]
    environment = {**os.environ, "PGPASSWORD": PASSWORD}
    done = subprocess.run([*command, *LISTED, *options], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
