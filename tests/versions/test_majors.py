"""What a target's major changes in how a load works: which tools, rights, timeouts, locales, clones."""

import contextlib
import itertools
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from support.programs import Programs, databases
from support.server import PASSWORD, Server

ALL = (15, 16, 17, 18)
ServerOf = Callable[[int], Server]
Carrying = Callable[..., None]
Between = Callable[..., Programs]

_numbers = itertools.count(1)


@pytest.fixture
def between(server_of: ServerOf, tmp_path: Path) -> Between:
    """Return a function that gives programs between two new databases, after statements at the source."""

    def programs(source: int, target: int, *statements: str) -> Programs:
        database = f"major{next(_numbers)}x"
        made = Programs(tmp_path, server_of(source), server_of(target), f"{database}_to", f"{database}_from")
        made.source.run(f"CREATE DATABASE {made.source_database}")
        made.source.run(*statements, database=made.source_database)
        made.target.run(f"CREATE DATABASE {made.database}")
        return made

    return programs


def role(name: str, options: str, *servers: Server) -> str:
    for server in servers:
        server.run(f"DROP ROLE IF EXISTS {name}", f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}' {options}")
    return name


@pytest.mark.parametrize(
    ("source", "target", "carried", "summary", "words"),
    [
        (18, 18, (15, 16, 17), (69, "MissingTool"), "pg_dump of that version or later is needed, this image carries 15, 16, 17"),
        (14, 14, ALL, (69, "MissingTool"), r"pg_restore from 15 .* to 14 .* is needed; this image carries 15, 16, 17, 18"),
        (15, 15, (17,), (69, "MissingTool"), r"pg_restore from 17 .* to 15 .* is needed; this image carries 17"),
        (16, 15, ALL, (69, "TargetTooOld"), r"the target is PostgreSQL 15, older than the source \(16\): upgrade the target"),
        (14, 17, (17,), (0, "Loaded"), ""),
        (15, 18, (18,), (0, "Loaded"), ""),
        (14, 18, (15,), (0, "Loaded"), ""),
    ],
)  # fmt: skip
def test_what_the_carried_tools_allow(
    source: int, target: int, carried: tuple[int, ...], summary: tuple[int, str], words: str, between: Between, carrying: Carrying
) -> None:  # fmt: skip
    carrying(*carried)
    programs = between(source, target, "CREATE TABLE t AS SELECT 1 AS id", "CREATE INDEX ON t (id)")
    ended = programs.dump()
    if ended.code == 0:
        ended = programs.load()
    assert ended.summary == summary, ended.report.message
    assert re.search(words, ended.report.message)


def test_an_extension_that_later_majors_dropped_is_named(between: Between, carrying: Carrying) -> None:
    carrying(*ALL)
    programs = between(14, 17, "CREATE EXTENSION adminpack")
    assert programs.dump().code == 0
    loaded = programs.load()
    assert loaded.summary == (69, "MissingExtension")
    assert "adminpack" in loaded.report.message


@pytest.mark.parametrize(
    ("major", "constraint"),
    [
        (14, "CHECK (id > 0) NOT VALID"),
        (18, "CHECK (id > 0) NOT VALID"),
        (18, "CHECK (id > 0) NOT ENFORCED"),
        (18, "NOT NULL id NOT VALID"),
    ],
)
def test_rows_older_than_a_constraint_are_replaced_in_place(
    major: int, constraint: str, between: Between, carrying: Carrying
) -> None:
    carrying(*ALL)
    tables = ["CREATE TABLE base (id int)", "CREATE TABLE derived () INHERITS (base)"]
    constrained = [f"ALTER TABLE {table} ADD CONSTRAINT {table}_id {constraint}" for table in ("derived", "base")]
    programs = between(major, major, *tables, "INSERT INTO derived VALUES (-1), (NULL)", *constrained)
    programs.target.run(*tables, *constrained, database=programs.database)
    query = "SELECT conname, pg_get_constraintdef(oid), conislocal, coninhcount FROM pg_constraint ORDER BY conrelid, 1"
    before = programs.target.run(query, database=programs.database)
    assert programs.dump().code == 0
    loaded = programs.load("--strategy", "InPlace", "--overwrite", "Any")
    assert loaded.summary == (0, "Loaded"), loaded.report.message
    assert programs.target.run("TABLE derived", database=programs.database) == [(-1,), (None,)]
    assert programs.target.run(query, database=programs.database) == before


@pytest.mark.parametrize(("source", "target"), [(14, 15), (14, 18), (16, 16)])
def test_an_application_role_may_load_though_schema_public_belongs_to_a_superuser(
    source: int, target: int, between: Between, carrying: Carrying
) -> None:
    """Before PostgreSQL 15 it does so in every database, and still does in an upgraded one."""
    carrying(*ALL)
    programs = between(source, target, "ALTER SCHEMA public OWNER TO postgres", "GRANT ALL ON SCHEMA public TO PUBLIC")
    app = role(
        f"app{source}{target}",
        "CREATEDB",
        *{programs.source.port: programs.source, programs.target.port: programs.target}.values(),
    )
    programs.source.run(f"ALTER DATABASE {programs.source_database} OWNER TO {app}")
    programs.target.run(f"ALTER DATABASE {programs.database} OWNER TO {app}")
    programs.source.run("CREATE TABLE t AS SELECT 1 AS id", database=programs.source_database, role=app)
    assert programs.dump(PROD_DB_USERNAME=app).code == 0
    loaded = programs.load(DEV_DB_USERNAME=app)
    assert loaded.code == 0, loaded.report.message
    assert programs.target.run("TABLE t", database=programs.database, role=app) == [(1,)]
    programs.target.run("CREATE TABLE another ()", database=programs.database, role=app)


def test_a_role_that_schema_public_alone_names_is_missed_before_the_load(between: Between, carrying: Carrying) -> None:
    carrying(*ALL)
    programs = between(15, 16)
    role("visitor", "", programs.source)
    role("host", "", programs.source)
    statements = ["GRANT USAGE ON SCHEMA public TO visitor", "ALTER SCHEMA public OWNER TO host"]
    programs.source.run(*statements, database=programs.source_database)
    assert programs.dump().code == 0
    refused = programs.load()
    assert refused.summary == (77, "MissingRights")
    assert re.findall(r'CREATE ROLE "(\w+)"', refused.report.message) == ["host", "visitor"]


@pytest.mark.parametrize("target", [16, 18])
def test_memberships_without_their_options_are_answered_with_them(
    target: int, between: Between, carrying: Carrying
) -> None:
    """From 16 on INHERIT and SET are options of each membership."""
    carrying(*ALL)
    programs = between(15, target)
    owner, loader = role(f"owner{target}", "", programs.target), role(f"loader{target}", "CREATEDB", programs.target)
    client = role(f"client{target}", "", programs.target)
    programs.target.run(
        f"ALTER DATABASE {programs.database} OWNER TO {owner}",
        f"GRANT {owner} TO {loader} WITH INHERIT FALSE, SET FALSE",
        f"GRANT pg_signal_backend TO {loader} WITH INHERIT FALSE",
    )
    assert programs.dump().code == 0
    with contextlib.closing(programs.target.connect(programs.database, client)):
        refused = programs.load(DEV_DB_USERNAME=loader)
        assert refused.summary == (77, "MissingRights")
        programs.target.run(*re.findall(r"(GRANT [^;]*);", refused.report.message))
        loaded = programs.load(DEV_DB_USERNAME=loader)
    assert loaded.code == 0, loaded.report.message


@pytest.mark.parametrize("target", [15, 17])
def test_a_roles_timeouts_do_not_end_its_load(target: int, between: Between, carrying: Carrying) -> None:
    """pg_restore 15 does not know transaction_timeout, which 17 brought."""
    carrying(15)
    slow = "CREATE FUNCTION slow(n int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.5); RETURN n; END $$"
    programs = between(15, target, slow, "CREATE TABLE t AS SELECT 1 AS id", "CREATE INDEX ON t (slow(id))")
    loader = role(f"hasty{target}", "SUPERUSER", programs.target)
    names = ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout"]
    for name in names + ["transaction_timeout"] * (target >= 17):
        programs.target.run(f"ALTER ROLE {loader} SET {name} = '400ms'")
    assert programs.dump().code == 0
    loaded = programs.load(DEV_DB_USERNAME=loader)
    assert loaded.code == 0, loaded.report.message


def test_a_login_trigger_of_the_source_does_not_see_the_load(between: Between, carrying: Carrying) -> None:
    carrying(*ALL)
    programs = between(
        17,
        18,
        "CREATE TABLE logins (at timestamptz DEFAULT clock_timestamp())",
        "INSERT INTO logins DEFAULT VALUES",
        "CREATE FUNCTION log() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.logins DEFAULT VALUES; END $$",
        "CREATE EVENT TRIGGER logging ON login EXECUTE FUNCTION log()",
    )
    dumped = programs.dump()
    assert dumped.code == 0, dumped.report.message
    loaded = programs.load("--workers", "2")
    assert loaded.code == 0, loaded.report.message
    with contextlib.closing(programs.target.connect(programs.database)) as session, session.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM logins")  # and its own session counts as one
        assert cursor.fetchall() == [(loaded.report.rows + 1,)]

    again = programs.load("--any-run", run="run-2")
    assert again.code == 0, again.report.message
    previous = f"{programs.database}__previous"
    assert programs.target.run("SELECT count(*) FROM logins", database=previous) == [(loaded.report.rows + 2,)]


@pytest.mark.parametrize(
    ("target", "options"),
    [
        (14, "LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'"),
        (15, "LOCALE_PROVIDER icu ICU_LOCALE 'de-u-co-phonebk' LOCALE 'C.UTF-8'"),
        (16, "LOCALE_PROVIDER icu ICU_LOCALE 'und' ICU_RULES '& b < a' LOCALE 'C.UTF-8'"),
        (17, "LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C'"),
        (17, "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'"),
        (18, "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'PG_UNICODE_FAST' LOCALE 'C'"),
        (18, "LOCALE_PROVIDER libc LOCALE 'C'"),
    ],
)
def test_a_database_keeps_its_locale_and_settings_and_so_do_its_siblings(
    target: int, options: str, server_of: ServerOf, between: Between, carrying: Carrying
) -> None:  # fmt: skip
    carrying(14)
    programs = between(14, target, "CREATE TABLE t AS SELECT 'x' AS v")
    assert programs.dump().code == 0
    server, names = server_of(target), [f"{programs.database}_{one}" for one in "ab"]
    for name in names:
        server.run(f"CREATE DATABASE {name} TEMPLATE template0 {options}")
        server.run(
            f"ALTER DATABASE {name} SET idle_session_timeout = '1h'",
            f'ALTER DATABASE {name} SET search_path = a, "B c"',
        )
    query = """
        SELECT to_jsonb(d) - '{oid,datname,datfrozenxid,datminmxid}'::text[], setconfig FROM pg_database d
        JOIN pg_db_role_setting ON setdatabase = d.oid WHERE setrole = 0 AND datname = '%s'
    """  # fmt: skip
    before = server.run(query % names[0])
    first, second = (Programs(programs.root, programs.source, server, name, programs.source_database) for name in names)
    loaded = first.load("--sibling-database", names[1])
    assert loaded.code == 0, loaded.report.message
    assert f"{names[1]}__next" in databases(server, names[1])
    loaded = second.load("--sibling-database", names[0])
    assert loaded.code == 0, loaded.report.message
    assert [line["message"] for line in loaded.lines].count("target replaced") == 1
    for name in names:
        assert server.run("SELECT v FROM public.t", database=name) == [("x",)]
        ((found, settings),) = server.run(query % name)
        assert _without_access(found) == _without_access(before[0][0])
        assert settings == before[0][1]


def _without_access(described: dict[str, object]) -> dict[str, object]:
    """Leave out the ACL: before it is the default (NULL), afterwards the same rights are written out."""
    return {key: value for key, value in described.items() if key != "datacl"}
