"""Another attempt of the same run: it reports again what is done, and waits for an obstacle or names it."""

import contextlib
import fcntl
import itertools
import os

import pytest

from datareplication.jobs.model.selection import Node
from datareplication.jobs.postgres import catalog, target
from datareplication.jobs.postgres.connection import Session
from datareplication.jobs.snapshot import store
from support.programs import Programs, databases


@pytest.fixture
def filled(programs: Programs) -> Programs:
    programs.source.run("CREATE TABLE t AS SELECT 1 AS id", database=programs.database)
    return programs


def test_a_published_snapshot_is_reported_again(filled: Programs) -> None:
    first = filled.dump()
    filled.source.run("INSERT INTO t VALUES (2)", database=filled.database)
    (filled.snapshot.parent / f".{filled.snapshot.name}.lock").touch()  # its pod was killed right after
    assert filled.dump().report == first.report
    assert first.report.rows == 1
    assert [path.name for path in filled.snapshot.parent.iterdir()] == [filled.snapshot.name]


def test_another_runs_directory_is_not_overwritten(filled: Programs) -> None:
    assert filled.dump().code == 0
    refused = filled.dump(run="run-2")
    assert refused.summary == (64, "SnapshotExists")
    assert "run-1" in refused.report.message


def test_a_directory_that_is_no_snapshot_is_not_overwritten(filled: Programs) -> None:
    filled.snapshot.mkdir(parents=True)
    (filled.snapshot / "precious").write_text("data")
    assert filled.dump().summary == (64, "SnapshotExists")
    assert (filled.snapshot / "precious").exists()


def test_what_a_killed_dump_left_is_removed(filled: Programs) -> None:
    left = filled.snapshot.with_name(f".{filled.snapshot.name}.partial")
    (left / "data").mkdir(parents=True)
    (left / "data" / "1-0.csv.zst").write_text("half")
    assert filled.dump().code == 0
    assert [path.name for path in filled.snapshot.parent.iterdir()] == [filled.snapshot.name]


def test_two_dumps_of_one_snapshot_do_not_mix(filled: Programs) -> None:
    filled.snapshot.parent.mkdir(parents=True)
    lock = os.open(filled.snapshot.with_name(f".{filled.snapshot.name}.lock"), os.O_CREAT | os.O_WRONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        assert filled.dump().summary == (75, "SnapshotBusy")
    finally:
        os.close(lock)


def test_a_path_that_cannot_be_a_directory(filled: Programs) -> None:
    (filled.root / "run").write_text("a file")
    assert filled.dump().summary == (73, "CannotWriteSnapshot")


def test_a_loaded_target_is_reported_again_and_left_alone(dumped: Programs) -> None:
    first = dumped.load()
    dumped.target.run("DELETE FROM t", database=dumped.database)
    assert dumped.load().report == first.report
    assert dumped.target.run("SELECT count(*) FROM t", database=dumped.database) == [(0,)]


def test_a_load_by_hand_loads_again(dumped: Programs) -> None:
    assert dumped.load(run="").code == 0
    dumped.target.run("DELETE FROM t", database=dumped.database)
    assert dumped.load(run="").code == 0
    assert dumped.target.run("SELECT count(*) FROM t", database=dumped.database) == [(1000,)]


def test_a_left_over_scratch_database_is_dropped(dumped: Programs) -> None:
    name = f"{dumped.database}__next"
    dumped.target.run(f"CREATE DATABASE {name}")
    dumped.target.run("CREATE TABLE half AS SELECT 1 AS id", database=name)
    dumped.target.run(f"COMMENT ON DATABASE {name} IS 'datareplication: being loaded, dropped if the load fails'")
    assert dumped.load().code == 0
    assert databases(dumped.target, dumped.database) == [dumped.database, f"{dumped.database}__previous"]


def test_two_loads_of_one_target_do_not_mix(dumped: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target, "LOCK_WAIT_SECONDS", 1)
    with contextlib.closing(dumped.target.connect()) as other, other.cursor() as cursor:
        cursor.execute("SET application_name = 'datareplication-load/other'")
        cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [f"datareplication:{dumped.database}"])
        refused = dumped.load()
    assert refused.summary == (75, "TargetBusy")
    assert "datareplication-load/other" in refused.report.message
    assert dumped.load().code == 0


def test_a_table_made_while_the_others_are_locked_is_dumped_too(
    filled: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = catalog.table_names
    names = iter(["late"])

    def listed_then_changed(session: Session) -> list[Node]:
        found = listed(session)
        for name in names:
            filled.source.run("DROP TABLE t", f"CREATE TABLE {name} AS SELECT 1 AS id", database=filled.database)
        return found

    monkeypatch.setattr(catalog, "table_names", listed_then_changed)
    assert filled.dump().code == 0
    manifest = store.read_manifest(filled.snapshot)
    assert [(relation.name, relation.rows) for relation in manifest.relations] == [("late", 1)]


def test_a_schema_that_does_not_settle_is_worth_another_attempt(
    filled: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = catalog.table_names
    numbers = itertools.count()

    def listed_then_changed(session: Session) -> list[Node]:
        found = listed(session)
        filled.source.run(f"CREATE TABLE more_{next(numbers)} (id int)", database=filled.database)
        return found

    monkeypatch.setattr(catalog, "table_names", listed_then_changed)
    assert filled.dump().summary == (75, "SchemaChanging")


def test_a_dump_gives_way_to_a_lock_that_stays(filled: Programs) -> None:
    with contextlib.closing(filled.source.connect(filled.database)) as other, other.cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        assert filled.dump("--lock-timeout-seconds", "1").summary == (75, "LockTimeout")
    assert filled.dump().code == 0
