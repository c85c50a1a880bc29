"""A schema made by two roles on another major than its source's: owners, and what stands in schema public."""

from collections.abc import Callable
from pathlib import Path

import pytest

from support.programs import Programs
from support.server import PASSWORD, Server

MADE = {
    "a function of a json": ("CREATE FUNCTION x(json) RETURNS int LANGUAGE sql AS 'SELECT 1'", "FUNCTION x(json)", 17),
    "a table of a new keyword": ("CREATE TABLE json_value (id int)", "TABLE json_value", 17),
    "a table in a schema of one": ("CREATE SCHEMA json CREATE TABLE t (id int)", "TABLE json.t", 17),
    "a table of another": ("CREATE TABLE system_user (id int)", "TABLE system_user", 16),
}
OWNER = """
    SELECT proowner::regrole::text FROM pg_proc WHERE proname = 'x'
    UNION ALL SELECT relowner::regrole::text FROM pg_class WHERE relname IN ('json_value', 'system_user')
    UNION ALL SELECT relowner::regrole::text FROM pg_class WHERE relname = 't' AND relkind = 'r'
"""


@pytest.mark.parametrize("what", MADE)
def test_an_owner_is_found_though_a_name_has_become_a_keyword(
    server_of: Callable[[int], Server], carrying: Callable[..., None], tmp_path: Path, what: str
) -> None:
    """A major quotes in its names of objects what has become a keyword there."""
    statement, named, major = MADE[what]
    carrying(14, major)
    source, target, name = server_of(14), server_of(major), f"words{sorted(MADE).index(what)}"
    for one in (source, target):
        one.run(f"DROP ROLE IF EXISTS {name}_other", f"CREATE ROLE {name}_other", f"CREATE DATABASE {name}")
    most = [f"CREATE TABLE filler{number} (id int)" for number in range(5)]
    source.run(*most, statement, f"ALTER {named} OWNER TO {name}_other", database=name)
    programs = Programs(tmp_path, source, target, name)
    dumped = programs.dump()
    assert dumped.code == 0, dumped.report.message

    loaded = programs.load()

    assert loaded.code == 0, loaded.report.message
    assert target.run(OWNER, database=name) == [(f"{name}_other",)]


@pytest.mark.parametrize("given", ["COMMENT ON SCHEMA public IS 'ours'", "REVOKE CREATE ON SCHEMA public FROM PUBLIC"])
def test_what_stands_in_a_closed_schema_public_arrives(
    server_of: Callable[[int], Server], carrying: Callable[..., None], tmp_path: Path, given: str
) -> None:
    carrying(14)
    name = f"public{given.split(maxsplit=1)[0].lower()}"
    source = target = server_of(14)
    source.run(f"DROP ROLE IF EXISTS {name}", f"CREATE ROLE {name} LOGIN CREATEDB CREATEROLE PASSWORD '{PASSWORD}'")
    source.run(f"CREATE DATABASE {name} OWNER {name}", f"CREATE DATABASE {name}_source")
    source.run("CREATE VIEW v AS SELECT 1 AS one", "CREATE TYPE e AS ENUM ('a')", given, database=f"{name}_source")
    programs = Programs(tmp_path, source, target, name, f"{name}_source")
    assert programs.dump().code == 0

    loaded = programs.load("--owners=TargetOwner", DEV_DB_USERNAME=name)

    assert loaded.code == 0, loaded.report.message
    assert target.run("SELECT count(*) FROM pg_class WHERE relname = 'v'", database=name) == [(1,)]
