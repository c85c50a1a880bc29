"""Exit code 70 means a defect of ours: no error of a server, whatever its class, ends a program with it."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg2 import errorcodes

from support import server
from support.programs import Outcome, Programs, databases
from support.server import PASSWORD, Server

RAISING = """
    CREATE FUNCTION {name} RETURNS {kind} {volatile} LANGUAGE plpgsql AS $$
    BEGIN
        IF coalesce(current_setting('trouble.code', true), '') <> '' THEN
            RAISE 'raised on purpose' USING ERRCODE = current_setting('trouble.code');
        END IF;
        RETURN {value};
    END $$
"""
"""Raises the SQLSTATE in the setting trouble.code, which a role or a database has."""


def classes() -> list[str]:
    """Return an SQLSTATE of each class: the first of PostgreSQL's own in each of its classes, and some of users."""
    named = sorted({value for name, value in vars(errorcodes).items() if name.isupper() and isinstance(value, str)})
    by_class = {code[:2]: code for code in reversed(named) if len(code) == 5}
    return [*sorted(by_class.values()), "25006", "25P03", "40001", "53200", "54000", "57P01", "57014", "DR001", "ZZZZZ"]


@pytest.fixture(scope="module")
def troubled() -> Iterator[Server]:
    """A server whose database `app` raises the chosen SQLSTATE when it is dumped, loaded, indexed or refreshed."""
    with server.running() as made:
        made.run("CREATE DATABASE app", "CREATE DATABASE copy")
        for role in ("loader", "reader"):
            made.run(f"CREATE ROLE {role} SUPERUSER LOGIN PASSWORD '{PASSWORD}'")
        made.run(
            *(
                RAISING.format(name=name, kind="bool", volatile="IMMUTABLE", value="true")
                for name in ("checked(int)", "indexed(int)", "refreshed()")
            ),
            "CREATE TABLE checked AS SELECT 1 AS id",
            "ALTER TABLE checked ADD CHECK (checked(id))",
            "CREATE TABLE indexed AS SELECT 1 AS id",
            "CREATE INDEX ON indexed (indexed(id))",
            "CREATE MATERIALIZED VIEW refreshed AS SELECT refreshed() AS value",
            database="app",
        )
        yield made


@pytest.fixture(scope="module")
def snapshot(troubled: Server, tmp_path_factory: pytest.TempPathFactory) -> Programs:
    """Programs with a snapshot of that database."""
    programs = Programs(tmp_path_factory.mktemp("sqlstates"), troubled, troubled, "copy", "app")
    assert programs.dump().code == 0
    return programs


@contextlib.contextmanager
def raising(one: Server, role: str, code: str) -> Iterator[None]:
    one.run(f"ALTER ROLE {role} SET trouble.code = '{code}'")
    try:
        yield
    finally:
        one.run(f"ALTER ROLE {role} RESET trouble.code")


def is_told(outcome: Outcome) -> bool:
    """Whether a program failed with another code than 70, and its message has the error."""
    # The second message is for errors whose text may hold a row's values.
    told = ("raised on purpose", "a function raised an error")
    return outcome.code not in (0, 70) and any(text in outcome.report.message for text in told)


def test_every_class_is_tried() -> None:
    assert len({code[:2] for code in classes()}) >= 40


@contextlib.contextmanager
def replaced(one: Server, function: str, kind: str, value: str) -> Iterator[str]:
    """Yield a database like `app` in which a function of PostgreSQL's own raises."""
    name = "replaced"
    one.run(f"CREATE DATABASE {name} TEMPLATE app")
    try:
        original = function.partition("(")[0] + "_original"
        # The function is renamed, not replaced: PostgreSQL calls a built-in function by oid, whatever its definition.
        one.run(f"ALTER FUNCTION pg_catalog.{function} RENAME TO {original}", database=name)
        create = RAISING.format(name=f"pg_catalog.{function}", kind=kind, volatile="VOLATILE", value=value)
        one.run(create, database=name)
        yield name
    finally:
        one.run(f"DROP DATABASE {name} WITH (FORCE)")


def test_no_sqlstate_ends_a_dump_with_a_defect(troubled: Server, tmp_path: Path) -> None:
    wrong = {}
    with replaced(troubled, "pg_export_snapshot()", "text", "pg_catalog.pg_export_snapshot_original()") as name:
        programs = Programs(tmp_path, troubled, troubled, "copy", name)
        for code in classes():
            with raising(troubled, "reader", code):
                ended = programs.dump(PROD_DB_USERNAME="reader")
            if not is_told(ended):
                wrong[code] = ended.summary, ended.report.message
        assert programs.dump(PROD_DB_USERNAME="reader").code == 0
    assert wrong == {}


@pytest.mark.parametrize("code", ["22012", "40001", "53200", "57014", "P0001", "XX000", "DR001"])
def test_no_error_of_pg_dumps_ends_a_dump_with_a_defect(troubled: Server, tmp_path: Path, code: str) -> None:
    """pg_get_viewdef() is only called by pg_dump."""
    with replaced(troubled, "pg_get_viewdef(oid)", "text", "pg_catalog.pg_get_viewdef_original($1)") as name:
        programs = Programs(tmp_path, troubled, troubled, "copy", name)
        with raising(troubled, "reader", code):
            ended = programs.dump(PROD_DB_USERNAME="reader")
    assert is_told(ended), ended.report.message


def test_no_sqlstate_ends_a_load_with_a_defect(snapshot: Programs, troubled: Server) -> None:
    wrong = {}
    for code in classes():
        with raising(troubled, "ALL", code):
            ended = snapshot.load("--overwrite", "Any", DEV_DB_USERNAME="loader")
        if not is_told(ended):
            wrong[code] = ended.summary, ended.report.message
    assert wrong == {}
    assert databases(troubled, "copy") == ["copy"]


@pytest.mark.parametrize("where", ["indexed", "refreshed"])
@pytest.mark.parametrize("code", ["22012", "40001", "53200", "P0001", "XX000", "DR001"])
def test_no_error_after_the_rows_ends_a_load_with_a_defect(
    troubled: Server, tmp_path: Path, where: str, code: str
) -> None:
    """The errors are pg_restore's, which builds the index, and those of a worker that fills the view."""
    troubled.run("CREATE DATABASE later")
    try:
        troubled.run(
            RAISING.format(name="late(int)", kind="int", volatile="IMMUTABLE", value="$1"),
            "CREATE TABLE t AS SELECT 1 AS id",
            "CREATE INDEX ON t (late(id))"
            if where == "indexed"
            else "CREATE MATERIALIZED VIEW v AS SELECT late(1) AS id",
            database="later",
        )
        programs = Programs(tmp_path, troubled, troubled, "copy", "later")
        assert programs.dump().code == 0
        with raising(troubled, "ALL", code):
            ended = programs.load("--overwrite", "Any", DEV_DB_USERNAME="loader")
    finally:
        troubled.run("DROP DATABASE later WITH (FORCE)")
    assert is_told(ended), ended.report.message
