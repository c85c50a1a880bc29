"""Programs that are ended from outside: nothing half done stays, and the next attempt works."""

import contextlib
import shutil
import signal
from collections.abc import Callable, Iterator

import pytest

from support.programs import Child, Dumped, Programs, databases, is_phase, until
from support.server import Server

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


@contextlib.contextmanager
def held_up(programs: Programs, gate: int) -> Iterator[Child]:
    """Start a load that waits at a gate, and yield it when it waits."""
    child = programs.start("load")
    child.wait_for(is_phase("Schema"))
    scratch = f"{programs.database}__next"
    waiting = f"SELECT 1 FROM pg_stat_activity WHERE datname = '{scratch}' AND wait_event = 'advisory'"
    with contextlib.closing(programs.target.connect(scratch)) as session, session.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [gate])
        until(lambda: programs.target.run(waiting), f"the load reaches gate {gate}")
        yield child


@pytest.mark.parametrize("gate", [1, 2], ids=["rows", "indexes"])
def test_a_load_ends_on_sigterm_and_drops_its_scratch_database(filled: Programs, gate: int) -> None:
    with held_up(filled, gate) as child:
        child.process.send_signal(signal.SIGTERM)
        assert child.end().summary == (143, "Terminated")
    assert databases(filled.target, filled.database) == [filled.database]


@pytest.mark.parametrize("gate", [1, 2], ids=["rows", "indexes"])
def test_a_killed_load_leaves_the_target_and_the_next_one_works(filled: Programs, gate: int) -> None:
    with held_up(filled, gate) as child:
        child.process.kill()
        child.end()
        assert filled.target.run("SELECT to_regclass('t')", database=filled.database) == [(None,)]
        assert filled.load().code == 0
    assert filled.target.run("SELECT count(*) FROM t", database=filled.database) == [(ROWS,)]
    assert databases(filled.target, filled.database) == [filled.database, f"{filled.database}__previous"]


def test_a_backend_that_dies_is_worth_another_attempt_and_no_row_is_printed(filled: Programs) -> None:
    with held_up(filled, 1) as child:
        where = f"datname = '{filled.database}__next' AND wait_event = 'advisory'"
        filled.target.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {where}")
        ended = child.end()
    assert (ended.code, ended.report.outcome) == (75, "Failed")
    assert databases(filled.target, filled.database) == [filled.database]


def test_a_lost_maintenance_session_is_worth_another_attempt(filled: Programs) -> None:
    """This session holds the target's lock, without which nothing may be swapped."""
    kill = """
        SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_stat_activity USING (pid)
        WHERE locktype = 'advisory' AND datname = 'postgres' AND application_name LIKE 'datareplication-load%'
    """
    with held_up(filled, 1) as child:
        assert filled.target.run(kill) != []
    ended = child.end()
    assert (ended.code, ended.report.outcome) == (75, "Failed")
    assert databases(filled.target, filled.database) == [filled.database]


def test_the_deadline_ends_a_load(filled: Programs) -> None:
    with contextlib.closing(filled.target.connect()) as session, session.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [f"datareplication:{filled.database}"])
        loaded = filled.load("--timeout-seconds", "1")
    assert loaded.summary == (75, "DeadlineExceeded")
    assert databases(filled.target, filled.database) == [filled.database]


def test_a_dump_that_waits_for_a_lock_ends_on_sigterm(fresh: Programs) -> None:
    with contextlib.closing(fresh.source.connect(fresh.source_database)) as session, session.cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        child = fresh.start("dump")
        child.wait_for(is_phase("Schema"))
        child.process.send_signal(signal.SIGTERM)
        assert child.end().summary == (143, "Terminated")
    assert list(fresh.snapshot.parent.iterdir()) == []


def _sessions(server: Server, database: str) -> int:
    query = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}' AND pid <> pg_backend_pid()"
    ((count,),) = server.run(query)
    return int(count)
