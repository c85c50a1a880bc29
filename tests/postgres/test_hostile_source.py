"""Code of a hostile source runs while its rows are copied, but gains nothing beyond the database that is built."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support import server
from support.programs import Programs, databases
from support.server import PASSWORD

HOSTILE = """
    CREATE FUNCTION deeds(x int) RETURNS bool LANGUAGE plpgsql AS $f$
    DECLARE statement text;
    BEGIN
        FOREACH statement IN ARRAY ARRAY[{}] LOOP
            BEGIN EXECUTE statement; EXCEPTION WHEN OTHERS THEN NULL; END;
        END LOOP;
        RETURN true;
    END $f$
"""
REACH = """
    CREATE FUNCTION reach(x int) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $f$
    BEGIN
        RETURN current_database() NOT LIKE '%\\_\\_next' OR public.deeds(x);
    END $f$
"""
DOMAIN = "CREATE DOMAIN d AS int CHECK (reach(VALUE))"
PLACES = {
    "a CHECK": ["CREATE TABLE t (id int CHECK (reach(id)))", "INSERT INTO t VALUES (1)"],
    "a generated column": [
        "CREATE FUNCTION one(x int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT public.reach(x)::int'",
        "CREATE TABLE t (id int, g int GENERATED ALWAYS AS (one(id)) STORED)",
        "INSERT INTO t VALUES (1)",
    ],
    "a domain": ["CREATE DOMAIN d AS int CHECK (reach(VALUE))", "CREATE TABLE t (id d)", "INSERT INTO t VALUES (1)"],
    "an index": ["CREATE TABLE t (id int)", "INSERT INTO t VALUES (1)", "CREATE INDEX ON t (reach(id))"],
    "a constraint that comes after the rows": [
        "CREATE TABLE t (id int)",
        "INSERT INTO t VALUES (1)",
        "ALTER TABLE t ADD EXCLUDE ((reach(id)::text) WITH =)",
    ],
    **{
        f"a literal in {where}": [DOMAIN, "CREATE TABLE t (a int, b int)", statement]
        for where, statement in {
            "a column's default": "CREATE TABLE u (a d[] DEFAULT '{1}')",
            "an argument's default": "CREATE FUNCTION f(a d[] DEFAULT '{1}') RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "a view": "CREATE VIEW v AS SELECT '{1}'::d[] AS x",
            "a partition's bound": "CREATE TABLE u (k d[]) PARTITION BY LIST (k); "
            "CREATE TABLE u1 PARTITION OF u FOR VALUES IN ('{1}')",
            "an aggregate": "CREATE AGGREGATE f(d) (SFUNC = array_append, STYPE = d[], INITCOND = '{1}')",
            "a statistics object": "CREATE STATISTICS st ON (a = ANY ('{1}'::d[])), b FROM t",
            "a CHECK": "ALTER TABLE t ADD CHECK (a <> ALL ('{2}'::d[]))",
            "a policy": "CREATE POLICY p ON t USING (a = ANY ('{1}'::d[]))",
            "a trigger": "CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW WHEN (NEW.a = ANY ('{1}'::d[])) "
            "EXECUTE FUNCTION suppress_redundant_updates_trigger()",
            "a rule": "CREATE RULE r AS ON INSERT TO t WHERE NEW.a = ANY ('{1}'::d[]) DO INSTEAD NOTHING",
            "an index": "CREATE INDEX ON t (a) WHERE a = ANY ('{1}'::d[])",
            "a view that needs a key": "ALTER TABLE t ADD PRIMARY KEY (a); "
            "CREATE MATERIALIZED VIEW v AS SELECT a, b, '{1}'::d[] AS x FROM t GROUP BY a WITH NO DATA",
        }.items()
    },
}


@pytest.fixture
def victims(programs: Programs) -> Iterator[dict[str, str]]:
    """Objects on the target's server that the code tries to change, and a loader that may create roles."""
    name = programs.database
    names = {"tenant": f"{name}_tenant", "loader": f"{name}_loader", "other": f"{name}_other", "made": f"{name}_made"}
    programs.target.run(
        f"CREATE ROLE {names['tenant']}",
        f"CREATE ROLE {names['loader']} LOGIN CREATEDB CREATEROLE PASSWORD '{PASSWORD}'",
        f"CREATE DATABASE {names['other']} OWNER {names['loader']}",
        f"ALTER DATABASE {name} OWNER TO {names['loader']}",
    )
    yield names
    for database in databases(programs.target, name):
        programs.target.run(f"DROP DATABASE {database} WITH (FORCE)")
    programs.target.run(f"DROP ROLE IF EXISTS {names['made']}")
    programs.target.run(f"CREATE DATABASE {name}")


def make(programs: Programs, victims: dict[str, str], place: str, *more: str) -> None:
    statements = [
        "RESET ROLE",
        "RESET SESSION AUTHORIZATION",
        f"ALTER ROLE {victims['tenant']} SUPERUSER",
        f"CREATE ROLE {victims['made']}",
        f"ALTER ROLE {victims['loader']} PASSWORD 'taken'",
        f"ALTER ROLE {victims['loader']} SET search_path TO trap",
        "ALTER ROLE postgres SET search_path TO trap",
        f"ALTER DATABASE {victims['other']} SET search_path TO trap",
        f"GRANT ALL ON DATABASE {victims['other']} TO {victims['tenant']}",
        f"ALTER DATABASE {programs.database} OWNER TO {victims['tenant']}",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres' AND pid <> pg_backend_pid()",
        *more,
    ]
    quoted = ", ".join("$s$" + statement + "$s$" for statement in statements)
    programs.source.run(HOSTILE.format(quoted), REACH, *PLACES[place], database=programs.database)
    assert programs.dump().code == 0


def state(programs: Programs, victims: dict[str, str]) -> list[tuple[object, ...]]:
    """Return everything that the code might have changed."""
    return programs.target.run(f"""
        SELECT rolname, rolsuper, rolpassword, (SELECT array_agg(setconfig::text) FROM pg_db_role_setting
            WHERE setrole = r.oid AND setdatabase = 0) FROM pg_authid r WHERE rolname LIKE '{programs.database}%' OR rolname = 'postgres'
        UNION ALL
        SELECT datname || array(SELECT a::text FROM unnest(coalesce(datacl, acldefault('d', datdba))) a ORDER BY 1)::text, false, pg_get_userbyid(datdba), (SELECT array_agg(setconfig::text)
            FROM pg_db_role_setting WHERE setrole = 0 AND setdatabase = d.oid)
        FROM pg_database d WHERE datname IN ('{victims["other"]}', '{programs.database}') ORDER BY 1
    """)


def no_role_is_left(programs: Programs) -> bool:
    return programs.target.run("SELECT 1 FROM pg_roles WHERE rolname LIKE 'datareplication%'") == []


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("loader", ["postgres", "loader"])
def test_the_sources_code_reaches_nothing_but_its_own_database(
    programs: Programs, victims: dict[str, str], loader: str, place: str
) -> None:
    make(programs, victims, place)
    before = state(programs, victims)

    loaded = programs.load("--owners=TargetOwner", DEV_DB_USERNAME=victims.get(loader, loader))

    assert loaded.code == 0, loaded.report.message
    assert "BuiltAsLoader" not in loaded.report.message
    assert state(programs, victims) == before
    assert no_role_is_left(programs)


def test_sums_are_compared_as_the_role_that_builds(programs: Programs, victims: dict[str, str]) -> None:
    programs.source.run("CREATE TABLE u (id int)", "INSERT INTO u VALUES (1)", database=programs.database)
    make(programs, victims, "a CHECK")
    programs.source.run("CREATE INDEX ON u ((id + reach(1)::int))", database=programs.database)
    assert programs.dump("--checksum", CSV_OUTPUT_PATH=str(programs.root / "again")).code == 0
    before = state(programs, victims)

    loaded = programs.load("--verify=Checksum", "--input", str(programs.root / "again"))

    assert loaded.code == 0, loaded.report.message
    assert state(programs, victims) == before


def test_code_that_no_roles_rights_hold_is_told_when_a_superuser_loads_it(programs: Programs) -> None:
    programs.source.run(
        "CREATE FUNCTION rd(text) RETURNS text LANGUAGE internal STRICT AS 'pg_read_file_all'",
        "CREATE TYPE span AS RANGE (subtype = int)",
        "CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int)",
        "CREATE EXTENSION pg_trgm",
        database=programs.database,
    )
    assert programs.dump().code == 0

    loaded = programs.load()

    assert loaded.code == 0, loaded.report.message
    assert "UntrustedCode: the source has 1 objects" in loaded.report.message
    assert "hold: function public.rd(text)" in loaded.report.message


@pytest.mark.parametrize("choice", ["Keep", "TargetOwner"])
def test_a_role_that_is_given_builds(programs: Programs, victims: dict[str, str], choice: str) -> None:
    builder, loader, app = (f"{programs.database}_{suffix}" for suffix in ("builder", "plain", "app"))
    for one in (programs.source, programs.target):
        one.run(f"CREATE ROLE {app}")
    programs.target.run(
        f"CREATE ROLE {builder} LOGIN PASSWORD '{PASSWORD}'",
        f"CREATE ROLE {loader} LOGIN CREATEDB PASSWORD '{PASSWORD}' IN ROLE {app}, pg_signal_backend",
        f"ALTER DATABASE {programs.database} OWNER TO {app}",
    )
    make(programs, victims, "a CHECK")
    given = {"DEV_DB_USERNAME": loader, "DEV_DB_BUILD_USERNAME": builder, "DEV_DB_BUILD_PASSWORD": PASSWORD}
    objects = ["TABLE t", "FUNCTION reach(int)", "FUNCTION deeds(int)"]
    programs.source.run(*(f"ALTER {one} OWNER TO {app}" for one in objects), database=programs.database)
    assert programs.dump(CSV_OUTPUT_PATH=str(programs.root / "again")).code == 0
    arguments = [f"--owners={choice}", "--input", str(programs.root / "again")]

    refused = programs.load(*arguments, **given)
    programs.target.run(f'GRANT "{builder}" TO "{loader}"')
    before = state(programs, victims)
    loaded = programs.load(*arguments, **given)

    assert refused.summary == (77, "MissingRights")
    assert f'GRANT "{builder}" TO "{loader}"' in refused.report.message
    assert loaded.code == 0, loaded.report.message
    assert "BuiltAsLoader" not in loaded.report.message
    assert state(programs, victims) == before
    owners = "SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relname = 't'"
    assert programs.target.run(owners, database=programs.database) == [(app,)]


def test_a_role_with_rights_of_its_own_does_not_build(programs: Programs, victims: dict[str, str]) -> None:
    builder = f"{programs.database}_mighty"
    programs.target.run(f"CREATE ROLE {builder} LOGIN CREATEROLE PASSWORD '{PASSWORD}'")
    make(programs, victims, "a CHECK")

    ended = programs.load(DEV_DB_BUILD_USERNAME=builder, DEV_DB_BUILD_PASSWORD=PASSWORD)

    assert ended.summary == (78, "BuilderHasRights")


def test_without_such_a_role_the_report_says_so(programs: Programs) -> None:
    loader = f"{programs.database}_plain"
    programs.target.run(
        f"CREATE ROLE {loader} LOGIN CREATEDB PASSWORD '{PASSWORD}'",
        f"ALTER DATABASE {programs.database} OWNER TO {loader}",
    )
    programs.source.run("CREATE TABLE t AS SELECT 1 AS id", database=programs.database)
    assert programs.dump().code == 0

    loaded = programs.load("--owners=TargetOwner", DEV_DB_USERNAME=loader)

    assert loaded.code == 0, loaded.report.message
    assert (
        f"BuiltAsLoader: code of the source's (CHECK, defaults, generated columns) ran as role {loader}"
        in loaded.report.message
    )
    assert "buildCredentialsSecretRef" in loaded.report.message


def test_where_the_server_lets_in_no_role_that_it_does_not_know_nothing_is_left_of_it(tmp_path: Path) -> None:
    with server.running() as one:
        rules = "host all postgres 127.0.0.1/32 scram-sha-256\n"
        (one.directory / "data" / "pg_hba.conf").write_text(rules)
        one.run("SELECT pg_reload_conf()", "CREATE DATABASE app", "CREATE DATABASE copy")
        one.run("CREATE TABLE t AS SELECT 1 AS id", database="app")
        programs = Programs(tmp_path, one, one, "copy", "app")
        assert programs.dump().code == 0

        loaded = programs.load()

        assert loaded.code == 0, loaded.report.message
        assert "BuiltAsLoader" in loaded.report.message
        assert "the server does not let in the role that was made" in loaded.report.message
        assert no_role_is_left(programs)


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE public.mine (id int)",
        'CREATE RULE "_RETURN" AS ON SELECT TO public.empty DO INSTEAD SELECT 1 AS id WHERE false',
        "CREATE PUBLICATION mine FOR TABLE public.empty",
        "CREATE EXTENSION pg_trgm SCHEMA public",
        "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC",
        "SELECT lo_create(0)",
        "DROP VIEW public.v",
        "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    ],
)
def test_a_schema_that_the_sources_code_has_changed_is_not_shown(
    programs: Programs, victims: dict[str, str], change: str
) -> None:
    made = ["CREATE VIEW v AS SELECT 1 AS one", "CREATE TABLE empty (id int)"]
    programs.source.run(*made, database=programs.database)
    make(programs, victims, "a CHECK", change)

    ended = programs.load()

    assert ended.summary == (65, "SchemaChangedByItsCode"), ended.report.message
    assert f"{programs.database}__next" not in databases(programs.target, programs.database)
    assert no_role_is_left(programs)


def test_a_role_that_a_killed_load_left_is_dropped_by_the_next(programs: Programs) -> None:
    programs.source.run("CREATE TABLE t AS SELECT 1 AS id", database=programs.database)
    assert programs.dump().code == 0
    ((oid,),) = programs.target.run(f"SELECT oid FROM pg_database WHERE datname = '{programs.database}'")
    left = f"CREATE ROLE datareplication_build_{oid}_0123abcd LOGIN"
    gone = "CREATE ROLE datareplication_build_999999999_0123abcd LOGIN"
    programs.target.run(left, gone)

    assert programs.load().code == 0
    assert no_role_is_left(programs)

    # As after a kill right after the swap: the target is loaded, and the replaced database still exists.
    programs.target.run(left, gone)
    assert programs.load().code == 0
    assert no_role_is_left(programs)
