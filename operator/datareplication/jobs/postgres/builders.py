"""The build role: its rights end at `<db>__next`, so the source's code can do nothing elsewhere when it runs.

Check constraints, domains, generated columns and casts of the source run as the role that loads the rows. This module
owns making such a role for one load, letting it in, and shutting it out before others use what it made.
"""

import contextlib
import secrets
import time
from collections.abc import Sequence

from psycopg2 import extensions, sql

from datareplication.errors import GuardError, ReplicationError, RightsError, TransientError
from datareplication.jobs.model.databases import OPTIONS_SINCE, Server
from datareplication.jobs.model.quoting import quoted
from datareplication.jobs.postgres import target
from datareplication.jobs.postgres.connection import Session, execute, row, rows, transaction

PREFIX = "datareplication_build_"
"""Begins the names of roles that are made for one load; the oid of the target follows."""

END_SECONDS = 10.0

_IS_MAKER = "SELECT rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = current_user"

_RIGHTS = """
    SELECT r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls, array(
        SELECT pg_get_userbyid(roleid) FROM pg_auth_members WHERE member = r.oid)::text[]
    FROM pg_roles r WHERE rolname = %s
"""

_MEMBERS = """
    SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
      AND pg_has_role(c.relowner, 'USAGE') AND EXISTS (
        SELECT FROM pg_depend WHERE (classid, objid) = ('pg_class'::regclass, c.oid) AND deptype = 'e')
"""


_SERVERS = "SELECT srvname FROM pg_foreign_server WHERE pg_has_role(srvowner, 'USAGE') ORDER BY 1"

_LEFT_OVER = f"""
    SELECT rolname FROM pg_roles CROSS JOIN split_part(rolname, '_', 3) AS target
    WHERE starts_with(rolname, '{PREFIX}')
      AND (target = ANY(%s) OR target NOT IN (SELECT oid::text FROM pg_database))
"""  # noqa: S608 - constants only


def can_make(session: Session) -> bool:
    """Return whether the session's role may make roles."""
    return bool(row(session, _IS_MAKER, doing="looking up the load's role")[0])


def make(session: Session, server: Server, database_oid: int) -> tuple[str, str]:
    """Make a role for one load of the database of that oid; return its name and password."""
    name, password = f"{PREFIX}{database_oid}_{secrets.token_hex(4)}", secrets.token_urlsafe(24)
    # The server's log may contain statements: so the statement has the SCRAM verifier, never the password.
    proof = extensions.encrypt_password(password, name, session, "scram-sha-256")
    doing, role = "making a build role", sql.Identifier(name)
    statement = sql.SQL("CREATE ROLE {} LOGIN NOINHERIT PASSWORD {}").format(role, sql.Literal(proof))
    execute(session, statement, doing=doing)
    if not server.is_superuser:
        options = " WITH INHERIT TRUE, SET TRUE" if server.version >= OPTIONS_SINCE else ""
        execute(session, sql.SQL("GRANT {} TO CURRENT_USER{}").format(role, sql.SQL(options)), doing=doing)
    return name, password


def sweep(session: Session, oids: Sequence[int]) -> None:
    """Drop the roles left by killed loads of these databases, or by loads of databases that no longer exist.

    oids: of the target and of the databases beside it. The caller holds the target's lock.
    """
    if not can_make(session):
        return
    for (name,) in rows(session, _LEFT_OVER, [[str(oid) for oid in oids]], doing="looking for roles of earlier loads"):
        with contextlib.suppress(ReplicationError):  # the role still owns something: a later load drops it
            drop(session, name)


def drop(session: Session, name: str) -> None:
    """Drop a role that was made; RightsError or DataError while something still belongs to it."""
    execute(session, sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name)), doing=f"dropping role {name}")


def check_given(session: Session, server: Server, name: str) -> None:
    """Refuse a build role that may do more than build, or that the load's role may not act as."""
    found = rows(session, _RIGHTS, [name], doing=f"looking up role {name}")
    if not found:
        return  # the role's login will fail and say so
    is_mighty, memberships = found[0]
    if is_mighty or memberships:
        text = f"role {name} is to build and must have no attribute but LOGIN and be a member of no role"
        raise GuardError(f"{text}; it has more: {', '.join(memberships) or 'attributes'}", reason="BuilderHasRights")
    if not target.can_act_as(session, name, server.version):
        text = f"role {server.role} must be able to take over what the building role makes"
        raise RightsError(f"{text}: GRANT {quoted(name)} TO {quoted(server.role)}", reason="MissingRights")


def admit(session: Session, database: str, name: str) -> None:
    """Let the role connect to `<db>__next` and create objects there. session: to the maintenance database."""
    statement = sql.SQL("GRANT CONNECT, CREATE, TEMPORARY ON DATABASE {} TO {}")
    execute(session, statement.format(sql.Identifier(database), sql.Identifier(name)), doing=f"letting in role {name}")


Names = tuple[str, ...]


def open_up(session: Session, name: str, tables: Sequence[Names]) -> list[tuple[str, Names]]:
    """Let the role use what it does not own: schemas, foreign servers, extensions' tables to refer to or copy into.

    tables: (schema, name) of those to copy into. Functions that an extension revoked from PUBLIC stay revoked: some of
    them reach beyond the database. Returns (kind, name) of each, for close_again().
    """
    query = """
        SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
        AND pg_has_role(nspowner, 'USAGE') AND pg_get_userbyid(nspowner) <> %s ORDER BY 1
    """
    schemas = [(schema,) for (schema,) in rows(session, query, [name], doing="looking up schemas")]
    servers = rows(session, _SERVERS, doing="looking up foreign servers")
    referable = [(schema, table) for schema, table in rows(session, _MEMBERS, doing="looking up tables of extensions")]
    granted = [
        *(("USAGE, CREATE", "SCHEMA", one) for one in schemas),
        *(("USAGE", "FOREIGN SERVER", (server,)) for (server,) in servers),
        *(("REFERENCES", "TABLE", one) for one in referable),
        *(("INSERT", "TABLE", one) for one in tables),
    ]
    _on_each(session, [(f"GRANT {right} ON {{}} {{}} TO {{}}", kind, one) for right, kind, one in granted], name)
    return [(kind, one) for _, kind, one in granted]


def close_again(session: Session, opened: Sequence[tuple[str, Names]], name: str) -> None:
    """Take back the rights that open_up() gave."""
    _on_each(session, [("REVOKE ALL ON {} {} FROM {}", kind, one) for kind, one in opened], name)


def shut_out(session: Session, database: str, name: str) -> None:
    """Revoke the role's rights on `<db>__next` and end its sessions there. session: to the maintenance database.

    TransientError if the sessions do not end.
    """
    doing = f"shutting out role {name}"
    statement = sql.SQL("REVOKE ALL ON DATABASE {} FROM {}").format(sql.Identifier(database), sql.Identifier(name))
    execute(session, statement, doing=doing)
    query = "SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s AND datname = %s"
    deadline = time.monotonic() + END_SECONDS
    while rows(session, query, [name, database], doing=doing):
        if time.monotonic() > deadline:
            raise TransientError(f"sessions of role {name} in {database} do not end", reason="BuilderStays")
        time.sleep(0.02)


def _on_each(session: Session, changes: Sequence[tuple[str, str, Names]], name: str) -> None:
    with transaction(session, doing=f"opening or closing what role {name} does not own"):
        for text, kind, one in changes:
            statement = sql.SQL(text).format(sql.SQL(kind), sql.Identifier(*one), sql.Identifier(name))
            execute(session, statement, doing=f"opening or closing {kind} {'.'.join(one)}")
