"""What belongs to a target database and not to its content: owner, grants, connection limit, settings, comment, labels.

It owns reading these properties from the replaced database and giving them to the new one. Both happen in the swap's
transaction, because the properties may have changed since an earlier read.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from psycopg2 import sql

from datareplication.errors import ReplicationError, TransientError
from datareplication.jobs.model.databases import Database
from datareplication.jobs.model.notes import is_note
from datareplication.jobs.postgres.connection import Session, execute, rows

LIST_SETTINGS = {
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
}
"""Settings whose stored value is a list of quoted names. SET needs such a list as several values (GUC_LIST_QUOTE in
PostgreSQL's guc tables; an extension cannot add such a setting)."""

_ITEM = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([^",\s][^",]*?))\s*(?:,|$)')

_GRANTS = """
    SELECT r.rolname, a.privilege_type, a.is_grantable
    FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
    LEFT JOIN pg_roles r ON r.oid = a.grantee
    WHERE d.oid = %s AND (a.grantee = 0 OR r.oid IS NOT NULL) ORDER BY a.grantee, 2
"""

_SETTINGS = """
    SELECT r.rolname, setting FROM pg_db_role_setting s
    CROSS JOIN unnest(s.setconfig) WITH ORDINALITY AS c(setting, position) LEFT JOIN pg_roles r ON r.oid = s.setrole
    WHERE s.setdatabase = %s AND (s.setrole = 0 OR r.oid IS NOT NULL) ORDER BY s.setrole, position
"""
"""Both queries leave out rows of dropped roles. Such a row must not become one for PUBLIC or for every role."""


_LABELS = """
    SELECT provider, label FROM pg_shseclabel WHERE (classoid, objoid) = ('pg_database'::regclass, %s) ORDER BY 1
"""


@dataclass(frozen=True)
class Step:
    """A statement for the new database."""

    what: str
    """What the statement carries over, for the message if the server refuses it."""

    statement: sql.Composable
    is_essential: bool = False
    """Whether a refusal ends the swap."""


def steps(session: Session, database: Database, name: str) -> list[Step]:
    """Return the steps that give all that belongs to `database` to the database `name`."""
    return [
        *_properties(database, name),
        *(_grant(name, *grant) for grant in _grants(session, database)),
        *(_setting(name, *setting) for setting in _settings(session, database)),
        *(_label(name, *label) for label in _labels(session, database).items()),
    ]


def steps_back(session: Session, database: Database, previous: Database) -> list[Step]:
    """Return the steps that give all that belongs to `database` to `previous`, and remove what `previous` had."""
    name, settings, old = previous.name, _settings(session, database), _settings(session, previous)
    labels, gone = _labels(session, database), _labels(session, previous)
    kept = {(role, _key(text)) for role, text in settings}
    return [
        *_properties(database, name),
        *(_revoke(name, role) for role in dict.fromkeys(role for role, _, _ in _grants(session, previous)) if role),
        *(_grant(name, *grant) for grant in _grants(session, database)),
        *(_reset(name, role, _key(text)) for role, text in old if (role, _key(text)) not in kept),
        *(_setting(name, *setting) for setting in settings if setting not in old),
        *(_label(name, provider, labels.get(provider)) for provider in {**gone, **labels}),
    ]


def carry(session: Session, wanted: Sequence[Step]) -> list[str]:
    """Take the steps inside the caller's transaction; return what could not be carried over, and why.

    A setting may name what the server no longer has: a time zone, a locale, a parameter. An essential step that fails
    raises its error, and so does an error that ends the transaction.
    """
    refused = []
    for step in wanted:
        execute(session, "SAVEPOINT step", doing=step.what)
        try:
            execute(session, step.statement, doing=step.what)
        except ReplicationError as error:
            if step.is_essential or isinstance(error, TransientError):
                raise
            execute(session, "ROLLBACK TO SAVEPOINT step", doing=step.what)
            refused.append(f"{step.what} ({error.message})")
    return refused


def values_of(name: str, stored: str) -> list[str]:
    """Return the values that `SET name TO` needs to store `stored` again: several for a list of names, else one."""
    if name.lower() not in LIST_SETTINGS or not stored.strip():
        return [stored]
    return [quoted.replace('""', '"') if quoted or not plain else plain for quoted, plain in _ITEM.findall(stored)]


def _grants(session: Session, database: Database) -> list[tuple[str | None, str, bool]]:
    found = rows(session, _GRANTS, [database.oid], doing=f"reading what belongs to database {database.name}")
    return [(role, privilege, is_grantable) for role, privilege, is_grantable in found]


def _settings(session: Session, database: Database) -> list[tuple[str | None, str]]:
    found = rows(session, _SETTINGS, [database.oid], doing=f"reading what belongs to database {database.name}")
    return [(role, text) for role, text in found if not is_note(text)]


def _labels(session: Session, database: Database) -> dict[str, str]:
    return dict(rows(session, _LABELS, [database.oid], doing=f"reading what belongs to database {database.name}"))


def _properties(database: Database, recipient: str) -> list[Step]:
    name = sql.Identifier(recipient)
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


def _revoke(name: str, role: str) -> Step:
    # CASCADE also revokes what the role granted to others.
    statement = sql.SQL("REVOKE ALL ON DATABASE {} FROM {} CASCADE").format(sql.Identifier(name), sql.Identifier(role))
    return Step(f"grants of {role}", statement, is_essential=True)


def _setting(name: str, role: str | None, text: str) -> Step:
    key, _, stored = text.partition("=")
    values = sql.SQL(", ").join(sql.Literal(value) for value in values_of(key, stored))
    return _alter(name, role, key, [sql.SQL("SET"), _parts(key), sql.SQL("TO"), values])


def _reset(name: str, role: str | None, key: str) -> Step:
    return _alter(name, role, key, [sql.SQL("RESET"), _parts(key)])


def _label(name: str, provider: str, label: str | None) -> Step:
    statement = sql.SQL("SECURITY LABEL FOR {} ON DATABASE {} IS {}")
    given = statement.format(sql.Identifier(provider), sql.Identifier(name), sql.Literal(label))
    return Step(f"security label of provider {provider}", given)


def _alter(name: str, role: str | None, key: str, change: Iterable[sql.Composable]) -> Step:
    database, what = sql.Identifier(name), sql.SQL(" ").join(change)
    if role is None:
        return Step(f"setting {key}", sql.SQL("ALTER DATABASE {} {}").format(database, what))
    statement = sql.SQL("ALTER ROLE {} IN DATABASE {} {}").format(sql.Identifier(role), database, what)
    return Step(f"setting {key} of role {role}", statement)


def _key(setting: str) -> str:
    return setting.partition("=")[0]


def _parts(key: str) -> sql.Composable:
    """Quote a setting's name. An extension's setting has a dot in its name: each part needs its own quotes."""
    return sql.SQL(".").join(sql.Identifier(part) for part in key.split("."))
