"""The swap itself, and its way back: renames in one transaction, while other sessions are kept out.

It decides the order inside the transaction, waits, and ends sessions. It never forbids connections to a database: after
a crash the database would stay closed. It destroys nothing.
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
"""For each attempt. When it has the lock, PostgreSQL itself waits up to 5 s for sessions to end (a constant in it)."""

EVICTION_INTERVAL_SECONDS = 0.05

ASIDE_SUFFIX = "__rollback"
"""Suffix of the name that a database has only inside a rollback's transaction; nobody ever sees this name."""

_EVICT = """
    SELECT pid, usename FROM pg_stat_activity
    WHERE datname = ANY(%s) AND usesysid IS NOT NULL AND pid <> pg_backend_pid()
"""
"""PostgreSQL's own processes (autovacuum) have no user; ALTER DATABASE … RENAME ends them itself."""

LASTING = ("oid", *FIXED, "allows_connections")
"""Properties of the replaced database that must be as the load found them: the new database was made to match them."""


@dataclass(frozen=True)
class Parties:
    """The databases of a swap, as they were found when it was prepared."""

    database: Database
    next_oid: int
    """Oid of `<db>__next`."""
    previous: Database | None
    """`<db>__previous`, if there is one."""
    may_change_owner: bool
    """Whether the target may have another owner by now than the one that the new database was built for."""


Connect = Callable[[], Session]


def swap(session: Session, connect: Connect, parties: Parties, run_uid: str) -> list[str]:
    """Give `<db>__next` the database's current properties and its name; the old database becomes `<db>__previous`.

    An earlier `<db>__previous` becomes `<db>__obsolete`, to be dropped. session: to the maintenance database. connect:
    opens another session there, which ends the sessions that are in the way. Returns the properties that could not be
    carried over. TransientError if the databases stay in use or are not those that were found, RightsError if sessions
    could not be ended.
    """
    database, previous = parties.database, parties.previous
    freed = [(previous.name, database.obsolete_name)] if previous else []

    def change() -> list[str]:
        _rename(session, [*freed, (database.name, database.previous_name)])
        # The renamed database is locked now, so nobody can change its properties any more.
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
    """Let `database` and `<db>__previous` swap their names and properties; everything else is as for swap()."""
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
        except (UsageError, DataError) as error:  # the database is gone, or the new name is taken
            raise _changed(error.message) from error


def _found_again(session: Session, parties: Parties) -> Database:
    """Return the replaced database as it is now; TransientError if one of the parties is another database by now."""
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
    """Return the database that has this name now; TransientError if it is not the expected one."""
    found = databases.describe(session, name)
    if found is None or any(getattr(found, one) != getattr(expected, one) for one in LASTING):
        raise _changed(f"database {expected.name} was dropped, made anew or moved")
    return found


def _changed(text: str) -> TransientError:
    return TransientError(f"{text} during the load; the next attempt looks again", reason="TargetChanged")


def _persist(session: Session, connect: Connect, names: Sequence[str], change: Callable[[], list[str]]) -> list[str]:
    """Make a change in a transaction, while the sessions in these databases are ended."""
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
    """End these databases' sessions repeatedly while the body runs; yield the roles whose sessions it may not end."""
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
    with contextlib.suppress(errors.Error):  # if this session is lost, the renames wait and report it
        while not ended.wait(EVICTION_INTERVAL_SECONDS):
            with session.cursor() as cursor:
                cursor.execute(_EVICT, [list(names)])
                for pid, role in cursor.fetchall():
                    try:
                        cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
                    except errors.InsufficientPrivilege:
                        spared.add(role)
