"""A schema made by two roles: what one pg_restore carries arrives, and the source's code runs as neither superuser nor loader."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.programs import Programs
from support.server import PASSWORD, binaries

EVIL = """
    CREATE FUNCTION deeds() RETURNS bool LANGUAGE plpgsql {} AS $f$
    BEGIN
        IF current_database() LIKE '%\\_\\_next' THEN
            BEGIN EXECUTE 'CREATE ROLE pwned_by_' || current_user; EXCEPTION WHEN OTHERS THEN NULL; END;
        END IF;
        RETURN true;
    END $f$
"""
REACH = """
    CREATE FUNCTION reach(x int) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $f$ BEGIN RETURN public.deeds(); END $f$
"""
DOMAIN = "CREATE DOMAIN d AS int CHECK (reach(VALUE))"
PWNED = "SELECT rolname FROM pg_roles WHERE rolname LIKE 'pwned%'"


@pytest.fixture
def tenant(programs: Programs) -> Iterator[str]:
    """Return a role, no superuser at the source, that owns the source's database; it is there at the target too."""
    name = f"{programs.database}_tenant"
    programs.source.run(
        f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'", f"ALTER DATABASE {programs.database} OWNER TO {name}"
    )
    programs.target.run(f"CREATE ROLE {name}")
    yield name
    for (made,) in programs.target.run(PWNED):
        programs.target.run(f'DROP ROLE "{made}"')


def as_tenant(programs: Programs, tenant: str, *statements: str) -> None:
    programs.source.run(*statements, database=programs.database, role=tenant)


@pytest.mark.parametrize("loader", ["postgres", "creator"])
def test_a_definers_function_is_not_the_loaders_while_postponed_objects_are_made(
    programs: Programs, tenant: str, loader: str
) -> None:
    if loader == "creator":
        loader = f"{programs.database}_creator"
        programs.target.run(
            f"CREATE ROLE {loader} LOGIN CREATEDB CREATEROLE PASSWORD '{PASSWORD}'",
            f"ALTER DATABASE {programs.database} OWNER TO {loader}",
        )
    view = "CREATE MATERIALIZED VIEW v AS SELECT a, b, '{1}'::d[] AS x FROM t GROUP BY a WITH NO DATA"
    made = ["CREATE TABLE t (a int PRIMARY KEY, b int)", view]
    as_tenant(programs, tenant, EVIL.format("SECURITY DEFINER"), REACH, DOMAIN, *made)
    assert programs.dump().code == 0

    loaded = programs.load("--owners=TargetOwner", DEV_DB_USERNAME=loader)

    assert loaded.code == 0, loaded.report.message
    assert programs.target.run(PWNED) == []


LOADERS_OWN = {
    "a default of a table of file_fdw": [
        "CREATE FOREIGN TABLE ft (a d[] DEFAULT '{1}') SERVER fs OPTIONS (filename '/dev/null', format 'csv')"
    ],
    "an argument of a function with a granted setting": [
        "CREATE FUNCTION f(a d[] DEFAULT '{1}') RETURNS int LANGUAGE sql SET session_replication_role = 'origin' AS 'SELECT 1'"
    ],
    "a body with a granted setting": [
        "CREATE FUNCTION f() RETURNS d[] LANGUAGE sql SET session_replication_role = 'origin' RETURN '{1}'::d[]"
    ],
}


@pytest.mark.parametrize("place", LOADERS_OWN)
def test_what_only_a_superuser_may_create_is_refused_if_users_code_runs_when_it_is_created(
    programs: Programs, tenant: str, place: str
) -> None:
    programs.source.run(
        "CREATE EXTENSION file_fdw",
        "CREATE SERVER fs FOREIGN DATA WRAPPER file_fdw",
        f"GRANT USAGE ON FOREIGN SERVER fs TO {tenant}",
        f"GRANT pg_read_server_files TO {tenant}",
        f"GRANT SET ON PARAMETER session_replication_role TO {tenant}",
        database=programs.database,
    )
    as_tenant(programs, tenant, EVIL.format(""), REACH, DOMAIN, *LOADERS_OWN[place])
    dumped = programs.dump()
    assert dumped.code == 0, dumped.report.message

    ended = programs.load()

    assert ended.code in {65, 77}, ended.report.message
    assert programs.target.run(PWNED) == []


def test_a_leakproof_function_whose_default_runs_a_tenants_code_is_refused(programs: Programs, tenant: str) -> None:
    """A superuser created the function once; the tenant may replace what its default calls at any time."""
    as_tenant(programs, tenant, EVIL.format(""), REACH, DOMAIN)
    default = "CREATE FUNCTION f(a d[] DEFAULT '{1}') RETURNS int LANGUAGE sql LEAKPROOF AS 'SELECT 1'"
    programs.source.run(default, database=programs.database)
    assert programs.dump().code == 0

    assert programs.load().code in {65, 77}
    assert programs.target.run(PWNED) == []


def test_a_definers_function_that_a_superuser_creates_is_lent_before_code_runs(programs: Programs, tenant: str) -> None:
    programs.source.run(f"GRANT SET ON PARAMETER session_replication_role TO {tenant}")
    evil = EVIL.format("SECURITY DEFINER SET session_replication_role = 'origin'")
    as_tenant(programs, tenant, evil, REACH, DOMAIN, "CREATE TABLE u (a d[] DEFAULT '{1}')")
    assert programs.dump().code == 0

    programs.load("--owners=TargetOwner")

    assert programs.target.run(PWNED) == []


FILES = ["CREATE EXTENSION file_fdw", "CREATE SERVER fs FOREIGN DATA WRAPPER file_fdw"]
FILE = "SERVER fs OPTIONS (filename '/dev/null', format 'csv')"
CARRIED = {
    "an extension's setting": [
        "CREATE EXTENSION pg_trgm",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql SET pg_trgm.similarity_threshold = '0.5' AS 'SELECT 1'",
    ],
    "plpgsql's setting": [
        "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql SET plpgsql.variable_conflict = 'error' AS 'BEGIN RETURN 1; END'"
    ],
    "an application's setting": ["CREATE FUNCTION f() RETURNS int LANGUAGE sql SET myapp.tenant = '1' AS 'SELECT 1'"],
    "procedures whose input and output make one list": [
        "CREATE PROCEDURE p(IN a int, OUT b text) LANGUAGE plpgsql AS 'BEGIN b := 1; END'",
        "CREATE PROCEDURE p(IN a int, IN b text) LANGUAGE sql AS ''",
    ],
    "a procedure beside a function": [
        "CREATE PROCEDURE p(IN a int, OUT b text) LANGUAGE plpgsql AS 'BEGIN b := 1; END'",
        "CREATE FUNCTION p(int, text) RETURNS int LANGUAGE sql AS 'SELECT 1'",
    ],
    "an estimator of an extension": [
        "CREATE EXTENSION intarray",
        "CREATE FUNCTION qf(int[], query_int) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT true'",
        "CREATE OPERATOR @#@ (LEFTARG = int[], RIGHTARG = query_int, FUNCTION = qf, RESTRICT = _int_matchsel)",
    ],
    "file_fdw as a partition": [
        *FILES,
        "CREATE TABLE p (id int) PARTITION BY LIST (id)",
        f"CREATE FOREIGN TABLE p1 PARTITION OF p FOR VALUES IN (1) {FILE}",
    ],
    "file_fdw as a parent": [*FILES, f"CREATE FOREIGN TABLE p (id int) {FILE}", "CREATE TABLE c () INHERITS (p)"],
    "file_fdw with a sequence": [*FILES, f"CREATE FOREIGN TABLE p (id serial) {FILE}"],
    "statistics on file_fdw": [
        *FILES,
        f"CREATE FOREIGN TABLE p (a int, b int) {FILE}",
        "CREATE STATISTICS st ON a, b FROM p",
    ],
    "an aggregate that moves in internal": [
        (
            "CREATE AGGREGATE a(bigint) (SFUNC = int8_sum, STYPE = numeric, MSFUNC = int8_avg_accum, "
            "MINVFUNC = int8_avg_accum_inv, MSTYPE = internal, MFINALFUNC = numeric_poly_sum)"
        )
    ],
    "a cast whose function needs a key": [
        "CREATE TABLE t (a int PRIMARY KEY, b date)",
        "CREATE FUNCTION f(int) RETURNS date LANGUAGE sql BEGIN ATOMIC SELECT b FROM t GROUP BY a; END",
        "CREATE CAST (int AS date) WITH FUNCTION f(int)",
    ],
}


def restores(programs: Programs) -> None:
    """Assert that pg_dump | pg_restore carries the schema."""
    name, server = f"{programs.database}_ref", programs.target
    environment = {**os.environ, "PGPASSWORD": PASSWORD}
    server.run(f"CREATE DATABASE {name} TEMPLATE template0")
    common = ["-U", "postgres", "-d"]
    dump: list[str | Path] = [binaries() / "pg_dump", "-Fc", "-s", *common, programs.source.conninfo(programs.database)]
    made = subprocess.run(dump, env=environment, capture_output=True, check=True)
    restore: list[str | Path] = [binaries() / "pg_restore", "--exit-on-error", *common, server.conninfo(name)]
    subprocess.run(restore, env=environment, input=made.stdout, check=True)


@pytest.mark.parametrize("what", CARRIED)
def test_what_one_pg_restore_carries_arrives(programs: Programs, what: str) -> None:
    programs.source.run(*CARRIED[what], database=programs.database)
    restores(programs)
    assert programs.dump().code == 0

    loaded = programs.load()

    assert loaded.code == 0, loaded.report.message


def test_a_clone_in_which_there_were_temporary_tables_is_loaded(programs: Programs) -> None:
    """The server keeps pg_temp_N, which belongs to its first superuser."""
    loader, sibling = f"{programs.database}_creator", f"{programs.database}_2"
    programs.target.run(
        f"CREATE ROLE {loader} LOGIN CREATEDB CREATEROLE PASSWORD '{PASSWORD}'",
        f"ALTER DATABASE {programs.database} OWNER TO {loader}",
        f"CREATE DATABASE {sibling} OWNER {loader}",
    )
    check = "CREATE FUNCTION tmp(x int) RETURNS bool LANGUAGE plpgsql AS $f$ BEGIN "
    check += "EXECUTE 'CREATE TEMP TABLE IF NOT EXISTS zz (i int)'; RETURN true; END $f$"
    table = ["CREATE TABLE t (a int CHECK (tmp(a)))", "INSERT INTO t VALUES (1)"]
    programs.source.run(check, *table, database=programs.database)
    assert programs.dump().code == 0
    first = programs.load("--owners=TargetOwner", "--sibling-database", sibling, DEV_DB_USERNAME=loader)
    assert first.code == 0, first.report.message

    other = Programs(programs.root, programs.source, programs.target, sibling, programs.database)
    loaded = other.load("--owners=TargetOwner", "--sibling-database", programs.database, DEV_DB_USERNAME=loader)

    assert loaded.code == 0, loaded.report.message
