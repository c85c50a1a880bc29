"""Ends from outside: nothing half done stays, and the next attempt works."""

import shutil
import signal
from collections.abc import Callable

import pytest
from programs import Dumped, Programs, databases, is_phase, until
from server import Server

ROWS = 150_000


@pytest.fixture
def filled(programs_of: Callable[[Dumped], Programs], large: Dumped) -> Programs:
    """Programs with a snapshot that takes a second to load."""
    return programs_of(large)


@pytest.fixture
def fresh(filled: Programs) -> Programs:
    """Programs whose snapshot is still to be dumped."""
    shutil.rmtree(filled.snapshot)
    return filled


def test_a_dump_ends_on_sigterm_and_leaves_nothing(fresh: Programs) -> None:
    child = fresh.start("dump", "--compression", "Gzip")
    child.wait_for(is_phase("Data"))
    child.process.send_signal(signal.SIGTERM)
    ended = child.end()
    assert ended.summary == (143, "Terminated")
    assert list(fresh.snapshot.parent.iterdir()) == []
    until(lambda: _sessions(fresh.source, fresh.source_database) == 0, "the dump's sessions end")


def test_a_killed_dump_leaves_no_readable_snapshot(fresh: Programs) -> None:
    child = fresh.start("dump", "--compression", "Gzip")
    child.wait_for(is_phase("Data"))
    child.process.kill()
    child.end()
    assert not fresh.snapshot.exists()
    assert fresh.load().summary == (65, "SnapshotIncomplete")
    until(lambda: _sessions(fresh.source, fresh.source_database) == 0, "its workers end too")
    assert fresh.dump().code == 0


@pytest.mark.parametrize("phase", ["Data", "Indexes"])
def test_a_load_ends_on_sigterm_and_drops_its_scratch_database(filled: Programs, phase: str) -> None:
    child = filled.start("load")
    child.wait_for(is_phase(phase))
    child.process.send_signal(signal.SIGTERM)
    assert child.end().summary == (143, "Terminated")
    assert databases(filled.target, filled.database) == [filled.database]


@pytest.mark.parametrize("phase", ["Schema", "Data", "Indexes"])
def test_a_killed_load_leaves_the_target_and_the_next_one_works(filled: Programs, phase: str) -> None:
    child = filled.start("load")
    child.wait_for(is_phase(phase))
    child.process.kill()
    child.end()
    assert filled.target.run("SELECT to_regclass('t')", database=filled.database) == [(None,)]
    assert filled.load().code == 0
    assert filled.target.run("SELECT count(*) FROM t", database=filled.database) == [(ROWS,)]
    assert databases(filled.target, filled.database) == [filled.database, f"{filled.database}__previous"]


def test_a_backend_that_dies_is_worth_another_attempt(filled: Programs) -> None:
    child = filled.start("load")
    child.wait_for(is_phase("Data"))
    name = f"{filled.database}__next"
    kill = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' AND query LIKE 'COPY%'"
    until(lambda: filled.target.run(kill) != [], "a COPY is under way")
    ended = child.end()
    assert (ended.code, ended.report.outcome) == (75, "Failed")
    assert databases(filled.target, filled.database) == [filled.database]


def test_a_lost_maintenance_session_is_worth_another_attempt(filled: Programs) -> None:
    """It holds the lock: without it nothing may be swapped."""
    child = filled.start("load")
    child.wait_for(is_phase("Data"))
    kill = """
        SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_stat_activity USING (pid)
        WHERE locktype = 'advisory' AND datname = 'postgres' AND application_name LIKE 'datareplication-load%'
    """
    assert filled.target.run(kill) != []
    ended = child.end()
    assert (ended.code, ended.report.outcome) == (75, "Failed")
    assert databases(filled.target, filled.database) == [filled.database]


def test_the_deadline_ends_a_load(filled: Programs) -> None:
    loaded = filled.load("--timeout-seconds", "1")
    assert loaded.summary == (75, "DeadlineExceeded")
    assert databases(filled.target, filled.database) == [filled.database]


def _sessions(server: Server, database: str) -> int:
    query = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}' AND pid <> pg_backend_pid()"
    ((count,),) = server.run(query)
    return int(count)
