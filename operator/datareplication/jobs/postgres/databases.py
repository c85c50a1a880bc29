"""Databases as a whole, seen from the maintenance database: what they are, making one, dropping one.

It owns the names `<db>__next` and `<db>__previous` and the mark by which a left-over is known as ours.
"""

from dataclasses import dataclass
from typing import Any

from psycopg2 import sql

from datareplication.jobs.postgres.connection import Session, execute, identifier, row, rows

NEXT_SUFFIX = "__next"
PREVIOUS_SUFFIX = "__previous"
LONGEST_NAME_BYTES = 51
"""PostgreSQL cuts a name at 63 bytes; 12 are left for a suffix."""

MARK = "datareplication: being loaded, dropped if the load fails"
"""Comment of `<db>__next` from its creation to the swap."""

REPLACED_MARK = "datareplication: replaced by "
"""How the comment of a `<db>__previous` begins that a rollback put aside: the oid that the target's provenance knows is
then another one."""

DEFAULT_TABLESPACE = "pg_default"
PROVIDERS = {"c": "libc", "i": "icu", "b": "builtin"}

_DESCRIBE = """
    SELECT to_jsonb(d) - 'datacl' || jsonb_build_object(
             'oid', d.oid::int8, 'owner', pg_get_userbyid(datdba), 'encoding', pg_encoding_to_char(encoding),
             'tablespace', spcname, 'comment', shobj_description(d.oid, 'pg_database'))
    FROM pg_database d JOIN pg_tablespace t ON t.oid = dattablespace WHERE datname = %s
"""


@dataclass(frozen=True)
class Database:
    """A database as the catalogs have it. provider: `libc`, `icu` or `builtin`; locale: of the latter two."""

    oid: int
    name: str
    owner: str
    encoding: str
    collate: str
    ctype: str
    provider: str | None
    locale: str | None
    icu_rules: str | None
    tablespace: str
    connection_limit: int
    allows_connections: bool
    is_template: bool
    comment: str | None

    @property
    def next_name(self) -> str:
        """Name of the database that is to replace it."""
        return self.name + NEXT_SUFFIX

    @property
    def previous_name(self) -> str:
        """Name that it gets when it is replaced."""
        return self.name + PREVIOUS_SUFFIX


def rollback_mark(run_uid: str) -> str:
    """Return the comment of what a run's rollback put aside; an empty uid stands for a rollback by hand."""
    return REPLACED_MARK + (f"run {run_uid}" if run_uid else "a rollback by hand")


def describe(session: Session, name: str) -> Database | None:
    """Return a database, None when there is none of that name."""
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


def create_next(session: Session, like: Database, owner: str) -> None:
    """Create an empty `<db>__next` with `like`'s encoding, locale and tablespace, closed to the public and marked."""
    name, doing = sql.Identifier(like.next_name), f"creating database {like.next_name}"
    statement = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 {}")
    execute(session, statement.format(name, sql.Identifier(owner), sql.SQL(" ").join(_options(like))), doing=doing)
    execute(session, sql.SQL("COMMENT ON DATABASE {} IS {}").format(name, sql.Literal(MARK)), doing=doing)
    execute(session, sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name), doing=doing)


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
    # Naming even the default one would need a right that nobody has to have.
    if like.tablespace != DEFAULT_TABLESPACE:
        made.append(sql.SQL("TABLESPACE {}").format(sql.Identifier(like.tablespace)))
    return made


def drop(session: Session, name: str) -> None:
    """Drop a database with its sessions, if it is there."""
    statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(identifier(name))
    execute(session, statement, doing=f"dropping database {name}")


def oid_of(session: Session, name: str) -> int | None:
    """Return a database's oid, None when there is none of that name."""
    query = "SELECT (SELECT oid::int8 FROM pg_database WHERE datname = %s)"
    found: int | None = row(session, query, [name], doing=f"looking up database {name}")[0]
    return found
