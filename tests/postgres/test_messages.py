"""What messages say when something cannot be copied: which object, and what to do."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import server
from support.programs import Programs, databases
from support.server import PASSWORD, Server


def test_an_entry_that_pg_restore_fails_at_is_named(programs: Programs) -> None:
    """A name that is looked up at run time is not found under pg_restore's empty search_path."""
    programs.source.run(
        "CREATE TABLE t AS SELECT 1 AS id",
        "CREATE FUNCTION inner_one(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1'",
        "CREATE FUNCTION outer_one(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN inner_one($1); END'",
        "CREATE INDEX by_outer ON t (outer_one(id))",
        database=programs.database,
    )
    assert programs.dump().code == 0
    for workers in ("1", "3"):
        loaded = programs.load("--workers", workers)
        assert loaded.summary == (65, "StatementRefused")
        assert "function inner_one(integer) does not exist" in loaded.report.message
        assert "entry INDEX by_outer" in loaded.report.message
        assert "statement CREATE INDEX by_outer ON public.t" in loaded.report.message
    assert databases(programs.target, programs.database) == [programs.database]


def test_a_cast_that_pg_restore_fails_at_is_named(programs: Programs) -> None:
    loader = f"{programs.database}_loader"
    for one in (programs.source, programs.target):
        one.run(f"CREATE ROLE {loader} LOGIN CREATEDB PASSWORD '{PASSWORD}'")
    programs.target.run(f"ALTER DATABASE {programs.database} OWNER TO {loader}")
    programs.source.run(
        f"ALTER DATABASE {programs.database} OWNER TO {loader}",
        "CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE CAST (bytea AS text) WITHOUT FUNCTION",
        database=programs.database,
    )
    programs.source.run(f"ALTER FUNCTION one() OWNER TO {loader}", database=programs.database)
    assert programs.dump().code == 0
    loaded = programs.load("--owners", "TargetOwner", DEV_DB_USERNAME=loader)
    assert loaded.code == 77
    assert "CREATE CAST (bytea AS text)" in loaded.report.message


@pytest.fixture(scope="module")
def tight() -> Iterator[Server]:
    """A server whose transactions can lock a few hundred tables."""
    with server.running({"max_locks_per_transaction": "10", "max_connections": "20"}) as made:
        made.run("CREATE DATABASE app")
        for start in range(0, 1500, 100):
            made.run(*(f"CREATE TABLE t{start + number} ()" for number in range(100)), database="app")
        yield made


def test_more_tables_than_a_transaction_can_lock_are_answered_with_the_setting(tight: Server, tmp_path: Path) -> None:
    dumped = Programs(tmp_path, tight, tight, "copy", "app").dump()
    assert dumped.summary == (69, "TooManyLocks")
    assert "max_locks_per_transaction" in dumped.report.message


@pytest.mark.parametrize("connections", [1, 2])
def test_workers_that_may_not_connect_say_so_and_nothing_of_memory(programs: Programs, connections: int) -> None:
    role = f"{programs.database}_few"
    programs.source.run(
        f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}' CONNECTION LIMIT {connections} IN ROLE pg_read_all_data"
    )
    programs.source.run(
        *(f"CREATE TABLE t{number} AS SELECT 1 AS id" for number in range(5)), database=programs.database
    )
    dumped = programs.dump("--workers", "4", PROD_DB_USERNAME=role)
    assert dumped.code == 75
    assert dumped.report.reason in {"TooManyConnections", "ConnectionLost"}
    assert "too many connections" in dumped.report.message


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        (
            "CREATE FUNCTION datareplication.f(int) RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "function datareplication.f(integer)",
        ),
        ("CREATE TYPE datareplication.kind AS ENUM ('a')", "type datareplication.kind"),
        ("CREATE TYPE datareplication.pair AS (a int)", "type datareplication.pair"),
        ("CREATE DOMAIN datareplication.d AS int", "type datareplication.d"),
        ("CREATE VIEW datareplication.v AS SELECT 1", "view datareplication.v"),
        ("CREATE SEQUENCE datareplication.s", "sequence datareplication.s"),
        ("CREATE TABLE datareplication.t ()", "table datareplication.t"),
        ('CREATE COLLATION datareplication.c FROM "C"', "collation datareplication.c"),
        (
            "CREATE TEXT SEARCH CONFIGURATION datareplication.x (COPY = english)",
            "text search configuration datareplication.x",
        ),
        (
            "CREATE OPERATOR datareplication.<+> (FUNCTION = int4pl, LEFTARG = int, RIGHTARG = int)",
            "operator datareplication.<+>",
        ),
        ("CREATE EXTENSION pg_trgm SCHEMA datareplication", "extension pg_trgm"),
        ("CREATE VIEW datareplication.provenance AS SELECT 1", "view datareplication.provenance"),
    ],
)
def test_whatever_else_is_in_our_schema_is_refused_by_its_name(programs: Programs, statement: str, named: str) -> None:
    programs.source.run("CREATE SCHEMA datareplication", statement, database=programs.database)
    dumped = programs.dump()
    assert dumped.summary == (69, "ReservedSchema")
    assert named in dumped.report.message


def test_a_loaded_database_is_a_source_like_any_other(programs: Programs) -> None:
    programs.source.run("CREATE TABLE t AS SELECT 1 AS id", database=programs.database)
    assert programs.dump().code == 0
    assert programs.load().code == 0
    again = programs.dump(
        run="run-2",
        PROD_DB_CONNECTION=programs.target.conninfo(programs.database),
        CSV_OUTPUT_PATH=str(programs.root / "again"),
    )
    assert again.summary == (0, "Dumped")


LARGE = 540_000_000
"""Bytes of a value that PostgreSQL can store, but whose text exceeds 1 GB: it takes two bytes for each byte."""

BYTES = f"convert_to(repeat('x', {LARGE}), 'UTF8')"
QUOTES = f"repeat(chr(34), {LARGE})"


@pytest.fixture(scope="module")
def roomy() -> Iterator[Server]:
    """A server on disk, for values of gigabytes."""
    with server.running(in_memory=False) as made:
        made.run("CREATE DATABASE app", "CREATE DATABASE copy")
        yield made


@pytest.mark.parametrize(
    ("kind", "value", "key", "row"),
    [
        ("bytea", BYTES, "id int PRIMARY KEY", "row id = 4711"),
        ("text", QUOTES, "id text PRIMARY KEY", "row with ctid (0,10)"),
    ],
    ids=["bytes, in hexadecimal", "quotes, doubled in CSV"],
)
def test_a_value_too_large_for_copy_names_its_row_and_the_remedy(
    roomy: Server, tmp_path: Path, kind: str, value: str, key: str, row: str
) -> None:
    with contextlib.ExitStack() as stack:
        stack.callback(roomy.run, "DROP TABLE large", database="app")
        roomy.run(
            f"CREATE TABLE large ({key}, v {kind}, w text)",
            "INSERT INTO large SELECT n, NULL, 'small' FROM generate_series(1, 9) n",
            f"INSERT INTO large VALUES (4711, {value}, 'small')",
            database="app",
        )
        dumped = Programs(tmp_path, roomy, roomy, "copy", "app").dump()
    assert dumped.summary == (69, "ValueTooLarge")
    assert f"public.large: {row}" in dumped.report.message
    assert "column, v, has 540000000 bytes" in dumped.report.message
    assert "schemaOnly" in dumped.report.message
