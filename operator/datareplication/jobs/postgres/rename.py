"""The swap itself, and its way back: renames in one transaction, while others are kept out.

It owns the waiting and the eviction of sessions. It never forbids connections to a database: a crash would leave it
closed.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from psycopg2 import errors, sql

from datareplication.errors import RightsError, TransientError
from datareplication.jobs.postgres.carry import Step, carry
from datareplication.jobs.postgres.connection import Session, execute, identifier, transaction
from datareplication.jobs.postgres.databases import Database

ATTEMPTS = 3
LOCK_TIMEOUT = "5s"
"""For each attempt. Behind its lock PostgreSQL itself waits up to 5 s for sessions to end, by a constant of its own."""

EVICTION_INTERVAL_SECONDS = 0.05

ASIDE_SUFFIX = "__rollback"
"""Of the name that a database has inside a rollback's transaction; nobody ever sees it."""

_EVICT = """
    SELECT pid, usename FROM pg_stat_activity
    WHERE datname = ANY(%s) AND usesysid IS NOT NULL AND pid <> pg_backend_pid()
"""
"""PostgreSQL's own processes (autovacuum) have no user, and RENAME ends them itself."""


def swap(session: Session, connect: Callable[[], Session], database: Database, wanted: Sequence[Step]) -> list[str]:
    """Give `<db>__next` what belongs to `database`, then rename both, in one transaction.

    session: to the maintenance database; connect: opens another one there, which ends the sessions that are in the way.
    Returns what could not be carried over. TransientError when the databases stay in use; RightsError when that is
    because sessions could not be ended.
    """
    renames = (database.name, database.previous_name), (database.next_name, database.name)
    return _persist(_Change(session, database, wanted, renames), connect)


def swap_back(
    session: Session, connect: Callable[[], Session], database: Database, wanted: Sequence[Step], mark: str
) -> list[str]:
    """Take the steps and let `database` and `<db>__previous` change names, in one transaction.

    What becomes `<db>__previous` gets `mark` as its comment. Everything else is as for swap().
    """
    name, previous, aside = database.name, database.previous_name, database.name + ASIDE_SUFFIX
    renames = (name, aside), (previous, name), (aside, previous)
    comment = sql.SQL("COMMENT ON DATABASE {} IS {}").format(identifier(previous), sql.Literal(mark))
    return _persist(_Change(session, database, wanted, renames, comment), connect)


@dataclass(frozen=True)
class _Change:
    """One transaction: steps, then renames (old name, new name), then a statement."""

    session: Session
    database: Database
    wanted: Sequence[Step]
    renames: Sequence[tuple[str, str]]
    last: sql.Composable | None = None


def _persist(change: _Change, connect: Callable[[], Session]) -> list[str]:
    """Make a change, against the sessions that are in its way."""
    database, failure = change.database, None
    with _evicting(connect, [change.renames[0][0], change.renames[1][0]]) as spared:
        for _ in range(ATTEMPTS):
            try:
                return _make(change)
            except TransientError as error:
                if error.reason not in {"ObjectInUse", "LockTimeout"}:
                    raise
                failure = error
    if spared:
        text = f"sessions of {', '.join(sorted(spared))} hold database {database.name}, and the load may not end them"
        raise RightsError(f"{text}: GRANT pg_signal_backend TO its role (superusers' sessions need a superuser)")
    raise TransientError(f"database {database.name} stayed in use: {failure}", reason="TargetBusy") from failure


def _make(change: _Change) -> list[str]:
    session, doing = change.session, f"swapping database {change.database.name}"
    with transaction(session, doing=doing):
        execute(session, f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'", doing="swapping")
        refused = carry(session, change.wanted)
        for old, new in change.renames:
            statement = sql.SQL("ALTER DATABASE {} RENAME TO {}").format(identifier(old), identifier(new))
            execute(session, statement, doing=f"renaming database {old} to {new}")
        if change.last is not None:
            execute(session, change.last, doing=doing)
    return refused


@contextlib.contextmanager
def _evicting(connect: Callable[[], Session], names: Sequence[str]) -> Iterator[set[str]]:
    """End these databases' sessions again and again while the body runs; yield the roles that it may not end."""
    spared: set[str] = set()
    ended = threading.Event()
    session = connect()
    thread = threading.Thread(target=_evict, args=(session, names, ended, spared), name="evict", daemon=True)
    thread.start()
    try:
        yield spared
    finally:
        ended.set()
        thread.join()
        session.close()


def _evict(session: Session, names: Sequence[str], ended: threading.Event, spared: set[str]) -> None:
    with contextlib.suppress(errors.Error):  # without it the renames wait, and say so
        while not ended.wait(EVICTION_INTERVAL_SECONDS):
            with session.cursor() as cursor:
                cursor.execute(_EVICT, [list(names)])
                for pid, role in cursor.fetchall():
                    try:
                        cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
                    except errors.InsufficientPrivilege:
                        spared.add(role)
