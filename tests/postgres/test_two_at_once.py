"""Two pods of one Job at once, as when a node that counts as lost still runs: one works, the other ends cleanly."""

import os
import signal
import time

import pytest

from support.programs import Child, Outcome, Programs, databases, is_phase

GAPS = (0.0, 0.15, 0.4)
"""Seconds between the two: the second comes before, while and after the first takes its lock."""

ROWS = 200_000


@pytest.fixture
def filled(programs: Programs) -> Programs:
    statement = f"CREATE TABLE t AS SELECT i, md5(i::text) AS v FROM generate_series(1, {ROWS}) i"
    programs.source.run(statement, database=programs.database)
    return programs


def _both(programs: Programs, name: str, gap: float) -> list[Outcome]:
    first = programs.start(name)
    time.sleep(gap)
    second = programs.start(name)
    return [first.end(), second.end()]


def _assert_one_worked(ended: list[Outcome], busy: str) -> None:
    worked = [one for one in ended if one.code == 0]
    assert worked, [one.summary for one in ended]
    assert {one.report for one in worked} == {worked[0].report}, "who came too late tells what the other did"
    assert [one.summary for one in ended if one.code] in ([], [(75, busy)]), "its Job tries again"


def _assert_is_loaded(programs: Programs) -> None:
    assert programs.target.run("SELECT count(*) FROM t", database=programs.database) == [(ROWS,)]
    assert databases(programs.target, programs.database) == [programs.database, f"{programs.database}__previous"]


@pytest.mark.parametrize("gap", GAPS)
def test_two_dumps(filled: Programs, gap: float) -> None:
    _assert_one_worked(_both(filled, "dump", gap), "SnapshotBusy")
    assert [path.name for path in filled.snapshot.parent.iterdir()] == [filled.snapshot.name]
    assert filled.load().code == 0
    _assert_is_loaded(filled)


@pytest.mark.parametrize("gap", GAPS)
def test_two_loads(filled: Programs, gap: float) -> None:
    assert filled.dump().code == 0
    _assert_one_worked(_both(filled, "load", gap), "TargetBusy")
    _assert_is_loaded(filled)


def _paused(child: Child) -> None:
    child.wait_for(is_phase("Data"))
    os.killpg(child.process.pid, signal.SIGSTOP)


def test_a_dump_that_was_thought_dead(filled: Programs) -> None:
    first = filled.start("dump")
    _paused(first)
    assert filled.dump().summary == (75, "SnapshotBusy")
    os.killpg(first.process.pid, signal.SIGCONT)
    assert first.end().code == 0
    assert filled.dump().code == 0, "it tells what the first one did"
    assert filled.load().code == 0
    _assert_is_loaded(filled)


def test_a_load_that_was_thought_dead(filled: Programs) -> None:
    assert filled.dump().code == 0
    first = filled.start("load")
    _paused(first)
    second = filled.start("load")
    time.sleep(1)
    os.killpg(first.process.pid, signal.SIGCONT)
    _assert_one_worked([first.end(), second.end()], "TargetBusy")
    _assert_is_loaded(filled)


def test_two_loads_that_stand_in_different_databases(filled: Programs) -> None:
    assert filled.dump().code == 0
    filled.target.run(f"CREATE DATABASE {filled.database}_standing")
    first = filled.start("load")
    try:
        first.wait_for(is_phase("Data"))
        second = filled.load("--maintenance-database", f"{filled.database}_standing", run="run-1")
    finally:
        ended = first.end()
        filled.target.run(f"DROP DATABASE {filled.database}_standing")

    assert second.summary == (75, "TargetBusy"), second.report.message
    assert "is being loaded by" in second.report.message
    assert ended.code == 0
    _assert_is_loaded(filled)
