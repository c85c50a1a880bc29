"""The source as one consistent snapshot: its identity, the locks, the exporting transaction and those that share it.

The order is: locks, snapshot, catalogs. Nothing is changed: all transactions are READ ONLY.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import psycopg2
from psycopg2 import errors, sql
from psycopg2.extensions import TRANSACTION_STATUS_INTRANS

from datareplication.errors import CapabilityError, DataError, ReplicationError, TransientError
from datareplication.jobs.model import manifest
from datareplication.jobs.model.connections import Connection
from datareplication.jobs.model.selection import Node, Selection
from datareplication.jobs.model.tables import Table
from datareplication.jobs.postgres import catalog, classify, extensions, shaping
from datareplication.jobs.postgres.connection import (
    Session,
    connect,
    connect_unpinned,
    identifier,
    record,
    row,
    rows,
    set_if_known,
    transaction,
)
from datareplication.jobs.postgres.session_settings import RESTRICTED

OLDEST_VERSION = 140000

TABLES_PER_LOCK = 100
SCHEMA_CHANGES_ENDURED = 5

CLIENT_CHECK: Mapping[str, str] = {"client_connection_check_interval": "1s"}
"""Without this setting, a backend whose client has gone keeps its locks until it next sends a row. Servers on Windows
do not have it."""

SNAPSHOT_LOST = (errors.InvalidParameterValue, errors.UndefinedObject, errors.ObjectNotInPrerequisiteState)
"""Errors of importing a snapshot that no session holds any more; they depend on the server's version."""

_READ_ONLY = "ISOLATION LEVEL REPEATABLE READ, READ ONLY"

_IDENTITY = """
    SELECT (SELECT system_identifier FROM pg_control_system())::text AS system_identifier,
           current_database() AS database,
           current_setting('server_version_num')::int AS server_version, pg_encoding_to_char(encoding) AS encoding,
           to_char(pg_postmaster_start_time() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
             AS postmaster_started, pg_is_in_recovery() AS is_standby
    FROM pg_database WHERE datname = current_database()
"""

_EXPORT = """
    SELECT pg_export_snapshot() AS id,
           to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS time,
           (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END)::text AS lsn
"""


@dataclass(frozen=True)
class ExportedSnapshot:
    """An exported MVCC snapshot. id: for other sessions. time, lsn: of the moment it was taken; RFC 3339, UTC."""

    id: str
    time: str
    lsn: str


def opened(
    connection: Connection, application: str, lock_timeout_seconds: int, settings: Mapping[str, str] | None = None
) -> Session:
    """Open a session that reads the source. Its waits for locks are limited: later requests wait behind its own."""
    wanted = {"lock_timeout": f"{lock_timeout_seconds}s", **RESTRICTED}
    session = connect(connection, application, settings=wanted, startup=settings)
    with contextlib.suppress(CapabilityError, DataError):
        set_if_known(session, CLIENT_CHECK)
    return session


def own_settings(connection: Connection, application: str) -> tuple[manifest.Setting, ...]:
    """Return the settings of the source's normal sessions that affect the rows of its views."""
    with contextlib.closing(connect_unpinned(connection, application)) as session:
        return shaping.of_database(session)


def identity(session: Session) -> manifest.Source:
    """Return which database this is; CapabilityError if the server is too old."""
    source = record(session, _IDENTITY, into=manifest.Source, doing="reading the source's identity")
    if source.server_version < OLDEST_VERSION:
        text = f"the source is PostgreSQL {source.server_version // 10000}; sources from 14 on are supported"
        raise CapabilityError(text, reason="ServerTooOld")
    return source


@dataclass(frozen=True)
class Exported:
    """A snapshot, the tables in it that are copied, and what was left out."""

    snapshot: ExportedSnapshot
    tables: list[Table]
    selection: Selection


@contextlib.contextmanager
def exported(session: Session, select: Callable[[], Selection]) -> Iterator[Exported]:
    """Yield a snapshot and the tables in it, locked against ALTER, DROP and TRUNCATE while the body runs.

    select: returns, each time it is called, what is left out now; relations that are left out are not locked.

    The tables are locked before the snapshot is taken: LOCK TABLE takes no snapshot. pg_dump does it the other way
    round, so a TRUNCATE or a rewriting ALTER TABLE in between makes a table look empty. If the list of tables or the
    selection changes before all tables are locked, it starts again. TransientError if a lock is not granted in time, or
    if the list keeps changing.
    """
    for _ in range(SCHEMA_CHANGES_ENDURED):
        selected = select()
        expected = _table_names(session, selected)
        with contextlib.ExitStack() as stack:
            stack.enter_context(transaction(session, _READ_ONLY, doing="the dump's transaction"))
            if _lock(session, expected):
                snapshot = record(session, _EXPORT, into=ExportedSnapshot, doing="exporting the snapshot")
                if (
                    select() == selected
                    and _table_names(session, selected) == expected
                    and _are_locked(session, expected)
                ):
                    with _naming_its_end(session):
                        yield Exported(snapshot, _tables(session, selected), selected)
                    return
    raise TransientError("tables keep being created, dropped or renamed while they are locked", reason="SchemaChanging")


def _table_names(session: Session, selected: Selection) -> list[Node]:
    found = [table for table in catalog.table_names(session) if table.oid not in selected.left_out_oids]
    return found + extensions.table_names(session, selected.rowless_oids)


def _tables(session: Session, selected: Selection) -> list[Table]:
    return catalog.tables(session, selected.left_out_oids) + extensions.tables(session, selected.rowless_oids)


@contextlib.contextmanager
def sharing(session: Session, snapshot_id: str) -> Iterator[None]:
    """Run the body in a transaction with the exported snapshot."""
    doing = "importing the dump's snapshot"
    with transaction(session, _READ_ONLY, doing=doing):
        _import(session, snapshot_id, doing)
        yield


def _import(session: Session, snapshot_id: str, doing: str) -> None:
    statement = sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(snapshot_id))
    try:
        with session.cursor() as cursor:
            cursor.execute(statement)
    except SNAPSHOT_LOST as error:
        text = f"{doing}: the session that exported it is gone"
        raise TransientError(text, reason="SnapshotLost") from error
    except errors.Error as error:
        raise classify.after_connect(error, doing) from error


@contextlib.contextmanager
def _naming_its_end(session: Session) -> Iterator[None]:
    """If the exporting session has ended, raise why: other sessions and pg_dump only see that its snapshot is gone."""
    try:
        yield
    except ReplicationError:
        if session.info.transaction_status == TRANSACTION_STATUS_INTRANS:
            _check_alive(session)
        raise


def _check_alive(session: Session) -> None:
    """Raise why an idle session has ended. poll() reads the server's last message, which a query would discard."""
    try:
        session.poll()
        with session.cursor() as cursor:
            cursor.execute("SELECT 1")
    except errors.Error as error:
        told = psycopg2.OperationalError("".join([*session.notices, str(error)]))
        raise classify.after_connect(told, "holding the dump's snapshot") from error


def check_is(session: Session, schema: str, name: str, oid: int) -> None:
    """Raise TransientError if the name leads to another table than the locked one (say, a schema was renamed)."""
    query = "SELECT to_regclass(%s)::oid::int8"
    text = identifier(schema, name).as_string(session)
    if row(session, query, [text], doing=f"looking up {text}") != (oid,):
        raise TransientError(f"{text} was replaced by another table during the dump", reason="SchemaChanging")


def _lock(session: Session, tables: list[Node]) -> bool:
    """Lock all tables against changes; return False if one of them is gone."""
    for start in range(0, len(tables), TABLES_PER_LOCK):
        batch = [identifier(one.schema, one.name) for one in tables[start : start + TABLES_PER_LOCK]]
        names = sql.SQL(", ").join(sql.SQL("ONLY {}").format(name) for name in batch)
        statement = sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(names)
        try:
            with session.cursor() as cursor:
                cursor.execute(statement)
        except (errors.UndefinedTable, errors.InvalidSchemaName, errors.WrongObjectType):
            return False
        except errors.LockNotAvailable as error:
            text = "a table of the source stayed locked by others for longer than dump.lockTimeoutSeconds"
            raise TransientError(f"{text} (--lock-timeout-seconds)", reason="LockTimeout") from error
        except errors.Error as error:
            raise classify.after_connect(error, "locking the tables") from error
    return True


def _are_locked(session: Session, tables: list[Node]) -> bool:
    query = "SELECT relation::int8 FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'relation' AND granted"
    locked = {oid for (oid,) in rows(session, query, doing="checking the locks")}
    return all(one.oid in locked for one in tables)
