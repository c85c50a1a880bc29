"""Who waits for whose locks: this program's sessions and all others.

It queries pg_locks and pg_blocking_pids(), which every role may do, also on a standby. It does not decide what a wait
means, and never shows another session's statement.
"""

from dataclasses import dataclass
from typing import Any

from datareplication.jobs.model.connections import Connection
from datareplication.jobs.postgres.connection import Session, connect, records

STATEMENT_TIMEOUT = "5s"
"""If looking takes longer than this, the answer is not worth the load on the server."""

_WAITS = """
    WITH ours AS MATERIALIZED (
        SELECT pid FROM pg_stat_activity
        WHERE application_name = current_setting('application_name') AND usename = session_user
          AND datname = current_database() AND client_addr IS NOT DISTINCT FROM inet_client_addr()
    ), waiting AS MATERIALIZED (
        SELECT pid, mode, waitstart,
               CASE WHEN pg_is_in_recovery() AND mode = 'AccessExclusiveLock'
                    THEN ARRAY(SELECT h.pid FROM pg_locks h WHERE h.granted AND h.locktype = l.locktype
                               AND h.database = l.database AND h.relation = l.relation AND h.pid <> l.pid)
                    ELSE pg_blocking_pids(pid) END AS blockers,
               CASE WHEN relation IS NULL THEN locktype
                    WHEN database IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
                    THEN relation::regclass::text
                    ELSE 'a table of another database' END AS object
        FROM pg_locks l WHERE NOT granted AND pid IS NOT NULL
    )
    SELECT w.pid IN (TABLE ours) AS is_ours, w.mode, w.object,
           coalesce(to_char(w.waitstart AT TIME ZONE 'UTC', 'HH24:MI:SS"Z"'), '') AS since,
           coalesce(extract(epoch FROM clock_timestamp() - w.waitstart), 0)::float8 AS seconds,
           w.pid AS waiter, coalesce(waiter.usename::text, '') AS waiter_role,
           b.pid AS blocker, coalesce(blocker.usename::text, '') AS blocker_role
    FROM waiting w CROSS JOIN unnest(w.blockers) b (pid)
         LEFT JOIN pg_stat_activity waiter ON waiter.pid = w.pid
         LEFT JOIN pg_stat_activity blocker ON blocker.pid = b.pid
    WHERE (w.pid IN (TABLE ours)) <> (b.pid IN (TABLE ours))
    ORDER BY w.waitstart, w.pid, b.pid
"""
"""On a standby only the replaying process takes ACCESS EXCLUSIVE, and pg_blocking_pids() does not know that process."""


@dataclass(frozen=True)
class Backend:
    """One of the server's processes. pid: 0 for a prepared transaction. role: empty for the server's own processes."""

    pid: int
    role: str

    def __str__(self) -> str:
        """Return the backend for people."""
        if not self.pid:
            return "a prepared transaction (see pg_prepared_xacts)"
        return f"{self.role or 'the server itself'} (backend {self.pid})"


@dataclass(frozen=True)
class Wait:
    """One backend that waits for a lock that another backend holds or requested earlier."""

    is_ours: bool
    """Whether our backend waits; otherwise ours is the blocker."""
    mode: str
    """Mode of the lock that is waited for."""
    object: str
    since: str
    """Time of day, UTC."""
    seconds: float
    """How long the wait has lasted."""
    waiter: Backend
    blocker: Backend


def opened(connection: Connection, application: str) -> Session:
    """Open a session for watching; `application` is the application_name of the watched sessions."""
    return connect(connection, application, settings={"statement_timeout": STATEMENT_TIMEOUT})


def waits(session: Session) -> list[Wait]:
    """Return the waits between our sessions and others, the longest first.

    Ours are the sessions with this one's application_name, role, database and client address.
    """
    return records(session, _WAITS, into=_wait, doing="looking for locks that are waited for")


def _wait(*, waiter: int, waiter_role: str, blocker: int, blocker_role: str, **lock: Any) -> Wait:
    return Wait(waiter=Backend(waiter, waiter_role), blocker=Backend(blocker, blocker_role), **lock)
