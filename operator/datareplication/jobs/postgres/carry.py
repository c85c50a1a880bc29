"""What belongs to a target database and not to its content: owner, grants, connection limit, settings, comment.

It owns reading it from the database that is replaced and giving it to the one that replaces it, in the swap's
transaction.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from psycopg2 import sql

from datareplication.errors import RightsError
from datareplication.jobs.postgres.connection import Session, execute, rows
from datareplication.jobs.postgres.databases import Database

LIST_SETTINGS = {
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
}
"""Settings whose stored value is a list of quoted names, which SET must get as several values (GUC_LIST_QUOTE in
PostgreSQL's guc tables; an extension cannot add one)."""

_ITEM = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([^",\s][^",]*?))\s*(?:,|$)')

_GRANTS = """
    SELECT r.rolname, a.privilege_type, a.is_grantable
    FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
    LEFT JOIN pg_roles r ON r.oid = a.grantee
    WHERE d.oid = %s ORDER BY a.grantee, 2
"""

_SETTINGS = """
    SELECT r.rolname, setting FROM pg_db_role_setting s
    CROSS JOIN unnest(s.setconfig) WITH ORDINALITY AS c(setting, position) LEFT JOIN pg_roles r ON r.oid = s.setrole
    WHERE s.setdatabase = %s ORDER BY s.setrole, position
"""


@dataclass(frozen=True)
class Step:
    """A statement for the new database. what: for the message when it is refused; essential ones end the swap then."""

    what: str
    statement: sql.Composable
    is_essential: bool = False


def steps(session: Session, database: Database) -> list[Step]:
    """Return what gives to `<db>__next` all that belongs to `database`."""
    doing = f"reading what belongs to database {database.name}"
    grants = rows(session, _GRANTS, [database.oid], doing=doing)
    settings = rows(session, _SETTINGS, [database.oid], doing=doing)
    return [
        *_properties(database),
        *(_grant(database.next_name, role, privilege, grantable) for role, privilege, grantable in grants),
        *(_setting(database.next_name, role, text) for role, text in settings),
    ]


def carry(session: Session, wanted: Sequence[Step]) -> list[str]:
    """Take the steps inside the caller's transaction; return what could not be carried over for want of a right."""
    refused = []
    for step in wanted:
        execute(session, "SAVEPOINT step", doing=step.what)
        try:
            execute(session, step.statement, doing=step.what)
        except RightsError as error:
            if step.is_essential:
                raise
            execute(session, "ROLLBACK TO SAVEPOINT step", doing=step.what)
            refused.append(f"{step.what} ({error.message})")
    return refused


def values_of(name: str, stored: str) -> list[str]:
    """Return the values that `SET name TO` needs to store `stored` again: several for a list of names, else one."""
    if name.lower() not in LIST_SETTINGS or not stored.strip():
        return [stored]
    return [quoted.replace('""', '"') if quoted or not plain else plain for quoted, plain in _ITEM.findall(stored)]


def _properties(database: Database) -> list[Step]:
    name = sql.Identifier(database.next_name)
    owner, limit, comment = (
        sql.Identifier(database.owner),
        sql.Literal(database.connection_limit),
        sql.Literal(database.comment),
    )
    alter = sql.SQL("ALTER DATABASE {} {} {}")
    grantees = sql.SQL("PUBLIC, {}, CURRENT_USER").format(owner)  # the load's role had to connect
    return [
        Step(f"owner {database.owner}", alter.format(name, sql.SQL("OWNER TO"), owner), is_essential=True),
        Step("connection limit", alter.format(name, sql.SQL("CONNECTION LIMIT"), limit), is_essential=True),
        Step("comment", sql.SQL("COMMENT ON DATABASE {} IS {}").format(name, comment), is_essential=True),
        Step("grants", sql.SQL("REVOKE ALL ON DATABASE {} FROM {}").format(name, grantees), is_essential=True),
    ]


def _grant(name: str, role: str | None, privilege: str, is_grantable: bool) -> Step:
    option = sql.SQL(" WITH GRANT OPTION") if is_grantable and role else sql.SQL("")
    grantee = sql.Identifier(role) if role else sql.SQL("PUBLIC")
    statement = sql.SQL("GRANT {} ON DATABASE {} TO {}{}").format(
        sql.SQL(privilege), sql.Identifier(name), grantee, option
    )
    return Step(f"{privilege} for {role or 'PUBLIC'}", statement, is_essential=True)


def _setting(name: str, role: str | None, text: str) -> Step:
    key, _, stored = text.partition("=")
    values = sql.SQL(", ").join(sql.Literal(value) for value in values_of(key, stored))
    # An extension's setting has a point in its name, which must not be inside one pair of quotes.
    setting = sql.SQL(".").join(sql.Identifier(part) for part in key.split("."))
    database = sql.Identifier(name)
    if role is None:
        statement = sql.SQL("ALTER DATABASE {} SET {} TO {}").format(database, setting, values)
        return Step(f"setting {key}", statement)
    statement = sql.SQL("ALTER ROLE {} IN DATABASE {} SET {} TO {}").format(
        sql.Identifier(role), database, setting, values
    )
    return Step(f"setting {key} of role {role}", statement)
