"""Whatever settings a role, a database or the environment has: copied values have the same meaning on both sides."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from psycopg2 import sql

from datareplication.jobs.model.connections import Connection
from datareplication.jobs.postgres import session_settings
from datareplication.jobs.postgres.connection import connect, row
from support.equality import schema
from support.programs import Outcome, Programs
from support.server import PASSWORD, Server

WORDS = r"""
CREATE TABLE texts (id int PRIMARY KEY, words text[], amount money DEFAULT '12.50', span interval, at timestamptz,
    day date DEFAULT '2024-02-01', raw bytea, ratio float8, "select" text DEFAULT E'a\\b''c', doc xml);
INSERT INTO texts VALUES
    (1, '{NULL,x,"NULL"}', '1234.56', '-1 day +02:03:04', '2024-02-01 03:04:05.678901+05:30', '2024-02-03', '\x00ff5c27',
     0.1 + 0.2, E'back\\slash', '<a>1</a>'),
    (2, '{}', NULL, '1 year -1 day', 'infinity', '0044-03-15 BC', '\x', 'NaN', '', '<!DOCTYPE a [<!ELEMENT a ANY>]><a/>'),
    (3, NULL, '-0.01', NULL, NULL, NULL, NULL, '-infinity', NULL, 'loose text');
ALTER TABLE texts ADD CHECK (words IS NULL OR words <> '{NULL,never}');
ALTER TABLE texts ADD COLUMN tags text[] DEFAULT '{NULL,x}', ADD COLUMN pause interval DEFAULT '-1 day +02:00:00';
CREATE INDEX ON texts (lower("select")) WHERE at > '2024-01-01 00:00:00+05:30';
CREATE TABLE parent (id int PRIMARY KEY, note text);
CREATE TABLE child (id int REFERENCES parent, stamp timestamptz);
INSERT INTO parent SELECT i, 'The quick brown foxes ' || i FROM generate_series(1, 400) i;
INSERT INTO child SELECT i, '2024-03-30 22:00:00+00'::timestamptz + i * interval '1 hour' FROM generate_series(1, 400) i;
CREATE INDEX ON parent USING gin (to_tsvector('english', note));
CREATE FUNCTION shout(t text) RETURNS text LANGUAGE plpgsql AS $$
    DECLARE t text := upper(shout.t); BEGIN RETURN t; END $$;
CREATE VIEW quoted AS SELECT "select" AS "group", words = NULL AS unknown FROM texts;
"""

VIEWS = """
CREATE MATERIALIZED VIEW days AS SELECT stamp::date AS day, count(*) FROM child GROUP BY 1;
CREATE MATERIALIZED VIEW printed AS SELECT id, at::text, span::text, amount::text, day::text, raw::text FROM texts;
CREATE MATERIALIZED VIEW stems AS SELECT id, to_tsvector(note) AS words FROM parent WHERE id < 5;
"""

OTHERS = """
    SELECT name, vartype, setting, boot_val, min_val, max_val, enumvals FROM pg_settings WHERE context = 'user'
    AND name NOT LIKE 'transaction%%' AND name <> ALL (%s) ORDER BY 1
"""

NOT_A_ROLES = ["client_encoding", "application_name", "seed", "role", "session_authorization"]
"""The programs' sessions always set the first two themselves. `seed` and the roles do not affect how text is read."""

TEXTS = {
    "DateStyle": ["German, DMY", "SQL, MDY", "Postgres, YMD"],
    "TimeZone": ["Asia/Kathmandu", "America/Caracas"],
    "timezone_abbreviations": ["India", "Australia"],
    "lc_monetary": ["C.UTF-8"],
    "lc_numeric": ["C.UTF-8"],
    "lc_time": ["C.UTF-8"],
    "default_text_search_config": ["pg_catalog.german", "pg_catalog.english"],
    "default_table_access_method": ["no_such_method"],
    "default_tablespace": ["no_such_tablespace", "pg_global"],
    "temp_tablespaces": ["pg_default"],
    "search_path": ["trap", "trap, pg_catalog"],
    "local_preload_libraries": ["no_such_library"],
    "restrict_nonsystem_relation_kind": ["view"],
    "plpgsql.extra_errors": ["all"],
    "plpgsql.extra_warnings": ["all"],
}
ROUNDS = 7
"""The largest number of unusual values that one of these settings has."""

OF_THE_DATABASE = {
    "DateStyle": "SQL, DMY",
    "IntervalStyle": "sql_standard",
    "TimeZone": "Pacific/Auckland",
    "timezone_abbreviations": "Australia",
    "extra_float_digits": "0",
    "lc_monetary": "C.UTF-8",
    "lc_numeric": "C.UTF-8",
    "lc_time": "C.UTF-8",
    "bytea_output": "escape",
    "xmlbinary": "hex",
    "xmloption": "document",
    "default_text_search_config": "pg_catalog.german",
    "row_security": "on",
}
"""Settings of the source's database that affect the rows of its views."""

TRAP = [
    "CREATE SCHEMA trap",
    "CREATE FUNCTION trap.count(bigint) RETURNS bigint LANGUAGE sql AS 'SELECT 0::bigint'",
    "CREATE FUNCTION trap.lower(text) RETURNS text LANGUAGE sql AS $$ SELECT 'trapped' $$",
    "CREATE VIEW trap.pg_class AS SELECT 1 AS oid",
    "CREATE VIEW trap.pg_database AS SELECT 1 AS oid",
    "GRANT USAGE ON SCHEMA trap TO PUBLIC",
]


def others(server: Server) -> Mapping[str, list[str]]:
    """Return the values, other than the default, of each setting that a role may set."""
    found: dict[str, list[str]] = dict(TEXTS) | {"plpgsql.check_asserts": ["off"]}
    with contextlib.closing(server.connect()) as connection, connection.cursor() as cursor:
        cursor.execute(OTHERS, [NOT_A_ROLES])
        for name, kind, setting, usual, least, most, values in cursor.fetchall():
            if kind == "bool":
                found[name] = [value for value in ("on", "off") if value != usual]
            elif kind == "enum":
                found[name] = [value for value in values if value not in {usual, setting}]
            elif kind in {"integer", "real"}:
                found[name] = _beside(float(usual), float(least), float(most), whole=kind == "integer")
            else:
                assert name in TEXTS, f"a setting nobody has thought of: {name}"
    return {name: values for name, values in found.items() if values}


def _beside(usual: float, least: float, most: float, *, whole: bool) -> list[str]:
    """Return values near the usual one; the ends of a range are mostly extreme amounts of memory or time."""
    values = {usual + 1, max(usual * 2, least + 1), usual - 1, least}
    return [
        str(int(value) if whole else value) for value in sorted(values) if least <= value <= most and value != usual
    ]


@pytest.fixture
def roles(programs: Programs) -> Iterator[tuple[str, str]]:
    """A role that dumps and one that loads, neither a superuser."""
    dumper, loader = f"{programs.database}_dumper", f"{programs.database}_loader"
    programs.source.run(
        f"CREATE ROLE {dumper} LOGIN PASSWORD '{PASSWORD}'",
        f"GRANT pg_read_all_data TO {dumper}",
        f"GRANT EXECUTE ON FUNCTION pg_control_system TO {dumper}",
    )
    programs.target.run(
        f"CREATE ROLE {loader} LOGIN PASSWORD '{PASSWORD}' CREATEDB",
        f"GRANT pg_signal_backend TO {loader}",
        f"ALTER DATABASE {programs.database} OWNER TO {loader}",
    )
    yield dumper, loader
    programs.target.run(f"ALTER DATABASE {programs.database} OWNER TO postgres")
    for server, role in ((programs.source, dumper), (programs.target, loader)):
        for (name,) in server.run(f"SELECT datname FROM pg_database WHERE datname LIKE '{programs.database}%'"):
            server.run(f"DROP OWNED BY {role}", database=name)
            server.run(f"ALTER DATABASE {name} OWNER TO postgres")
        server.run(f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def give(server: Server, to: str, name: str, value: str) -> None:
    """Set a setting for `ROLE …` or `DATABASE …`: their sessions start with it."""
    with contextlib.closing(server.connect()) as connection, connection.cursor() as cursor:
        parts = sql.SQL(".").join(sql.Identifier(part) for part in name.split("."))
        values = sql.SQL(", ").join(sql.Literal(one.strip()) for one in value.split(","))
        cursor.execute(sql.SQL("ALTER {} SET {} TO {}").format(sql.SQL(to), parts, values))


def copy(programs: Programs, roles: tuple[str, str], **environment: str) -> tuple[Outcome, Outcome]:
    dumper, loader = roles
    dumped = programs.dump("--checksum", PROD_DB_USERNAME=dumper, **environment)
    assert dumped.code == 0, dumped.report.message
    loaded = programs.load(
        "--owners=TargetOwner", "--verify=Checksum", "--overwrite=Any", DEV_DB_USERNAME=loader, **environment
    )
    assert loaded.code == 0, loaded.report.message
    return dumped, loaded


def rows(server: Server, database: str) -> list[list[tuple[Any, ...]]]:
    tables = ["texts", "parent", "child", "days", "printed", "stems", "quoted"]
    return [server.run(f"SELECT t::text FROM {table} t ORDER BY 1", database=database) for table in tables]


def assert_copied(programs: Programs) -> None:
    assert rows(programs.target, programs.database) == rows(programs.source, programs.database)
    without_owners = [
        [
            line
            for line in schema(one, programs.database).splitlines()
            if "OWNER TO" not in line and "Owner:" not in line
        ]
        for one in (programs.target, programs.source)
    ]
    assert without_owners[0] == without_owners[1]


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_every_setting_that_a_role_may_set_is_another_on_both_sides(
    programs: Programs, roles: tuple[str, str], turn: int
) -> None:
    assert set(OF_THE_DATABASE) == set(session_settings.SHAPING)
    programs.source.psql("-c", WORDS, database=programs.database)
    for name, value in OF_THE_DATABASE.items():
        give(programs.source, f"DATABASE {programs.database}", name, value)
    programs.source.psql("-c", VIEWS, database=programs.database)  # psycopg2 would set a DateStyle
    programs.source.run(*TRAP, database=programs.database)
    for server, role in zip((programs.source, programs.target), roles, strict=True):
        for name, values in others(server).items():
            if name != "post_auth_delay":  # only delays each session, by a second
                give(server, f"ROLE {role}", name, values[turn % len(values)])

    copy(programs, roles)

    # Both sides are compared with the same settings.
    programs.source.run(f"ALTER DATABASE {programs.database} RESET ALL")
    assert_copied(programs)


def test_an_array_with_null_in_it_arrives_as_one_when_array_nulls_is_off(
    programs: Programs, roles: tuple[str, str]
) -> None:
    programs.source.run("CREATE TABLE t AS SELECT ARRAY[NULL, 'x', 'NULL'] AS words", database=programs.database)
    give(programs.target, f"ROLE {roles[1]}", "array_nulls", "off")

    copy(programs, roles)

    found = programs.target.run("SELECT words, array_position(words, NULL) FROM t", database=programs.database)
    assert found == [([None, "x", "NULL"], 1)]


@pytest.mark.parametrize("name", ["PGDATESTYLE", "PGTZ", "PGOPTIONS"])
def test_what_the_environment_says_of_values_does_not_count(
    programs: Programs, roles: tuple[str, str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = {"PGDATESTYLE": "German, DMY", "PGTZ": "Asia/Kathmandu", "PGOPTIONS": "-c array_nulls=off"}[name]
    programs.source.run(
        "CREATE TABLE t AS SELECT '2024-02-01'::date AS day, '2024-02-01 12:00+00'::timestamptz AS at, ARRAY[NULL, 'x'] AS w",
        "ALTER TABLE t ALTER day SET DEFAULT '2024-03-04'",
        database=programs.database,
    )
    with monkeypatch.context() as patched:
        patched.setenv(name, value)
        copy(programs, roles)

    query = "SELECT t::text, pg_get_expr(adbin, adrelid) FROM t, pg_attrdef WHERE adrelid = 't'::regclass"
    assert programs.target.run(query, database=programs.database) == programs.source.run(
        query, database=programs.database
    )


@pytest.mark.parametrize("name", sorted(session_settings.HARMFUL))
def test_a_setting_that_loses_rows_and_that_the_role_may_not_change_is_refused(
    programs: Programs, roles: tuple[str, str], name: str
) -> None:
    dumper, _ = roles
    give(programs.source, f"ROLE {dumper}", name, "replica" if name == "session_replication_role" else "on")

    ended = programs.dump(PROD_DB_USERNAME=dumper)

    assert ended.summary == (77, "HarmfulSetting")
    assert name in ended.report.message
    assert f"RESET {name}" in ended.report.message


def test_a_superuser_sets_it_right_by_himself(programs: Programs) -> None:
    role = f"{programs.database}_super"
    programs.source.run(f"CREATE ROLE {role} SUPERUSER LOGIN PASSWORD '{PASSWORD}'")
    try:
        programs.source.run("CREATE TABLE t AS SELECT 1 AS id", database=programs.database)
        for name in session_settings.HARMFUL:
            give(programs.source, f"ROLE {role}", name, "replica" if name == "session_replication_role" else "on")
        with contextlib.closing(connect(_connection(programs, role), "test")) as session:
            found = [row(session, f"SHOW {name}", doing="a test")[0] for name in sorted(session_settings.HARMFUL)]
        assert found == ["off", "origin", "off"]
        assert programs.dump(PROD_DB_USERNAME=role).code == 0
    finally:
        programs.source.run(f"DROP ROLE {role}")


def _connection(programs: Programs, role: str) -> Connection:
    return Connection("PROD", programs.source.conninfo(programs.database), role, PASSWORD)
