"""Rolling back: the database before the last load comes back, what belongs to the target stays, and it is all or nothing."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from support.programs import Outcome, Programs, databases, is_phase, until
from support.server import PASSWORD, Server

REPLICATION = ("--replication-name", "fan")


def _snapshot(programs: Programs, number: int) -> str:
    """Return the path of the snapshot in which `t` holds `number`."""
    return str(programs.root / f"snapshot-{number}")


def _dump(programs: Programs, number: int) -> None:
    programs.source.run(
        "DROP TABLE IF EXISTS t", f"CREATE TABLE t AS SELECT {number} AS id", database=programs.database
    )
    dumped = programs.dump(*REPLICATION, run=f"run-{number}", CSV_OUTPUT_PATH=_snapshot(programs, number))
    assert dumped.code == 0, dumped.report.message


def _load(programs: Programs, number: int, *arguments: str, run: str = "", **changes: str) -> Outcome:
    path = _snapshot(programs, number)
    return programs.load(*REPLICATION, *arguments, run=run or f"run-{number}", CSV_OUTPUT_PATH=path, **changes)


def _roll_back(programs: Programs, run: str = "", **changes: str) -> Outcome:
    return programs.load("--rollback", run=run, CSV_OUTPUT_PATH="", **changes)


def _shown(programs: Programs, suffix: str = "") -> int:
    ((found,),) = programs.target.run("SELECT id FROM t", database=programs.database + suffix)
    return int(found)


def _both(programs: Programs) -> tuple[int, int]:
    assert databases(programs.target, programs.database) == [programs.database, f"{programs.database}__previous"]
    return _shown(programs), _shown(programs, "__previous")


@pytest.fixture(scope="module")
def snapshots(source: Server, target: Server, tmp_path_factory: pytest.TempPathFactory) -> Programs:
    """Programs whose source has been dumped three times."""
    made = Programs(tmp_path_factory.mktemp("rollback"), source, target, "rollback")
    source.run(f"CREATE DATABASE {made.database}")
    for number in (1, 2, 3):
        _dump(made, number)
    return made


@pytest.fixture
def three(programs: Programs, snapshots: Programs) -> Programs:
    """Programs with an empty target and three snapshots."""
    return replace(programs, root=snapshots.root, source_database=snapshots.database)


@pytest.fixture
def twice(three: Programs) -> Programs:
    """Programs whose target has been loaded with 1, then with 2."""
    for number in (1, 2):
        assert _load(three, number).code == 0
    return three


def test_the_database_before_comes_back_and_the_next_load_keeps_it(twice: Programs) -> None:
    assert _both(twice) == (2, 1)
    rolled = _roll_back(twice)
    assert rolled.summary == (0, "RolledBack"), rolled.report.message
    assert _both(twice) == (1, 2)
    first = _load(twice, 1, "--any-run").report  # the target already has this setting
    report = rolled.report
    assert (report.rows, report.tables, report.snapshot) == (1, 1, _snapshot(twice, 1))
    assert (report.snapshot_time, report.lsn, report.bytes) == (first.snapshot_time, first.lsn, first.bytes)
    assert report.snapshot_time in report.message
    assert _load(twice, 3).code == 0
    assert _both(twice) == (3, 1)


def test_a_second_rollback_rolls_forward_and_the_next_load_keeps_what_was_shown(twice: Programs) -> None:
    for expected in ((1, 2), (2, 1), (1, 2)):
        assert _roll_back(twice).code == 0
        assert _both(twice) == expected
    loaded = _load(twice, 3)
    assert loaded.code == 0, loaded.report.message
    assert _both(twice) == (3, 1)
    assert _roll_back(twice).code == 0
    assert _both(twice) == (1, 3)


@pytest.mark.parametrize(
    "change",
    [
        "tables = -1",
        "snapshot_time = '2999-01-01T00:00:00Z'",
        "snapshot_time = repeat('x', 200000)",
        "duration_seconds = 'NaN'",
    ],
)
def test_what_no_load_can_have_written_is_not_told(twice: Programs, change: str) -> None:
    """The target's owner can write anything into the provenance."""
    twice.target.run(f"UPDATE datareplication.provenance SET {change}", database=f"{twice.database}__previous")
    rolled = _roll_back(twice)
    assert rolled.summary == (0, "RolledBack"), rolled.report.message
    assert (rolled.report.snapshot_time, rolled.report.tables) == ("", 0)
    assert "no load of ours made" in rolled.report.message
    assert _both(twice) == (1, 2)


def test_the_users_own_database_comes_back_and_is_guarded_again(three: Programs) -> None:
    three.target.run("CREATE TABLE t AS SELECT 99 AS id", database=three.database)
    assert _load(three, 1, "--overwrite", "Any").code == 0
    rolled = _roll_back(three)
    assert rolled.summary == (0, "RolledBack"), rolled.report.message
    assert _both(three) == (99, 1)
    assert (rolled.report.snapshot_time, rolled.report.lsn, rolled.report.rows) == ("", "", 0)
    assert "no load of ours made" in rolled.report.message
    assert _load(three, 2).summary == (78, "TargetHoldsData")
    assert _both(three) == (99, 1)
    assert _load(three, 2, "--overwrite", "Any").code == 0
    assert _both(three) == (2, 99)


def test_a_run_that_is_tried_again_rolls_back_once(twice: Programs) -> None:
    first = _roll_back(twice, run="back")
    again = _roll_back(twice, run="back")
    assert (first.code, again.summary) == (0, (0, "RolledBack"))
    assert _both(twice) == (1, 2)
    assert (again.report.snapshot_time, again.report.rows) == (first.report.snapshot_time, 1)
    assert _roll_back(twice, run="forth").code == 0
    assert _both(twice) == (2, 1)


def test_what_belongs_to_the_target_stays_its_own(twice: Programs) -> None:
    name, target = twice.database, twice.target
    previous, role = f"{name}__previous", f"{name}_role"
    target.run(f"CREATE ROLE {role}", f"CREATE ROLE {name}_owner", f"CREATE ROLE {name}_gone")
    target.run(
        f"ALTER DATABASE {previous} SET work_mem TO '1MB'",
        f"ALTER DATABASE {previous} SET my.own TO 'old'",
        f"ALTER ROLE {name}_gone IN DATABASE {previous} SET search_path TO secret",
        f"GRANT CONNECT ON DATABASE {previous} TO {name}_gone",
        f"ALTER DATABASE {name} OWNER TO {name}_owner",
        f"ALTER DATABASE {name} CONNECTION LIMIT 17",
        f"ALTER DATABASE {name} SET work_mem TO '8MB'",
        f"ALTER ROLE {role} IN DATABASE {name} SET statement_timeout TO '5s'",
        f"REVOKE ALL ON DATABASE {name} FROM PUBLIC",
        f"GRANT CONNECT ON DATABASE {name} TO {role} WITH GRANT OPTION",
        f"COMMENT ON DATABASE {name} IS 'the team''s own'",
    )
    before = _properties(twice)
    assert _roll_back(twice).code == 0
    assert _properties(twice) == before
    assert _roll_back(twice).code == 0
    assert _properties(twice) == before


def _properties(programs: Programs) -> list[tuple[object, ...]]:
    return programs.target.run(f"""
        SELECT pg_get_userbyid(datdba), datconnlimit, shobj_description(oid, 'pg_database'),
               (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(datacl) a),
               (SELECT array_agg((setrole::regrole, setconfig)::text ORDER BY setrole)
                FROM pg_db_role_setting WHERE setdatabase = d.oid
                  AND setconfig::text NOT LIKE '%application_name=datareplication:%')
        FROM pg_database d WHERE datname = '{programs.database}'
    """)


def test_sessions_in_the_way_are_ended(twice: Programs) -> None:
    with (
        contextlib.closing(twice.target.connect(twice.database)),
        contextlib.closing(twice.target.connect(f"{twice.database}__previous")),
    ):
        assert _roll_back(twice).code == 0
    assert _both(twice) == (1, 2)


def test_without_a_previous_database_there_is_nothing_to_roll_back_to(three: Programs) -> None:
    assert _load(three, 1, "--keep-previous", "0").code == 0
    refused = _roll_back(three)
    assert refused.summary == (78, "NoPrevious")
    assert "action: Load" in refused.report.message
    assert _shown(three) == 1


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("DROP DATABASE {0}__previous; CREATE DATABASE {0}__previous", "PreviousNotOurs"),
        ("ALTER DATABASE {0}__previous ALLOW_CONNECTIONS false", "PreviousClosed"),
        ("CREATE DATABASE {0}__rollback", "NameTaken"),
        ("BEGIN; CREATE TABLE p (id int); PREPARE TRANSACTION '{0}'", "TargetInUse"),
    ],
)
def test_what_stands_in_the_way_is_named(twice: Programs, statement: str, reason: str) -> None:
    name = twice.database
    where = f"{name}__previous" if "PREPARE" in statement else "postgres"
    twice.target.run(*statement.format(name).split("; ", 1 if "DROP" in statement else 0), database=where)
    assert _roll_back(twice).summary == (78, reason)
    assert _shown(twice) == 2
    if "PREPARE" in statement:
        twice.target.run(f"ROLLBACK PREPARED '{name}'", database=where)


def test_a_target_loaded_in_place_has_nothing_to_roll_back_to(programs: Programs) -> None:
    refused = programs.load("--rollback", "--strategy", "InPlace", CSV_OUTPUT_PATH="")
    assert refused.summary == (78, "NoPrevious")
    assert "InPlace" in refused.report.message


def test_missing_rights_are_named_and_enough(three: Programs) -> None:
    name, loader = three.database, f"{three.database}_loader"
    three.target.run(
        f"CREATE ROLE {loader} LOGIN PASSWORD '{PASSWORD}'",
        f"CREATE ROLE {name}_owner",
        f"ALTER DATABASE {name} OWNER TO {name}_owner",
    )
    for number in (1, 2):
        assert _load(three, number).code == 0
    refused = _roll_back(three, DEV_DB_USERNAME=loader)
    assert refused.summary == (77, "MissingRights")
    for statement in (f'ALTER ROLE "{loader}" CREATEDB;', f'GRANT "{name}_owner" TO "{loader}";'):
        assert statement in refused.report.message
        three.target.run(statement)
    rolled = _roll_back(three, DEV_DB_USERNAME=loader)
    assert rolled.code == 0, rolled.report.message
    assert _both(three) == (1, 2)


@contextlib.contextmanager
def _held_in_its_transaction(programs: Programs) -> Iterator[None]:
    """Hold a lock for which the second rename of a rollback waits; the first one is then done but not committed."""
    with contextlib.closing(programs.target.connect()) as session, session.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute(f"COMMENT ON DATABASE {programs.database}__previous IS NULL")
        yield


def test_killed_in_the_middle_it_is_as_before_and_the_next_attempt_does_it(twice: Programs) -> None:
    with _held_in_its_transaction(twice):
        child = twice.start("load", "--rollback", CSV_OUTPUT_PATH="")
        child.wait_for(is_phase("Swapping"))
        waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'object' AND application_name LIKE 'datareplication-load%'"
        until(lambda: twice.target.run(waits), "it waits inside its transaction")
        child.process.kill()
        child.end()
        assert _shown(twice) == 2
    until(lambda: not twice.target.run(waits), "its backend ends")
    assert _both(twice) == (2, 1)
    assert _roll_back(twice, run="run-1").code == 0
    assert _both(twice) == (1, 2)


def test_an_older_snapshot_is_loaded_when_told_so(twice: Programs) -> None:
    refused = _load(twice, 1, run="later")
    assert refused.summary == (65, "OtherRunsSnapshot")
    assert _shown(twice) == 2
    loaded = _load(twice, 1, "--any-run", run="later")
    assert loaded.code == 0, loaded.report.message
    assert _both(twice) == (1, 2)
    query = "SELECT run_uid, loaded_by_run_uid, snapshot, tables, rows FROM datareplication.provenance"
    expected = [("run-1", "later", _snapshot(twice, 1), 1, 1)]
    assert twice.target.run(query, database=twice.database) == expected

    twice.target.run("UPDATE t SET id = 7", database=twice.database)
    assert _load(twice, 1, "--any-run", run="later").report == loaded.report
    assert _shown(twice) == 7, "a run loads a target once"


def test_another_replications_snapshot_is_refused(twice: Programs) -> None:
    path = _snapshot(twice, 1)
    refused = twice.load("--any-run", "--replication-name", "other", run="later", CSV_OUTPUT_PATH=path)
    assert refused.summary == (65, "OtherReplicationsSnapshot")
    assert "fan" in refused.report.message
    assert _shown(twice) == 2
    assert twice.load("--any-run", run="", CSV_OUTPUT_PATH=path).code == 0, "by hand any will do"


def test_a_rollback_reads_no_snapshot(twice: Programs) -> None:
    missing = str(Path("/nowhere"))
    assert twice.load("--rollback", run="", CSV_OUTPUT_PATH=missing).code == 0
    assert _both(twice) == (1, 2)
