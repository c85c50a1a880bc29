"""Sessions: how they are opened, which settings they have, how a statement's error becomes ours.

This is what all sessions of the programs have in common, whatever they are used for.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import psycopg2
from psycopg2 import extensions, sql

from datareplication.errors import RightsError
from datareplication.jobs.model.connections import Connection, Login
from datareplication.jobs.postgres import classify, session_settings
from datareplication.jobs.postgres.conninfo import parameters
from datareplication.jobs.postgres.session_settings import PINNED

R = TypeVar("R")

Session = extensions.connection
Query = str | sql.Composable
Values = Sequence[Any] | Mapping[str, Any]

_PIN = """
    WITH wanted AS MATERIALIZED (
        SELECT name, value, current_setting(name, true) AS setting,
               name <> ALL (%s) OR current_setting('is_superuser')::bool AS is_free
        FROM unnest(%s::text[], %s::text[]) AS w(name, value)
    )
    SELECT name, setting, CASE WHEN is_free THEN set_config(name, value, false) END FROM wanted
    WHERE setting IS NOT NULL AND (is_free OR setting <> value)
"""
"""A setting that the server does not know has no value. The view pg_settings would also say who may change it, but it
makes a row of each setting: that takes the server as long as all else that a new session does."""

_RENEW = """
    SET SESSION AUTHORIZATION DEFAULT; SET ROLE NONE; RESET ALL;
    SELECT set_config(name, value, false) FROM unnest(%s::text[], %s::text[]) AS w(name, value)
"""


def connect(
    connection: Connection,
    application: str,
    database: str | None = None,
    settings: Mapping[str, str] | None = None,
    startup: Mapping[str, str] | None = None,
) -> Session:
    """Open a session in autocommit mode with the pinned settings; `settings` are further settings for it.

    startup: settings that no statement may name; they are in the startup packet only.
    Raises the error of classify.before_connect, or RightsError for a harmful setting that cannot be changed.
    """
    wanted = {**PINNED, **(settings or {})}
    known = {name: value for name, value in wanted.items() if name not in session_settings.NEWER}
    session = _opened(connection, application, database, {**known, **(startup or {})})
    pin(session, settings or {})
    return session


def connect_unpinned(connection: Connection, application: str) -> Session:
    """Open a session whose settings that affect rows are not pinned, so that it sees rows as other programs do."""
    return _opened(connection, application, None, session_settings.UNSHAPED)


def _opened(connection: Connection, application: str, database: str | None, settings: Mapping[str, str]) -> Session:
    wanted = login(connection, application, settings, database)
    try:
        session: Session = psycopg2.connect(extensions.make_dsn(**wanted.parameters), password=wanted.password)
    except psycopg2.Error as error:
        name = wanted.parameters["dbname"]
        raise classify.before_connect(error, connection.prefix, connection.username, name) from error
    session.autocommit = True
    return session


def pin(session: Session, settings: Mapping[str, str]) -> None:
    """Set all pinned settings and these, as far as the server knows them and the role may set them.

    The startup packet has already set most of them, before the server could be queried; but libpq appends values from
    the environment (PGTZ, PGDATESTYLE). Raises RightsError for a harmful value that the role may not change.
    """
    wanted = {**PINNED, **session_settings.NEWER, **session_settings.SUPERUSERS, **settings}
    values = {name: value for name, value in wanted.items() if name not in session_settings.STARTUP_ONLY}
    given = [list(session_settings.SUPERUSERS), list(values), list(values.values())]
    found = rows(session, _PIN, given, doing="session settings")
    for name, setting, value in found:
        if value is None and name in session_settings.HARMFUL:
            remedy = f"reset it for the role, its database or the server (ALTER ROLE ... RESET {name})"
            text = f"{name} is {setting} in the role's sessions, which may lose rows or checks"
            raise RightsError(f"{text}, and the role may not change it: {remedy}", reason="HarmfulSetting")


def renew(session: Session, settings: Mapping[str, str]) -> None:
    """Reset a session to the settings with which it was opened, undoing what code of users has set, then set these.

    settings: only those that the server knows and the role may set, including those of `for_tools`. `pin` would find
    them out, but takes milliseconds, as long as a COPY of a small table.
    """
    values = {name: value for name, value in settings.items() if name not in session_settings.STARTUP_ONLY}
    execute(session, _RENEW, [list(values), list(values.values())], doing="session settings")


def set_if_known(session: Session, settings: Mapping[str, str]) -> None:
    """Set those of the settings that the server knows."""
    query = """
        SELECT set_config(name, value, false) FROM unnest(%s, %s) v(name, value)
        WHERE current_setting(name, true) IS NOT NULL
    """
    execute(session, query, (list(settings), list(settings.values())), doing="session settings")


def for_tools(session: Session) -> dict[str, str]:
    """Return the settings with which PostgreSQL's programs start that log in to this server as the session's role."""
    newer = {**session_settings.NEWER, **session_settings.SUPERUSERS}
    query = """
        SELECT name FROM unnest(%s) name WHERE current_setting(name, true) IS NOT NULL
          AND (name <> ALL (%s) OR current_setting('is_superuser')::bool)
    """
    found = rows(session, query, [list(newer), list(session_settings.SUPERUSERS)], doing="session settings")
    return {**PINNED, **{name: newer[name] for (name,) in found}}


def login(connection: Connection, application: str, settings: Mapping[str, str], database: str | None = None) -> Login:
    """Return how a program of PostgreSQL logs in; `settings` are those with which its sessions start."""
    wanted = {**parameters(connection, database), "application_name": application}
    # A database's owner may set the role that all sessions in it act as, also those of superusers.
    pinned = session_settings.options({"session_authorization": connection.username, **settings})
    wanted["options"] = f"{wanted.get('options', '')} {pinned}".strip()
    return Login(wanted, connection.password)


def without_event_triggers(session: Session) -> None:
    """Stop the database's event triggers from firing on the session's statements; only superusers can create them."""
    query = """
        SELECT set_config('session_replication_role', 'replica', false)
        WHERE EXISTS (SELECT FROM pg_event_trigger WHERE evtenabled = 'O')
    """
    execute(session, query, doing="session settings")


@contextlib.contextmanager
def classified(doing: str, *, of_rows: bool = False) -> Iterator[None]:
    """Turn psycopg2's errors in the body into ours; `doing` says in a few words what is done to which object.

    of_rows: PostgreSQL's messages may quote values of a row; ours do not.
    """
    try:
        yield
    except psycopg2.Error as error:
        raise classify.after_connect(error, doing, of_rows=of_rows) from error


def execute(session: Session, query: Query, values: Values = (), *, doing: str) -> None:
    """Run a statement for its effect."""
    with classified(doing), session.cursor() as cursor:
        cursor.execute(query, values or None)


def rows(session: Session, query: Query, values: Values = (), *, doing: str) -> list[tuple[Any, ...]]:
    """Return all rows of a query; for catalogs, never for data."""
    with classified(doing), session.cursor() as cursor:
        cursor.execute(query, values or None)
        return cursor.fetchall()


def named(cursor: extensions.cursor) -> list[dict[str, Any]]:
    """Return a cursor's rows as dicts by column name; an array becomes a tuple."""
    names = [column.name for column in cursor.description or ()]
    return [
        {name: tuple(value) if isinstance(value, list) else value for name, value in zip(names, one, strict=True)}
        for one in cursor.fetchall()
    ]


def mappings(session: Session, query: Query, values: Values = (), *, doing: str) -> list[dict[str, Any]]:
    """Return all rows of a query like `named`; for catalogs, never for data."""
    with classified(doing), session.cursor() as cursor:
        cursor.execute(query, values or None)
        return named(cursor)


def records(session: Session, query: Query, values: Values = (), *, into: Callable[..., R], doing: str) -> list[R]:
    """Return all rows of a query as values of a dataclass, or of a function that makes one, by column names.

    TypeError if a column is no field, or if a field without a default has no column. So the order of a query's columns
    does not matter.
    """
    return [into(**one) for one in mappings(session, query, values, doing=doing)]


def record(session: Session, query: Query, values: Values = (), *, into: Callable[..., R], doing: str) -> R:
    """Return the one row of a query, like `records`."""
    (only,) = records(session, query, values, into=into, doing=doing)
    return only


def row(session: Session, query: Query, values: Values = (), *, doing: str) -> tuple[Any, ...]:
    """Return the one row of a query."""
    (only,) = rows(session, query, values, doing=doing)
    return only


@contextlib.contextmanager
def transaction(session: Session, mode: str = "", *, doing: str) -> Iterator[None]:
    """Run the body in a transaction of `mode` (`ISOLATION LEVEL …`); an error rolls it back."""
    execute(session, f"BEGIN {mode}", doing=doing)
    try:
        yield
    except BaseException:
        with contextlib.suppress(Exception):
            execute(session, "ROLLBACK", doing=doing)
        raise
    execute(session, "COMMIT", doing=doing)


def identifier(*names: str) -> sql.Identifier:
    """Return a quoted, qualified name."""
    return sql.Identifier(*names)
