"""What a load must know about its target's server before it changes anything, and the lock that it holds.

It owns the queries. What the answers mean is decided in `guard` and `rights`.
"""

import contextlib
from collections.abc import Iterator, Sequence

from datareplication.errors import TransientError
from datareplication.jobs.model.databases import OPTIONS_SINCE, Database, Server
from datareplication.jobs.model.manifest import Extension, Role
from datareplication.jobs.postgres.catalog import USER_CLASS
from datareplication.jobs.postgres.connection import Session, execute, record, row, rows
from datareplication.jobs.postgres.databases import DEFAULT_TABLESPACE

LOCK_WAIT_SECONDS = 20
"""A killed attempt's session may take a moment to end; a load that is really at work takes longer."""


DOING = "reading the target's catalogs"

_SERVER = """
    SELECT (SELECT system_identifier FROM pg_control_system())::text AS system_identifier,
           current_setting('server_version_num')::int AS version,
           to_char(pg_postmaster_start_time() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
             AS postmaster_started, pg_is_in_recovery() AS is_standby,
           rolname AS role, rolsuper AS is_superuser, rolcreatedb OR rolsuper AS can_create_databases,
           pg_has_role('pg_signal_backend', 'USAGE') AS can_signal
    FROM pg_roles WHERE rolname = current_user
"""

_OBSTACLES = """
    SELECT format('prepared transaction %%s', quote_literal(gid)), format('COMMIT or ROLLBACK PREPARED %%L', gid)
      FROM pg_prepared_xacts WHERE database = %(name)s
    UNION ALL
    SELECT format('replication slot %%s', slot_name), format('SELECT pg_drop_replication_slot(%%L)', slot_name)
      FROM pg_replication_slots WHERE database = %(name)s
    UNION ALL SELECT format('subscription %%s', subname), format('DROP SUBSCRIPTION %%I', subname)
      FROM pg_subscription JOIN pg_database d ON d.oid = subdbid WHERE datname = %(name)s
"""

_HOLDERS = """
    FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
      AND (l.classid::int8 << 32 | l.objid::int8) = hashtextextended(%s, 0)
"""

_FOREIGN_SESSIONS = """
    SELECT DISTINCT r.rolname, r.rolsuper FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid
    WHERE a.datname = %s AND NOT pg_has_role(r.oid, 'USAGE') ORDER BY 1
"""

_FILLED = f"""
    SELECT format('%I.%I', n.nspname, c.relname)
    {USER_CLASS} AND c.relkind IN ('r', 'm') AND pg_relation_size(c.oid) > 0
    UNION ALL SELECT 'pg_largeobject' WHERE EXISTS (SELECT FROM pg_largeobject_metadata)
    LIMIT 3
"""  # noqa: S608 - constants only


def server(session: Session) -> Server:
    """Return the server and the role's rights there."""
    return record(session, _SERVER, into=Server, doing=DOING)


def obstacles(session: Session, database: str) -> list[tuple[str, str]]:
    """Return (what, remedy) for each thing in a database that stands in the way of renaming or dropping it."""
    return [(what, remedy) for what, remedy in rows(session, _OBSTACLES, {"name": database}, doing=DOING)]


def foreign_sessions(session: Session, database: str) -> list[tuple[str, bool]]:
    """Return (role, whether it is a superuser) for connected roles whose rights the load's role does not have."""
    return [(role, is_super) for role, is_super in rows(session, _FOREIGN_SESSIONS, [database], doing=DOING)]


def filled_tables(session: Session) -> list[str]:
    """Return up to three tables of the session's database that hold data, without the extensions' tables.

    The size on disk decides: a table emptied by DELETE counts as filled until it is vacuumed, which is the safe side.
    """
    return [name for (name,) in rows(session, _FILLED, doing=DOING)]


def can_use_tablespace(session: Session, database: Database) -> bool:
    """Return whether the role may make a database where `database` is; the default tablespace is open to all."""
    if database.tablespace == DEFAULT_TABLESPACE:
        return True
    query = "SELECT has_tablespace_privilege(%s, 'CREATE')"
    return bool(row(session, query, [database.tablespace], doing=DOING)[0])


def missing_roles(session: Session, roles: Sequence[Role]) -> list[Role]:
    """Return the roles that the server does not have."""
    names = [role.name for role in roles]
    query = "SELECT name FROM unnest(%s::text[]) name WHERE name NOT IN (SELECT rolname FROM pg_roles)"
    missing = {name for (name,) in rows(session, query, [names], doing=DOING)}
    return [role for role in roles if role.name in missing]


def can_act_as(session: Session, name: str, version: int) -> bool:
    """Return whether the session's role has another role's rights and may give it objects.

    version: the server's version_num.
    """
    kind = "SET" if version >= OPTIONS_SINCE else "MEMBER"
    query = "SELECT pg_has_role(%s, 'USAGE') AND pg_has_role(%s, %s)"
    return bool(row(session, query, [name, name, kind], doing=DOING)[0])


def extension_problems(session: Session, extensions: Sequence[Extension]) -> tuple[list[str], list[str]]:
    """Return (extensions that the server does not have, extensions that only a superuser may create)."""
    query = """
        SELECT e.name, v.trusted FROM pg_available_extensions e
        JOIN pg_available_extension_versions v ON v.name = e.name AND v.version = e.default_version
        WHERE e.name = ANY(%s)
    """
    wanted = [extension.name for extension in extensions]
    # The server reads its files of all extensions for this.
    available = dict(rows(session, query, [wanted], doing=DOING)) if wanted else {}
    missing = [name for name in wanted if name not in available]
    return missing, [name for name in wanted if available.get(name) is False]


@contextlib.contextmanager
def locked(session: Session, database: str, wait_seconds: int = LOCK_WAIT_SECONDS) -> Iterator[None]:
    """Hold the advisory lock of a database. session: to the maintenance database.

    Advisory locks are per database; a lock that the same role holds in another database counts too. TransientError if
    another load holds the lock for longer than `wait_seconds`; 0 waits for ever.
    """
    key, doing = _key(database), f"taking the lock of database {database}"
    execute(session, "SELECT set_config('lock_timeout', %s, false)", [f"{wait_seconds}s"], doing=doing)
    try:
        execute(session, "SELECT pg_advisory_lock(hashtextextended(%s, 0))", [key], doing=doing)
    except TransientError as error:
        if error.reason == "LockTimeout":
            raise TransientError(_who_loads(session, database), reason="TargetBusy") from error
        raise
    execute(session, "SET lock_timeout = 0", doing=doing)
    with _unlocking(session, key):
        if _is_locked_elsewhere(session, key):
            raise TransientError(_who_loads(session, database), reason="TargetBusy")
        yield


@contextlib.contextmanager
def try_locked(session: Session, database: str) -> Iterator[bool]:
    """Hold the same lock if nobody else has it; yield whether we hold it."""
    key, doing = _key(database), f"taking the lock of database {database}"
    if not row(session, "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [key], doing=doing)[0]:
        yield False
        return
    with _unlocking(session, key):
        yield not _is_locked_elsewhere(session, key)


@contextlib.contextmanager
def _unlocking(session: Session, key: str) -> Iterator[None]:
    try:
        yield
    finally:
        with contextlib.suppress(Exception):  # a broken session has lost the lock anyway
            execute(session, "SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [key], doing="unlocking")


def _key(database: str) -> str:
    return f"datareplication:{database}"


def _is_locked_elsewhere(session: Session, key: str) -> bool:
    """Whether a load with another maintenance database holds the lock. Two loads at once see each other."""
    query = f"""
        SELECT EXISTS (SELECT {_HOLDERS} AND a.usename = current_user
                       AND l.database <> (SELECT oid FROM pg_database WHERE datname = current_database()))
    """  # noqa: S608 - constants only
    return bool(row(session, query, [key], doing=DOING)[0])


def _who_loads(session: Session, database: str) -> str:
    query = f"""
        SELECT coalesce(nullif(a.application_name, ''), 'a session'), a.pid {_HOLDERS} AND a.pid <> pg_backend_pid()
    """
    holders = rows(session, query, [_key(database)], doing=DOING)
    names = ", ".join(f"{name} (backend {pid})" for name, pid in holders) or "another session"
    return f"database {database} is being loaded by {names}"
