"""The swap itself, and its way back: renames in one transaction, while others are kept out.

It owns the order inside the transaction, the waiting and the eviction of sessions. It never forbids connections to a
database: a crash would leave it closed. It destroys nothing.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from psycopg2 import errors, sql

from datareplication.errors import DataError, RightsError, TransientError, UsageError
from datareplication.jobs.model.databases import FIXED, Database
from datareplication.jobs.model.notes import loaded_by, replaced_by, rolled_back_by
from datareplication.jobs.postgres import carry, databases, notes
from datareplication.jobs.postgres.connection import Session, execute, identifier, transaction

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

LASTING = ("oid", *FIXED, "allows_connections")
"""What must be as it was when the load looked: the new database was made for it."""


@dataclass(frozen=True)
class Parties:
    """The databases of a swap, as they were found when it was prepared.

    next_oid: of `<db>__next`. previous: `<db>__previous`, if there is one. may_change_owner: whether the new database
    may go to an owner that it was not built for.
    """

    database: Database
    next_oid: int
    previous: Database | None
    may_change_owner: bool


Connect = Callable[[], Session]


def swap(session: Session, connect: Connect, parties: Parties, run_uid: str) -> list[str]:
    """Give `<db>__next` what belongs to the database by then, and its name; that becomes `<db>__previous`.

    An earlier `<db>__previous` becomes `<db>__obsolete`, to be dropped. session: to the maintenance database; connect:
    opens another one there, which ends the sessions that are in the way. Returns what could not be carried over.
    TransientError when the databases stay in use or are not those that were found; RightsError when sessions could not
    be ended.
    """
    database, previous = parties.database, parties.previous
    freed = [(previous.name, database.obsolete_name)] if previous else []

    def change() -> list[str]:
        _rename(session, [*freed, (database.name, database.previous_name)])
        # The renamed database is locked by now: nobody changes what belongs to it any more.
        found = _found_again(session, parties)
        refused = carry.carry(session, carry.steps(session, found, database.next_name))
        _rename(session, [(database.next_name, database.name)])
        notes.write(session, database.name, loaded_by(run_uid))
        for put_aside in (database.previous_name, *(new for _, new in freed)):
            notes.write(session, put_aside, replaced_by(run_uid))
        return refused

    names = [*(old for old, _ in freed), database.name, database.next_name]
    return _persist(session, connect, names, change)


def swap_back(session: Session, connect: Connect, database: Database, previous: Database, run_uid: str) -> list[str]:
    """Let `database` and `<db>__previous` change names; what belongs to the one is then the other's.

    Everything else is as for swap().
    """
    name, aside = database.name, database.name + ASIDE_SUFFIX

    def change() -> list[str]:
        _rename(session, [(name, aside)])
        found, back = _same(session, database, aside), _same(session, previous, previous.name)
        refused = carry.carry(session, carry.steps_back(session, found, back))
        _rename(session, [(previous.name, name), (aside, previous.name)])
        notes.erase(session, name)
        notes.write(session, previous.name, rolled_back_by(run_uid))
        return refused

    return _persist(session, connect, [name, previous.name], change)


def _rename(session: Session, renames: Sequence[tuple[str, str]]) -> None:
    for old, new in renames:
        statement = sql.SQL("ALTER DATABASE {} RENAME TO {}").format(identifier(old), identifier(new))
        try:
            execute(session, statement, doing=f"renaming database {old} to {new}")
        except (UsageError, DataError) as error:  # it is gone, or the name is taken
            raise _changed(error.message) from error


def _found_again(session: Session, parties: Parties) -> Database:
    """Return the database that is replaced, as it is now; TransientError when one of the parties is another one."""
    database, previous = parties.database, parties.previous
    found = _same(session, database, database.previous_name)
    if found.owner != database.owner and not parties.may_change_owner:
        raise _changed(f"database {database.name} was given to {found.owner}")
    if databases.oid_of(session, database.next_name) != parties.next_oid:
        raise _changed(f"database {database.next_name} was replaced by another")
    if previous and databases.oid_of(session, database.obsolete_name) != previous.oid:
        raise _changed(f"database {previous.name} was replaced by another")
    return found


def _same(session: Session, expected: Database, name: str) -> Database:
    """Return the database that has this name now, if it is the one that is expected; else raise TransientError."""
    found = databases.describe(session, name)
    if found is None or any(getattr(found, one) != getattr(expected, one) for one in LASTING):
        raise _changed(f"database {expected.name} was dropped, made anew or moved")
    return found


def _changed(text: str) -> TransientError:
    return TransientError(f"{text} while the load was at work; the next attempt looks again", reason="TargetChanged")


def _persist(session: Session, connect: Connect, names: Sequence[str], change: Callable[[], list[str]]) -> list[str]:
    """Make a change in a transaction, against the sessions in these databases."""
    doing, failure = f"swapping databases {', '.join(names)}", None
    with _evicting(connect, names) as spared:
        for _ in range(ATTEMPTS):
            try:
                with transaction(session, doing=doing):
                    execute(session, f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'", doing=doing)
                    return change()
            except TransientError as error:
                if error.reason not in {"ObjectInUse", "LockTimeout"}:
                    raise
                failure = error
    if spared:
        text = f"sessions of {', '.join(sorted(spared))} hold {' or '.join(names)}, and the load may not end them"
        raise RightsError(f"{text}: GRANT pg_signal_backend TO its role (superusers' sessions need a superuser)")
    raise TransientError(f"{' or '.join(names)} stayed in use: {failure}", reason="TargetBusy") from failure


@contextlib.contextmanager
def _evicting(connect: Connect, names: Sequence[str]) -> Iterator[set[str]]:
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
