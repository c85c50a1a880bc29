"""What a load refuses to replace. Each test checks the target's databases afterwards: nothing may have changed."""

import pytest

from support import server
from support.programs import Programs, databases


def test_the_source_under_another_host_name_is_refused(dumped: Programs) -> None:
    alias = dumped.source.conninfo(dumped.source_database).replace("127.0.0.1", "localhost")
    loaded = dumped.load("--overwrite", "Any", DEV_DB_CONNECTION=alias)
    assert loaded.summary == (78, "TargetIsSource")
    assert databases(dumped.source, dumped.source_database) == [dumped.source_database]
    assert dumped.source.run("SELECT count(*) FROM t", database=dumped.source_database) == [(1000,)]


def test_another_database_of_the_source_server_is_allowed(dumped: Programs) -> None:
    other = f"{dumped.database}_dev"
    dumped.source.run(f"CREATE DATABASE {other}")
    assert dumped.load(DEV_DB_CONNECTION=dumped.source.conninfo(other)).code == 0
    assert dumped.source.run("SELECT count(*) FROM t", database=other) == [(1000,)]


@pytest.mark.parametrize("suffix", ["__next", "__previous"])
def test_a_source_whose_name_the_swap_would_drop_is_refused(programs: Programs, suffix: str) -> None:
    name = f"{programs.database}{suffix}"
    programs.source.run(f"CREATE DATABASE {name}")
    programs.source.run("CREATE TABLE t AS SELECT 1 AS id", database=name)
    assert programs.dump(PROD_DB_CONNECTION=programs.source.conninfo(name)).code == 0
    loaded = programs.load("--overwrite", "Any", DEV_DB_CONNECTION=programs.source.conninfo(programs.database))
    assert loaded.summary == (78, "TargetIsSource")
    assert programs.source.run("SELECT * FROM t", database=name) == [(1,)]


def test_a_physical_clone_that_says_so_must_not_be_the_running_source(dumped: Programs) -> None:
    itself = dumped.source.conninfo(dumped.source_database)
    loaded = dumped.load("--physical-clone-of-source", "--overwrite", "Any", DEV_DB_CONNECTION=itself)
    assert loaded.summary == (78, "TargetIsSource")


def test_a_target_that_holds_data_is_refused_until_told(dumped: Programs) -> None:
    dumped.target.run("CREATE TABLE precious AS SELECT 1 AS id", database=dumped.database)
    refused = dumped.load()
    assert refused.summary == (78, "TargetHoldsData")
    assert "public.precious" in refused.report.message
    assert "overwrite: Any" in refused.report.message
    assert dumped.target.run("SELECT * FROM precious", database=dumped.database) == [(1,)]

    assert dumped.load("--overwrite", "Any").code == 0
    previous = f"{dumped.database}__previous"
    assert dumped.target.run("SELECT * FROM precious", database=previous) == [(1,)]
    assert dumped.load(run="").code == 0, "from then on it is ours"


def test_a_target_with_a_schema_but_no_rows_is_loaded(dumped: Programs) -> None:
    dumped.target.run("CREATE TABLE migrated (id int PRIMARY KEY)", database=dumped.database)
    assert dumped.load().code == 0


def test_a_copy_of_a_loaded_database_is_not_ours(dumped: Programs) -> None:
    assert dumped.load().code == 0
    copy = f"{dumped.database}_copy"
    dumped.target.run(f"CREATE DATABASE {copy} TEMPLATE {dumped.database}")
    loaded = dumped.load(run="", DEV_DB_CONNECTION=dumped.target.conninfo(copy))
    assert loaded.summary == (78, "TargetHoldsData")


def test_a_provenance_table_of_another_shape_proves_nothing_and_runs_nothing(dumped: Programs) -> None:
    dumped.target.run(
        "CREATE TABLE precious AS SELECT 1 AS id",
        "CREATE SCHEMA datareplication",
        "CREATE FUNCTION trap() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'sprung'; END $$",
        "CREATE VIEW datareplication.provenance AS SELECT trap() AS run_uid",
        database=dumped.database,
    )
    assert dumped.load().summary == (78, "TargetHoldsData")


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("CREATE DATABASE {0}__previous", "PreviousNotOurs"),
        ("ALTER DATABASE {0} IS_TEMPLATE true", "TargetIsTemplate"),
        ("SELECT pg_create_logical_replication_slot('{0}', 'pgoutput')", "TargetInUse"),
        ("BEGIN; CREATE TABLE p (id int); PREPARE TRANSACTION '{0}'", "TargetInUse"),
    ],
)
def test_what_stands_in_the_way_is_named(dumped: Programs, statement: str, reason: str) -> None:
    name = dumped.database
    where = name if "slot" in statement or "PREPARE" in statement else "postgres"
    dumped.target.run(statement.format(name), database=where)
    assert dumped.load().summary == (78, reason)
    if "slot" in statement:
        dumped.target.run(f"SELECT pg_drop_replication_slot('{name}')")
    if "PREPARE" in statement:
        dumped.target.run(f"ROLLBACK PREPARED '{name}'", database=name)


@pytest.mark.parametrize("suffix", ["next", "obsolete"])
def test_a_database_under_a_name_of_the_loads_without_its_mark_is_left_as_it_is(dumped: Programs, suffix: str) -> None:
    name = f"{dumped.database}__{suffix}"
    dumped.target.run(f"CREATE DATABASE {name} CONNECTION LIMIT 0", f"GRANT CONNECT ON DATABASE {name} TO pg_monitor")
    dumped.target.run("CREATE FUNCTION precious() RETURNS int LANGUAGE sql AS 'SELECT 1'", database=name)
    query = f"SELECT oid, datconnlimit, datacl::text FROM pg_database WHERE datname = '{name}'"
    before = dumped.target.run(query)

    assert dumped.load().summary == (78, f"{suffix.capitalize()}NotOurs")

    assert dumped.target.run(query) == before


def test_a_name_without_room_for_a_suffix_is_refused(dumped: Programs) -> None:
    name = f"{dumped.database}_{'x' * 50}"
    dumped.target.run(f"CREATE DATABASE {name}")
    assert dumped.load(DEV_DB_CONNECTION=dumped.target.conninfo(name)).summary == (78, "NameTooLong")


def test_the_maintenance_database_cannot_be_the_target(dumped: Programs) -> None:
    loaded = dumped.load("--maintenance-database", dumped.database)
    assert loaded.summary == (64, "BadArguments")


def test_a_database_that_does_not_exist_is_named(dumped: Programs) -> None:
    loaded = dumped.load(DEV_DB_CONNECTION=dumped.target.conninfo("absent"))
    assert loaded.summary == (64, "UnknownDatabase")
    assert 'CREATE DATABASE "absent"' in loaded.report.message


def test_a_standby_is_refused(dumped: Programs) -> None:
    with server.standby_of(dumped.target) as standby:
        loaded = dumped.load(DEV_DB_CONNECTION=standby.conninfo(dumped.database))
    assert loaded.summary == (78, "TargetIsStandby")


def test_a_physical_clone_needs_to_be_called_one(dumped: Programs) -> None:
    with server.standby_of(dumped.source) as clone:
        clone.run("SELECT pg_promote()")
        into_clone = {"DEV_DB_CONNECTION": clone.conninfo(dumped.source_database)}
        assert dumped.load("--overwrite", "Any", **into_clone).summary == (78, "TargetIsSource")
        assert dumped.load("--physical-clone-of-source", **into_clone).summary == (78, "TargetHoldsData")
        assert dumped.load("--physical-clone-of-source", "--overwrite", "Any", **into_clone).code == 0


def test_a_standby_is_a_source(programs: Programs) -> None:
    programs.source.run("CREATE TABLE t AS SELECT 1 AS id", database=programs.database)
    with server.standby_of(programs.source) as standby:
        assert programs.dump(PROD_DB_CONNECTION=standby.conninfo(programs.database)).code == 0
        programs.source.run("CREATE UNLOGGED TABLE u AS SELECT 1 AS id", database=programs.database)
        standby.wait_for(programs.source)
        changes = {
            "CSV_OUTPUT_PATH": str(programs.root / "2"),
            "PROD_DB_CONNECTION": standby.conninfo(programs.database),
        }
        refused = programs.dump(run="run-2", **changes)
    assert refused.summary == (69, "UnloggedOnStandby")
    assert "public.u" in refused.report.message
    assert programs.load().code == 0
