"""Changes that others make to the source's schema during a dump never lead to a snapshot that cannot be loaded."""

import pytest

from datareplication.jobs.dump import seen as dumped
from datareplication.jobs.dump import steps
from support.programs import Programs

MADE = [
    "CREATE SCHEMA s",
    "CREATE FUNCTION f(a int, b text DEFAULT 'x') RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE TYPE kind AS ENUM ('a', 'b')",
    "CREATE DOMAIN positive AS int CHECK (VALUE > 0)",
    "CREATE VIEW v AS SELECT 1 AS x",
    "CREATE SEQUENCE q",
    "CREATE AGGREGATE g(int) (SFUNC = int4pl, STYPE = int)",
    "CREATE CAST (kind AS int) WITH INOUT",
    'CREATE COLLATION c FROM "C"',
    "CREATE TABLE t AS SELECT 1 AS id",
    "CREATE STATISTICS s.st ON (id + 1), (id + 2) FROM t",
    "CREATE MATERIALIZED VIEW mv AS SELECT 1 AS x",
]
CHANGES = [
    "DROP FUNCTION f",
    "ALTER FUNCTION f RENAME TO h",
    "DROP AGGREGATE g(int)",
    "DROP STATISTICS s.st",
    "ALTER TYPE kind RENAME VALUE 'a' TO 'c'",
    "DROP DOMAIN positive",
    "CREATE OR REPLACE VIEW v AS SELECT 2 AS x, 3 AS y",
    "DROP VIEW v",
    "DROP CAST (kind AS int)",
    "DROP COLLATION c",
    "ALTER SCHEMA s RENAME TO z",
]
HARMLESS = [
    "REFRESH MATERIALIZED VIEW mv",
    "CREATE FUNCTION another() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "SELECT nextval('q')",
    "CREATE TEMPORARY TABLE temporary (id int)",
    "ANALYZE t",
]


def changing(programs: Programs, monkeypatch: pytest.MonkeyPatch, *statements: str) -> None:
    """Run these statements after the snapshot is taken and before pg_dump reads the schema."""
    programs.source.run(*MADE, database=programs.database)
    archives = steps._Dump._archives

    def and_then(dump: steps._Dump, seen: dumped.Seen) -> object:
        # A change that the dump's locks block would wait for the dump, and the dump would wait for this call.
        programs.source.run("SET lock_timeout TO '5s'", *statements, database=programs.database)
        return archives(dump, seen)

    monkeypatch.setattr(steps._Dump, "_archives", and_then)


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_beside_the_dump_is_tried_again(
    programs: Programs, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    changing(programs, monkeypatch, change)

    ended = programs.dump()

    assert ended.code == 75, ended.report.message
    assert ended.report.reason in ("SchemaChanging", "SchemaChanged")


def test_what_changes_no_definition_does_not_disturb(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    changing(programs, monkeypatch, *HARMLESS)

    ended = programs.dump()

    assert ended.code == 0, ended.report.message
