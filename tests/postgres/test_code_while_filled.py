"""Code of users that runs while rows are copied: with the source's settings, and without changing later settings."""

import pytest

from support.programs import Programs
from support.server import PASSWORD

DAY = "CREATE FUNCTION day(timestamptz) RETURNS date IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1::date; END'"
ROWS = "INSERT INTO t SELECT '2024-01-01 20:30+00'::timestamptz + i * interval '1 hour' FROM generate_series(0, 400) i"
FIRST = "SELECT min(ts) FROM t WHERE day(ts) = '2024-01-02'"
DEPENDING = {
    "an index": [DAY, "CREATE TABLE t (ts timestamptz)", "CREATE INDEX ON t (day(ts))", ROWS],
    "a stored generated column": [
        DAY,
        "CREATE TABLE t (ts timestamptz, d date GENERATED ALWAYS AS (day(ts)) STORED)",
        "CREATE INDEX ON t (day(ts)) WHERE d = day(ts)",
        ROWS,
    ],
    "a partition key": [
        DAY,
        "CREATE TABLE t (ts timestamptz) PARTITION BY RANGE (day(ts))",
        "CREATE TABLE one PARTITION OF t FOR VALUES FROM ('2024-01-01') TO ('2024-01-02')",
        "CREATE TABLE two PARTITION OF t FOR VALUES FROM ('2024-01-02') TO ('2025-01-01')",
        ROWS,
    ],
    "a CHECK": [
        DAY,
        "CREATE TABLE t (ts timestamptz, d date)",
        ROWS,
        "UPDATE t SET d = day(ts)",
        "ALTER TABLE t ADD CHECK (d = day(ts))",
    ],
}
STRATEGIES = ("Swap", "InPlace")


def load(programs: Programs, statements: list[str], strategy: str, *arguments: str) -> None:
    """Dump the result of the statements; load it into a target that already has this schema."""
    programs.source.run(*statements, database=programs.database)
    programs.target.run(*statements, database=programs.database)
    assert programs.dump("--checksum").code == 0
    loaded = programs.load(f"--strategy={strategy}", "--overwrite=Any", *arguments)
    assert loaded.code == 0, loaded.report.message


@pytest.mark.parametrize("place", DEPENDING)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_depends_on_the_time_zone_is_computed_in_the_sources(
    programs: Programs, place: str, strategy: str
) -> None:
    for server in (programs.source, programs.target):
        server.run(f"ALTER DATABASE {programs.database} SET timezone TO 'Europe/Berlin'")

    load(programs, DEPENDING[place], strategy, "--verify=Checksum")

    for scan in ("enable_seqscan", "enable_indexscan"):
        both = [
            one.run(f"SET {scan} TO off", FIRST, database=programs.database)
            for one in (programs.source, programs.target)
        ]
        assert both[0] == both[1]


def test_the_text_of_values_is_the_same_under_every_setting_of_the_sources(programs: Programs) -> None:
    """Only the code of users sees the source's settings."""
    settings = {"timezone": "Asia/Kathmandu", "datestyle": "German, DMY", "intervalstyle": "sql_standard"}
    settings |= {
        "extra_float_digits": "-9",
        "bytea_output": "escape",
        "xmlbinary": "hex",
        "timezone_abbreviations": "India",
    }
    for name, value in settings.items():
        programs.source.run(f"ALTER DATABASE {programs.database} SET {name} TO '{value}'")
    statements = [
        "CREATE TABLE t (at timestamptz, d date, s timestamp, z timetz, i interval, f float8, b bytea, r daterange, a date[])",
        "INSERT INTO t VALUES ('2024-02-01 03:04:05.5+00', '2024-02-03', '0099-02-01 BC', '03:04+05:30', '-1 mon +2 days', 0.1234567890123456, '\\x00ff', '[2024-02-03,2024-03-04)', '{0001-02-03,infinity}')",
        "INSERT INTO t VALUES ('12024-02-01 03:04:05.5+00', '0044-03-02 BC', '0012-11-10', '03:04-12', '1 mon -2 days -03:04', 1e-300, '', 'empty', '{NULL}')",
    ]

    load(programs, statements, "Swap", "--verify=Checksum")


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(
    ("setting", "left", "value"),
    [
        ("array_nulls", "off", "ARRAY[NULL, 'x']"),
        ("intervalstyle", "sql_standard", "'-1 mon +2 days -03:04:05'::interval"),
    ],
)
def test_a_setting_that_a_function_leaves_behind_changes_no_other_table(
    programs: Programs, strategy: str, setting: str, left: str, value: str
) -> None:
    statements = [
        f"""CREATE FUNCTION fine(int) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN
            PERFORM set_config('{setting}', '{left}', false); RETURN true; END $$""",
        "CREATE TABLE a AS SELECT i AS id, repeat('x', 500) FROM generate_series(1, 9) i",
        "ALTER TABLE a ADD CHECK (fine(id))",
        "CREATE TABLE b (id int CHECK (fine(id)))",
        "RESET ALL",
        f"CREATE TABLE c AS SELECT {value} AS v",
        "ALTER TABLE c ADD CHECK (fine(1))",
    ]
    load(programs, statements, strategy)

    query = "SELECT v::text FROM c"
    assert programs.target.run(query, database=programs.database) == programs.source.run(
        query, database=programs.database
    )


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_check_may_read_a_view(programs: Programs, strategy: str) -> None:
    statements = [
        "CREATE TABLE kinds AS SELECT 1 AS id",
        "CREATE VIEW good AS SELECT id FROM kinds",
        "CREATE FUNCTION ok(int) RETURNS bool LANGUAGE sql STABLE AS 'SELECT EXISTS (SELECT FROM public.good WHERE id = $1)'",
        "CREATE TABLE t (id int CHECK (ok(id)))",
        "INSERT INTO t VALUES (1)",
    ]
    load(programs, statements, strategy)


def test_a_dump_with_checksums_minds_no_index_that_reads_a_view(programs: Programs) -> None:
    programs.source.run(
        "CREATE VIEW one AS SELECT 1 AS x",
        "CREATE FUNCTION n(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT x FROM public.one); END'",
        "CREATE TABLE t AS SELECT 1 AS id",
        "CREATE INDEX ON t ((id + n(1)))",
        database=programs.database,
    )
    dumped = programs.dump("--checksum")
    assert dumped.code == 0, dumped.report.message


@pytest.mark.parametrize("setting", ["role", "session_authorization"])
def test_a_targets_owner_does_not_choose_whom_a_load_acts_as(programs: Programs, setting: str) -> None:
    tenant = f"{programs.database}_tenant"
    programs.target.run(
        f"CREATE ROLE {tenant} LOGIN PASSWORD '{PASSWORD}'",
        f"ALTER DATABASE {programs.database} OWNER TO {tenant}",
    )
    for server in (programs.source, programs.target):
        server.run("CREATE TABLE t AS SELECT 1 AS id", database=programs.database)
    programs.target.run(f"ALTER DATABASE {programs.database} SET {setting} TO '{tenant}'", role=tenant)
    assert programs.dump().code == 0

    loaded = programs.load("--strategy=InPlace", "--overwrite=Any")

    assert loaded.code == 0, loaded.report.message

    owner = "SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relname = 'provenance'"
    programs.target.run(f"ALTER DATABASE {programs.database} RESET {setting}")
    assert programs.target.run(owner, database=programs.database) == [("postgres",)]
    notes = """SELECT setrole::regrole::text FROM pg_db_role_setting WHERE setconfig::text LIKE '%datareplication%'
        AND setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())"""
    assert programs.target.run(notes, database=programs.database) == [("postgres",)]


@pytest.mark.parametrize(
    "deed",
    [
        "RAISE 'the value %', $1",
        "RAISE EXCEPTION USING MESSAGE = 'x', HINT = $1, COLUMN = $1, CONSTRAINT = $1",
        "EXECUTE format('SELECT %I', $1)",
        "PERFORM $1::int",
        "PERFORM ($1 || chr(10) || $1)::date",
    ],
)
def test_an_error_tells_no_value_of_a_row(programs: Programs, deed: str) -> None:
    programs.source.run(
        f"""CREATE FUNCTION fine(text) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $$
            BEGIN IF current_database() LIKE '%\\_\\_next' THEN {deed}; END IF; RETURN true; END $$""",
        "CREATE TABLE t (v text CHECK (fine(v)))",
        "INSERT INTO t VALUES ('secret')",
        database=programs.database,
    )
    assert programs.dump().code == 0

    ended = programs.load()

    assert ended.code == 65
    assert "loading public.t" in ended.report.message
    assert "secret" not in ended.report.message
