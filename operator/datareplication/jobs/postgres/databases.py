"""Databases as a whole, seen from the maintenance database: describing, creating and dropping them.

A new `<db>__next` gets a mark, by which a left-over is recognized as ours.
"""

from collections.abc import Sequence
from typing import Any

from psycopg2 import sql

from datareplication.jobs.model.databases import JUST_MADE, MARK, Database
from datareplication.jobs.postgres import notes
from datareplication.jobs.postgres.connection import Session, execute, identifier, row, rows, transaction

DEFAULT_TABLESPACE = "pg_default"
PROVIDERS = {"c": "libc", "i": "icu", "b": "builtin"}

_DESCRIBE = """
    SELECT to_jsonb(d) - 'datacl' || jsonb_build_object(
             'oid', d.oid::int8, 'owner', pg_get_userbyid(datdba), 'encoding', pg_encoding_to_char(encoding),
             'tablespace', spcname, 'comment', shobj_description(d.oid, 'pg_database'))
    FROM pg_database d JOIN pg_tablespace t ON t.oid = dattablespace WHERE datname = %s
"""


def describe(session: Session, name: str) -> Database | None:
    """Return a database; None if there is none of that name."""
    found = rows(session, _DESCRIBE, [name], doing=f"looking up database {name}")
    return _database(found[0][0]) if found else None


def _database(row_: dict[str, Any]) -> Database:
    # Newer servers have columns that older ones lack: the provider from 15, ICU rules from 16, datlocale from 17.
    provider = row_.get("datlocprovider")
    return Database(
        oid=row_["oid"],
        name=row_["datname"],
        owner=row_["owner"],
        encoding=row_["encoding"],
        collate=row_["datcollate"],
        ctype=row_["datctype"],
        provider=PROVIDERS[provider] if provider else None,
        locale=row_.get("datlocale") or row_.get("daticulocale"),
        icu_rules=row_.get("daticurules"),
        tablespace=row_["tablespace"],
        connection_limit=row_["datconnlimit"],
        allows_connections=row_["datallowconn"],
        is_template=row_["datistemplate"],
        comment=row_["comment"],
    )


def create_next(session: Session, like: Database) -> int:
    """Create an empty `<db>__next` with `like`'s encoding, locale and tablespace, closed to all others and marked.

    It belongs to the session's role, because its owner could let others in. Returns its oid.
    """
    _create(session, like.next_name, [sql.SQL("TEMPLATE template0"), *_options(like)])
    query = "SELECT oid::int8 FROM pg_database WHERE datname = %s"
    return int(row(session, query, [like.next_name], doing=f"looking up database {like.next_name}")[0])


def clone_next(session: Session, built: Database, sibling: Database, note: str) -> None:
    """Create the sibling's `<db>__next` as a copy of the database that was built for `built`, closed to all others.

    It gets the mark and the note in one transaction.
    """
    # From 15 on the default strategy writes the whole copy to the WAL; older versions copy files anyway.
    is_choice = session.server_version >= 150000  # noqa: PLR2004
    template = sql.SQL("TEMPLATE {}").format(sql.Identifier(built.next_name))
    strategy = [sql.SQL("STRATEGY file_copy")] if is_choice else []
    _create(session, sibling.next_name, [template, *strategy, *_tablespace(sibling)], note)


def _create(session: Session, new: str, options: Sequence[sql.Composable], note: str = "") -> None:
    # CREATE DATABASE lets PUBLIC connect. The database stays closed to everybody until that right is revoked: a session
    # that connects before would not be ended.
    closed = sql.SQL("ALLOW_CONNECTIONS false CONNECTION LIMIT {}").format(sql.Literal(JUST_MADE))
    statement = sql.SQL("CREATE DATABASE {} {} {}").format(sql.Identifier(new), closed, sql.SQL(" ").join(options))
    execute(session, statement, doing=f"creating database {new}")
    _close(session, new, note)


def _close(session: Session, name: str, note: str) -> None:
    """Mark a database that was just created, and let only the session's role, its owner, connect to it."""
    database = sql.Identifier(name)
    steps = (
        sql.SQL("COMMENT ON DATABASE {} IS {}").format(database, sql.Literal(MARK)),
        sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database),
        sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true CONNECTION LIMIT -1").format(database),
    )
    doing = f"closing database {name}"
    with transaction(session, doing=doing):
        for step in steps:
            execute(session, step, doing=doing)
        if note:
            notes.write(session, name, note)


def _options(like: Database) -> list[sql.Composable]:
    options = {"ENCODING": like.encoding, "LC_COLLATE": like.collate, "LC_CTYPE": like.ctype}
    if like.provider:
        options["LOCALE_PROVIDER"] = like.provider
    if like.locale:
        options["BUILTIN_LOCALE" if like.provider == "builtin" else "ICU_LOCALE"] = like.locale
    if like.icu_rules:
        options["ICU_RULES"] = like.icu_rules
    made: list[sql.Composable] = [
        sql.SQL("{} {}").format(sql.SQL(name), sql.Literal(value)) for name, value in options.items()
    ]
    return made + _tablespace(like)


def _tablespace(like: Database) -> list[sql.Composable]:
    # To name a tablespace, even the default one, the role needs CREATE on it.
    if like.tablespace == DEFAULT_TABLESPACE:
        return []
    return [sql.SQL("TABLESPACE {}").format(sql.Identifier(like.tablespace))]


def drop(session: Session, name: str) -> None:
    """Drop a database, if it exists, and end its sessions."""
    statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(identifier(name))
    execute(session, statement, doing=f"dropping database {name}")


def oid_of(session: Session, name: str) -> int | None:
    """Return a database's oid; None if there is none of that name."""
    query = "SELECT (SELECT oid::int8 FROM pg_database WHERE datname = %s)"
    found: int | None = row(session, query, [name], doing=f"looking up database {name}")[0]
    return found
