"""Sessions: how they are opened, how they are set, how a statement's error becomes ours.

It owns what every session of the programs has in common. It refuses to know what is asked in it.
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
        SELECT name, value, setting, context = 'user' OR current_setting('is_superuser')::bool AS is_free
        FROM unnest(%s::text[], %s::text[]) AS w(name, value) JOIN pg_settings USING (name)
    )
    SELECT name, setting, CASE WHEN is_free THEN set_config(name, value, false) END FROM wanted
    WHERE is_free OR setting <> value
"""

_RENEW = """
    SET SESSION AUTHORIZATION DEFAULT; SET ROLE NONE; RESET ALL;
    SELECT set_config(name, value, false) FROM unnest(%s::text[], %s::text[]) AS w(name, value)
"""


def connect(
    connection: Connection, application: str, database: str | None = None, settings: Mapping[str, str] | None = None
) -> Session:
    """Open a session in autocommit mode, pinned; `settings` are further settings of the server for it.

    Raises what classify.before_connect makes of a failure, RightsError for a harmful setting that stays.
    """
    wanted = {**PINNED, **(settings or {})}
    known = {name: value for name, value in wanted.items() if name not in session_settings.NEWER}
    session = _opened(connection, application, database, known)
    pin(session, settings or {})
    return session


def connect_unpinned(connection: Connection, application: str) -> Session:
    """Open a session that sees rows as any other program's would; nothing else of the role's settings holds."""
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
    """Give all pinned settings and these their values, those that the server knows and the role may set.

    The startup packet did so before anything could be asked; libpq puts what the environment says (PGTZ, PGDATESTYLE)
    behind it. Raises RightsError for a harmful value that the role may not change.
    """
    wanted = {**PINNED, **session_settings.NEWER, **session_settings.SUPERUSERS, **settings}
    values = {name: value for name, value in wanted.items() if name not in session_settings.STARTUP_ONLY}
    found = rows(session, _PIN, [list(values), list(values.values())], doing="session settings")
    for name, setting, value in found:
        if value is None and name in session_settings.HARMFUL:
            remedy = f"reset it for the role, its database or the server (ALTER ROLE ... RESET {name})"
            text = (
                f"{name} is {setting} in the role's sessions, which may lose rows or checks, and it may not change it"
            )
            raise RightsError(f"{text}: {remedy}", reason="HarmfulSetting")


def renew(session: Session, settings: Mapping[str, str]) -> None:
    """Give a session back what it was opened with, whatever code of users has set in it since, then set these.

    settings: those that the server knows and the role may set, `for_tools` among them: `pin`, which asks for that,
    takes milliseconds, a COPY of a small table no more.
    """
    values = {name: value for name, value in settings.items() if name not in session_settings.STARTUP_ONLY}
    execute(session, _RENEW, [list(values), list(values.values())], doing="session settings")


def set_if_known(session: Session, settings: Mapping[str, str]) -> None:
    """Set those of the settings that the server knows."""
    query = "SELECT set_config(name, value, false) FROM unnest(%s, %s) v(name, value) JOIN pg_settings USING (name)"
    execute(session, query, (list(settings), list(settings.values())), doing="session settings")


def for_tools(session: Session) -> dict[str, str]:
    """Return what PostgreSQL's own programs are to start with that log in as the session's role to its server."""
    newer = {**session_settings.NEWER, **session_settings.SUPERUSERS}
    query = """
        SELECT name FROM pg_settings
        WHERE name = ANY(%s) AND (context = 'user' OR current_setting('is_superuser')::bool)
    """
    found = rows(session, query, [list(newer)], doing="session settings")
    return {**PINNED, **{name: newer[name] for (name,) in found}}


def login(connection: Connection, application: str, settings: Mapping[str, str], database: str | None = None) -> Login:
    """Return how a program of PostgreSQL's logs in; `settings` are those that its sessions start with."""
    wanted = {**parameters(connection, database), "application_name": application}
    # A database's owner may set whom its sessions act as, superusers' too.
    pinned = session_settings.options({"session_authorization": connection.username, **settings})
    wanted["options"] = f"{wanted.get('options', '')} {pinned}".strip()
    return Login(wanted, connection.password)


def without_event_triggers(session: Session) -> None:
    """Keep the database's event triggers, which only superusers can make, from the session's statements."""
    query = """
        SELECT set_config('session_replication_role', 'replica', false)
        WHERE EXISTS (SELECT FROM pg_event_trigger WHERE evtenabled = 'O')
    """
    execute(session, query, doing="session settings")


@contextlib.contextmanager
def classified(doing: str, *, of_rows: bool = False) -> Iterator[None]:
    """Turn psycopg2's errors in the body into ours; `doing` says in a few words what is done to which object.

    of_rows: they may quote a row's values, which ours do not.
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
    """Return the rows that a cursor has, each by its columns' names; an array as a tuple."""
    names = [column.name for column in cursor.description or ()]
    return [
        {name: tuple(value) if isinstance(value, list) else value for name, value in zip(names, one, strict=True)}
        for one in cursor.fetchall()
    ]


def mappings(session: Session, query: Query, values: Values = (), *, doing: str) -> list[dict[str, Any]]:
    """Return all rows of a query as `named` does; for catalogs, never for data."""
    with classified(doing), session.cursor() as cursor:
        cursor.execute(query, values or None)
        return named(cursor)


def records(session: Session, query: Query, values: Values = (), *, into: Callable[..., R], doing: str) -> list[R]:
    """Return all rows of a query as values of a dataclass, or of what makes one, by names.

    Each column must be a field of it, by its name, and no field without a default may be missing: else it raises
    TypeError. So a query whose columns change their order still tells the truth.
    """
    return [into(**one) for one in mappings(session, query, values, doing=doing)]


def record(session: Session, query: Query, values: Values = (), *, into: Callable[..., R], doing: str) -> R:
    """Return the one row of a query, as `records` does."""
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
