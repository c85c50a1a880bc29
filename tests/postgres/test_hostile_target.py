"""What a target says about itself is not trusted, and its tenants' code never runs as the load's role."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from datareplication.jobs.postgres import provenance
from support.family import arguments
from support.programs import Programs, databases, until
from support.server import PASSWORD, Server

PROVENANCE = """
    CREATE TABLE datareplication.provenance (source_system_identifier text, source_database text, snapshot_time text,
        lsn text, run_uid text, run_name text, replication text, target_system_identifier text, target_database text,
        previous_database bigint, schema_fingerprint text, tool_version text, duration_seconds float8,
        loaded_by_run_uid text, snapshot text, tables bigint, rows bigint, bytes bigint, loaded_at timestamptz)
"""
FORGED = """
    INSERT INTO datareplication.provenance SELECT '1', 'app', '2024-01-01T00:00:00Z', '0/0', 'run-1', 'run-1', '',
        (SELECT system_identifier::text FROM pg_control_system()), current_database(), 0, '', '', 1, 'run-1', '', 1, 1, 1, now()
"""
TRAP = """
    CREATE FUNCTION trap() RETURNS {} LANGUAGE plpgsql AS $$
    BEGIN
        EXECUTE 'ALTER ROLE {} SUPERUSER';
        RETURN {};
    END $$
"""


@pytest.fixture
def tenant(dumped: Programs) -> Iterator[str]:
    """The target's owner, a role without other rights on its server."""
    role = f"{dumped.database}_tenant"
    dumped.target.run(
        f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'",
        f"ALTER DATABASE {dumped.database} OWNER TO {role}",
        f"GRANT EXECUTE ON FUNCTION pg_control_system TO {role}",
    )
    yield role
    assert dumped.target.run(f"SELECT rolsuper FROM pg_roles WHERE rolname = '{role}'") == [(False,)], (
        "he is superuser now"
    )


def count(programs: Programs) -> list[tuple[Any, ...]]:
    return programs.target.run("SELECT count(*) FROM t", database=programs.database)


def test_a_target_that_says_this_run_has_loaded_it_is_loaded(dumped: Programs, tenant: str) -> None:
    dumped.target.run(
        "CREATE SCHEMA datareplication", PROVENANCE, FORGED, "CREATE TABLE t AS SELECT 1 AS id",
        database=dumped.database, role=tenant,
    )  # fmt: skip

    ended = dumped.load()

    assert ended.code == 0, ended.report.message
    assert count(dumped) == [(1000,)]


def test_a_previous_database_that_says_it_was_rolled_back_is_rolled_back(dumped: Programs, tenant: str) -> None:
    assert dumped.load().code == 0
    name = dumped.database
    dumped.target.run(
        f"COMMENT ON DATABASE {name}__previous IS 'datareplication: replaced by run run-2'",
        f"COMMENT ON DATABASE {name}__previous IS 'datareplication: rolled back by run run-2'",
        role=tenant,
    )

    assert dumped.load("--rollback", run="run-2").code == 0

    assert dumped.target.run("SELECT to_regclass('t')", database=name) == [(None,)]


def test_a_view_in_the_provenances_place_does_not_run_as_the_loads_role(
    dumped: Programs, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = dumped.database
    dumped.target.run("CREATE SCHEMA datareplication", PROVENANCE, database=name, role=tenant)
    columns = provenance._columns
    swapped: list[list[str]] = []

    def columns_then_a_view(session: Any) -> list[str]:
        found = columns(session)
        if not swapped and session.info.dbname == name:
            swapped.append(found)
            names = ", ".join(f"trap() AS {one}" if kind == "text" else f"0::{kind} AS {one}" for one, kind in _pairs())
            dumped.target.run(
                TRAP.format("text", tenant, "''"),
                "DROP TABLE datareplication.provenance",
                f"CREATE VIEW datareplication.provenance AS SELECT {names}, now() AS loaded_at",
                database=name,
                role=tenant,
            )
        return found

    monkeypatch.setattr(provenance, "_columns", columns_then_a_view)
    ended = dumped.load()
    assert swapped
    assert ended.code == 0, ended.report.message


def _pairs() -> list[tuple[str, str]]:
    return [(one, kind) for one, kind in provenance._TYPES.items() if one != "loaded_at"]


@pytest.mark.parametrize(
    "trap",
    [
        "CREATE TRIGGER sprung BEFORE INSERT ON datareplication.provenance FOR EACH ROW EXECUTE FUNCTION trap()",
        "CREATE RULE sprung AS ON INSERT TO datareplication.provenance DO ALSO SELECT trap_value()",
        "ALTER TABLE datareplication.provenance ADD CHECK (trap_value() IS NOT NULL)",
        "ALTER TABLE datareplication.provenance ALTER loaded_at SET DEFAULT trap_value()::text::timestamptz",
        "CREATE INDEX ON datareplication.provenance (trap_fixed(run_uid))",
        "SELECT 1",
    ],
)
def test_a_table_in_the_provenances_place_runs_nothing_as_the_loads_role_in_place(
    dumped: Programs, tenant: str, trap: str
) -> None:
    name = dumped.database
    dumped.target.run(
        "CREATE SCHEMA datareplication",
        PROVENANCE,
        TRAP.format("trigger", tenant, "NEW"),
        TRAP.format("text", tenant, "''").replace("trap()", "trap_value()"),
        TRAP.format("text", tenant, "$1").replace("trap()", "trap_fixed(text)").replace("plpgsql", "plpgsql IMMUTABLE"),
        "CREATE TABLE t (id int, v text)",
        trap,
        database=name,
        role=tenant,
    )

    ended = dumped.load("--strategy=InPlace", "--overwrite=Any")

    assert ended.summary in {(78, "ProvenanceNotOurs"), (77, "MissingRights")}, ended.report.message
    assert count(dumped) == [(0,)]


def test_a_superuser_loads_in_place_only_among_superusers_objects(dumped: Programs, tenant: str) -> None:
    dumped.target.run("CREATE TABLE t (id int, v text)", database=dumped.database)
    assert dumped.load("--strategy=InPlace").code == 0

    steps = [
        "CREATE TABLE seen AS SELECT current_user::text AS name LIMIT 0",
        "CREATE FUNCTION look() RETURNS bool LANGUAGE sql AS $$ INSERT INTO public.seen VALUES (current_user); SELECT true $$",
    ]
    dumped.target.run(*steps, database=dumped.database, role=tenant)
    dumped.target.run("ALTER TABLE t ADD CHECK (look())", database=dumped.database)
    before = dumped.target.run("SELECT * FROM seen", database=dumped.database)
    ended = dumped.load("--strategy=InPlace", "--any-run", run="run-2")

    assert ended.summary == (78, "WouldRunAsSuperuser")
    assert tenant in ended.report.message
    assert dumped.target.run("SELECT * FROM seen", database=dumped.database) == before


def test_a_provenance_of_gigabytes_is_not_read(dumped: Programs, tenant: str) -> None:
    dumped.target.run(
        "CREATE SCHEMA datareplication",
        PROVENANCE,
        "INSERT INTO datareplication.provenance (run_uid) SELECT repeat('x', 1000) FROM generate_series(1, 3000)",
        database=dumped.database,
        role=tenant,
    )

    assert dumped.load().summary == (78, "ProvenanceNotOurs")


def test_a_clone_of_another_makers_is_not_taken_for_the_siblings(family: dict[str, Programs]) -> None:
    programs, name = family["b"], family["b"].database
    forger = f"{name}_forger"
    programs.target.run(f"CREATE ROLE {forger} LOGIN CREATEDB PASSWORD '{PASSWORD}'")
    mark = "datareplication: being loaded, dropped if the load fails; cloned from a database that run run-1 built and verified"
    programs.target.run(
        f"CREATE DATABASE {name}__next",
        f"COMMENT ON DATABASE {name}__next IS '{mark}'",
        f"ALTER ROLE {forger} IN DATABASE {name}__next SET application_name = 'datareplication: whole and untouched, for run run-1'",
        role=forger,
    )
    programs.target.run("CREATE TABLE t AS SELECT 1 AS id", database=f"{name}__next", role=forger)

    loaded = programs.load(*arguments(family, "b"))

    assert loaded.code == 0, loaded.report.message
    assert count(programs) == [(1000,)]


def test_a_clone_that_lost_rows_is_not_shown(family: dict[str, Programs]) -> None:
    assert family["a"].load(*arguments(family, "a")).code == 0
    programs, name = family["b"], family["b"].database
    programs.target.run("DELETE FROM t WHERE id = 7", database=f"{name}__next")

    assert programs.load(*arguments(family, "b")).summary == (65, "RowsDiffer")

    assert databases(programs.target, name) == [name]


GATED = (
    "CREATE TABLE accounts AS SELECT 1 AS id, 100 AS balance",
    "CREATE TABLE log (at timestamptz DEFAULT now())",
    """CREATE FUNCTION gate() RETURNS bool LANGUAGE plpgsql AS $$
       BEGIN PERFORM pg_advisory_xact_lock_shared(7); RETURN true; END $$""",
    "CREATE MATERIALIZED VIEW held AS SELECT id FROM accounts WHERE gate()",
)


@pytest.fixture
def couple(tmp_path: Path, source: Server, target: Server, database: str) -> Iterator[dict[str, Programs]]:
    """Two targets on one server, and the snapshot of a database with a view whose filling can be held up."""
    names = {suffix: f"{database}{suffix}" for suffix in "ab"}
    source.run(f"CREATE DATABASE {database}")
    source.run(*GATED, database=database)
    made = {suffix: Programs(tmp_path, source, target, name, database) for suffix, name in names.items()}
    for name in names.values():
        target.run(f"CREATE DATABASE {name}")
    assert made["a"].dump().code == 0
    yield made
    for name in databases(target, database):
        target.run(f'DROP DATABASE "{name}" WITH (FORCE)')
    source.run(f"DROP DATABASE {database}")


def test_after_load_sql_does_not_run_twice_on_a_clone_whose_load_was_killed_after_it(
    couple: dict[str, Programs], tmp_path: Path
) -> None:
    script = tmp_path / "scrub.sql"
    script.write_text("UPDATE accounts SET balance = balance / 2; INSERT INTO log DEFAULT VALUES;")
    options = {suffix: ["--after-load", str(script), *arguments(couple, suffix)] for suffix in "ab"}
    assert couple["a"].load(*options["a"]).code == 0
    programs, following = couple["b"], f"{couple['b'].database}__next"
    with contextlib.closing(programs.target.connect(following)) as session, session.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(7)")
        child = programs.start("load", *options["b"])
        until(lambda: programs.target.run(_HELD), "the view is being filled")
        child.process.kill()
        child.process.communicate()

    again = programs.load(*options["b"])

    assert again.code == 0, again.report.message
    query = "SELECT balance, (SELECT count(*) FROM log) FROM accounts"
    assert programs.target.run(query, database=programs.database) == [(50, 1)]


_HELD = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = 7"
