"""Sessions: how they are opened, how they are set, how a statement's error becomes ours.

It owns what every session of the programs has in common. It refuses to know what is asked in it.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import psycopg2
from psycopg2 import extensions, sql

from datareplication.jobs.postgres import classify
from datareplication.jobs.postgres.conninfo import parameters
from datareplication.jobs.settings import Connection

Session = extensions.connection
Query = str | sql.Composable
Values = Sequence[Any] | Mapping[str, Any]

SERVER_SETTINGS: Mapping[str, str] = {
    "search_path": "",
    "row_security": "off",
    "DateStyle": "ISO",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "extra_float_digits": "3",
    "bytea_output": "hex",
    "lc_monetary": "C",
    "xmloption": "content",
    "quote_all_identifiers": "off",
    "standard_conforming_strings": "on",
    "synchronize_seqscans": "off",
    "default_transaction_isolation": "read\\ committed",
    "default_transaction_read_only": "off",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "client_min_messages": "warning",
    "jit": "off",
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}
"""What every session sets in its startup packet, before a search_path of the role or database can matter.

Those that shape text are the ones pg_dump sets, and lc_monetary, without which money does not survive a change of
locale. The server's own keepalives free the locks of a client whose machine has gone.
"""

NEWER_SETTINGS: Mapping[str, str] = {"idle_session_timeout": "0", "transaction_timeout": "0"}
"""Settings that not all supported servers know; a startup packet with an unknown one is refused."""


def connect(
    connection: Connection, application: str, database: str | None = None, settings: Mapping[str, str] | None = None
) -> Session:
    """Open a session in autocommit mode; `settings` are further settings of the server for it.

    Raises what classify.before_connect makes of a failure.
    """
    wanted = parameters(connection, database)
    options = " ".join(f"-c {name}={value}" for name, value in {**SERVER_SETTINGS, **(settings or {})}.items())
    wanted["options"] = f"{wanted.get('options', '')} {options}".strip()
    wanted["application_name"] = application
    try:
        session: Session = psycopg2.connect(extensions.make_dsn(**wanted), password=connection.password)
    except psycopg2.Error as error:
        raise classify.before_connect(error, connection.prefix, connection.username, wanted["dbname"]) from error
    session.autocommit = True
    set_if_known(session, NEWER_SETTINGS)
    return session


def set_if_known(session: Session, settings: Mapping[str, str]) -> None:
    """Set those of the settings that the server knows."""
    query = "SELECT set_config(name, value, false) FROM unnest(%s, %s) v(name, value) JOIN pg_settings USING (name)"
    execute(session, query, (list(settings), list(settings.values())), doing="session settings")


def known(session: Session, settings: Mapping[str, str]) -> dict[str, str]:
    """Return those of the settings that the server knows."""
    found = rows(session, "SELECT name FROM pg_settings WHERE name = ANY(%s)", [list(settings)], doing="settings")
    return {name: settings[name] for (name,) in found}


def without_event_triggers(session: Session) -> None:
    """Keep the database's event triggers, which only superusers can make, from the session's statements."""
    query = """
        SELECT set_config('session_replication_role', 'replica', false)
        WHERE EXISTS (SELECT FROM pg_event_trigger WHERE evtenabled = 'O')
    """
    execute(session, query, doing="session settings")


@contextlib.contextmanager
def classified(doing: str) -> Iterator[None]:
    """Turn psycopg2's errors in the body into ours; `doing` says in a few words what is done to which object."""
    try:
        yield
    except psycopg2.Error as error:
        raise classify.after_connect(error, doing) from error


def execute(session: Session, query: Query, values: Values = (), *, doing: str) -> None:
    """Run a statement for its effect."""
    with classified(doing), session.cursor() as cursor:
        cursor.execute(query, values or None)


def rows(session: Session, query: Query, values: Values = (), *, doing: str) -> list[tuple[Any, ...]]:
    """Return all rows of a query; for catalogs, never for data."""
    with classified(doing), session.cursor() as cursor:
        cursor.execute(query, values or None)
        return cursor.fetchall()


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
