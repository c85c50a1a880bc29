"""Care for production: a dump reports when it waits or blocks, gives way, and does not hold its snapshot for ever."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from datareplication.errors import TransientError
from datareplication.jobs.dump import splitting, watch
from datareplication.jobs.dump.splitting import PartTask
from datareplication.jobs.postgres import blocking
from datareplication.jobs.postgres.blocking import Wait
from datareplication.jobs.postgres.connection import Session
from support import server
from support.programs import Outcome, Programs, until
from support.server import PASSWORD

ALTER = "ALTER TABLE t ADD COLUMN more int"
QUEUED = "SELECT 1 FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock' AND relation = 't'::regclass"


@pytest.fixture
def filled(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """Programs with a filled source; the watcher looks often."""
    monkeypatch.setattr(watch, "INTERVAL_SECONDS", 0.1)
    programs.source.run("CREATE TABLE t AS SELECT 1 AS id", "CREATE TABLE u AS SELECT 1", database=programs.database)
    return programs


@pytest.fixture
def reader(filled: Programs) -> Iterator[str]:
    """A role of the source that can read everything and has no other right."""
    role = f"{filled.database}_reader"
    filled.source.run(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'", f"GRANT pg_read_all_data TO {role}")
    yield role
    filled.source.run(f"DROP ROLE {role}")


@pytest.fixture
def when_taken(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], None]:
    """Return a function whose argument is called once, while the dump holds its locks and its snapshot."""
    parts = splitting.parts

    def install(action: Callable[[], None]) -> None:
        actions = iter([action])

        def parts_then(*arguments: Any) -> Sequence[PartTask]:
            for once in actions:
                once()
            return parts(*arguments)

        monkeypatch.setattr(splitting, "parts", parts_then)

    return install


@pytest.fixture
def altering(filled: Programs, when_taken: Callable[[Callable[[], None]], None]) -> threading.Thread:
    """An ALTER TABLE that comes during the dump. It waits for the dump, and the dump's later requests wait for it."""
    thread = threading.Thread(target=lambda: filled.source.run(ALTER, database=filled.database), daemon=True)

    def queue() -> None:
        thread.start()
        until(lambda: filled.source.run(QUEUED, database=filled.database), "the ALTER TABLE waits for the dump")

    when_taken(queue)
    return thread


def notes(ended: Outcome) -> list[tuple[str, str]]:
    """Return (reason, note) of the progress lines, without consecutive repetitions."""
    said = [line["progress"] for line in ended.lines if "progress" in line]
    found = [(progress.get("noteReason", ""), progress.get("note", "")) for progress in said]
    return [one for one, before in zip(found, [None, *found], strict=False) if one != before]


def test_a_dump_that_blocks_others_gives_way(filled: Programs, reader: str, altering: threading.Thread) -> None:
    ended = filled.dump("--blocking-patience-seconds", "1", PROD_DB_USERNAME=reader)
    assert ended.summary == (75, "GaveWay")
    assert "postgres (backend " in ended.report.message
    assert "AccessExclusiveLock on public.t" in ended.report.message
    altering.join(server.START_DEADLINE_SECONDS)
    assert not altering.is_alive(), "the ALTER TABLE was let through"
    reason, text = notes(ended)[-1]
    assert reason == "BlocksOthers"
    assert text.startswith("blocks postgres (backend ")
    assert "waits for AccessShareLock on public.t behind postgres" in text
    assert [path.name for path in filled.snapshot.parent.iterdir()] == []
    until(lambda: not _dump_sessions(filled), "the dump's sessions end")
    assert filled.dump(PROD_DB_USERNAME=reader).code == 0


def test_a_snapshot_is_not_held_longer_than_its_age(filled: Programs, altering: threading.Thread) -> None:
    ended = filled.dump("--max-snapshot-age-seconds", "1")
    assert ended.summary == (75, "SnapshotTooOld")
    altering.join(server.START_DEADLINE_SECONDS)
    assert not altering.is_alive()
    assert [path.name for path in filled.snapshot.parent.iterdir()] == []


def test_a_dump_that_waits_for_a_lock_says_so_until_it_is_granted(
    filled: Programs, reader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = filled.source.connect(filled.database)
    looked = blocking.waits

    def looked_then_let_go(session: Session) -> list[Wait]:
        found = looked(session)
        if found:
            other.close()
        return found

    monkeypatch.setattr(blocking, "waits", looked_then_let_go)
    with contextlib.closing(other), other.cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        pid = other.get_backend_pid()
        ended = filled.dump(PROD_DB_USERNAME=reader)
    assert ended.code == 0
    text = f"waits for AccessShareLock on public.t behind postgres (backend {pid})"
    assert ("WaitsForLock", text) in notes(ended)
    assert [line["note"] for line in ended.lines if "note" in line] == [text], "once in the log"


def test_a_watcher_that_cannot_look_is_a_warning(
    filled: Programs, monkeypatch: pytest.MonkeyPatch, when_taken: Callable[[Callable[[], None]], None]
) -> None:
    failed = threading.Event()

    def fail(*_: Any) -> Session:
        failed.set()
        raise TransientError("too many clients")

    monkeypatch.setattr(blocking, "opened", fail)
    when_taken(lambda: until(failed.is_set, "the watcher fails"))
    ended = filled.dump()
    assert ended.code == 0
    assert [line["error"] for line in ended.lines if line["level"] == "warning"] == ["too many clients"]


def test_a_backend_ends_soon_after_its_client(filled: Programs) -> None:
    """Otherwise a killed dump would keep its locks until its statements end."""
    with contextlib.closing(filled.source.connect(filled.database)) as session, session.cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        child = filled.start("dump")
        until(lambda: filled.source.run(f"{_DUMPS} AND wait_event_type = 'Lock'"), "the dump waits")
        child.process.kill()
        child.end()
        until(lambda: not _dump_sessions(filled), "its session ends, though the lock is not granted")


def test_on_a_standby_what_waits_is_seen_and_a_conflict_names_its_remedy(
    filled: Programs, tmp_path: Path, when_taken: Callable[[Callable[[], None]], None]
) -> None:
    with server.standby_of(filled.source) as standby:
        copy = Programs(tmp_path, standby, filled.target, filled.database)
        waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 't'::regclass"

        def alter() -> None:
            filled.source.run(ALTER, database=filled.database)
            until(lambda: standby.run(waiting, database=filled.database), "replay waits for the dump")

        when_taken(alter)
        ended = copy.dump("--blocking-patience-seconds", "1")
        assert ended.summary == (75, "GaveWay"), ended.report
        assert "the server itself (backend " in ended.report.message
        standby.run("ALTER SYSTEM SET max_standby_streaming_delay = '100ms'", "SELECT pg_reload_conf()")
        standby.wait_for(filled.source)

        def alter_and_replay() -> None:
            filled.source.run("ALTER TABLE t ADD COLUMN again int", database=filled.database)
            standby.wait_for(filled.source)

        when_taken(alter_and_replay)
        ended = copy.dump()
        assert ended.summary == (75, "RecoveryConflict"), ended.report
        assert "max_standby_streaming_delay" in ended.report.message


_DUMPS = "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'datareplication-dump%'"


def _dump_sessions(programs: Programs) -> list[tuple[Any, ...]]:
    return programs.source.run(f"{_DUMPS} AND datname = '{programs.database}'")
