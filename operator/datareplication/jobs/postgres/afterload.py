"""The after-load SQL: a team's own script, run in the loaded database before anybody can see it.

This module reads the file, runs it with its settings in one transaction, and reports its failure. It never quotes the
script, which may hold secrets: a message has a line number and PostgreSQL's own words, but no DETAIL or CONTEXT.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg2
from psycopg2 import sql

from datareplication.core.reasons import Reason
from datareplication.errors import CapabilityError, DataError, ReplicationError, TransientError, UsageError
from datareplication.jobs.frame.stop import Stop
from datareplication.jobs.model.manifest import MaterializedView
from datareplication.jobs.model.tables import Shape
from datareplication.jobs.postgres import classify, connection
from datareplication.jobs.postgres.catalog import USER_CLASS
from datareplication.jobs.postgres.connection import Session, row, rows, transaction

REASON: Reason = "AfterLoadFailed"
DOING = "after-load SQL"
DEFAULT_SEARCH_PATH = '"$user", public'

ENDED_BEFORE_IT_BEGAN = "DR001"
"""An SQLSTATE of our own. It is raised before the first statement of a script that must only be parsed."""

SYNTAX_ERROR = "42601"

_META_COMMAND = re.compile(r"^[ \t]*\\", re.MULTILINE)

_TOKEN = re.compile(r" at or near \"(?!\w{1,20}\"|[^\w'$]\").*\"(?= \(SQLSTATE)", re.DOTALL)
"""The part of the script that a syntax error quotes, unless it is one word or one sign: it may be a literal, or all the
text after a literal that is not closed."""

_SEARCH_PATH = """
    SELECT substr(setting, length('search_path=') + 1)
    FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) AS c(setting)
    WHERE s.setrole = 0 AND s.setdatabase = (SELECT oid FROM pg_database WHERE datname = %s)
      AND lower(setting) LIKE 'search\\_path=%%'
"""

_TRANSACTION_COMMANDS = (
    "; the script cannot begin, end or save the transaction (BEGIN, COMMIT, ROLLBACK, SAVEPOINT): its changes and the "
    "load's become visible together or not at all"
)
_REMEDIES = (
    (r"transaction commands|invalid transaction termination", _TRANSACTION_COMMANDS),
    (r"COPY to/from client", "; there is no client for COPY: use INSERT … VALUES"),
    (r"^syntax error at or near \"\\", "; commands of psql (\\set, \\i, …) are not SQL"),
)
"""PostgreSQL's message -> what to do about it."""

_VIEWS = """
    SELECT c.oid::int8 FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS v(schema, name, position)
    JOIN pg_namespace n ON n.nspname = v.schema JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = v.name
    ORDER BY position
"""
_VIEWS_LEFT = """
    SELECT n.nspname, c.relname FROM unnest(%s::oid[]) WITH ORDINALITY AS v(oid, position)
    JOIN pg_class c ON c.oid = v.oid AND c.relkind = 'm' JOIN pg_namespace n ON n.oid = c.relnamespace ORDER BY position
"""
_TABLES_LEFT = f"""
    SELECT n.nspname, c.relname {USER_CLASS} AND c.relkind = 'r' AND pg_relation_size(c.oid) > 0
    ORDER BY pg_table_size(c.oid) DESC, 1, 2
"""

_EMPTIED = f"""
    SELECT format('%I.%I', n.nspname, c.relname), c.oid::int8 {USER_CLASS}
      AND c.relkind IN ('r', 'm') AND c.reltuples <= 0
      AND EXISTS (SELECT FROM pg_stats s WHERE s.schemaname = n.nspname AND s.tablename = c.relname)
    ORDER BY 1
"""  # noqa: S608 - constants only

_FORGET = """
    WITH relation AS (SELECT %(oid)s::oid AS oid UNION ALL SELECT indexrelid FROM pg_index WHERE indrelid = %(oid)s),
    extended AS (DELETE FROM pg_statistic_ext_data
                 WHERE stxoid IN (SELECT oid FROM pg_statistic_ext WHERE stxrelid = %(oid)s))
    DELETE FROM pg_statistic WHERE starelid IN (SELECT oid FROM relation)
"""


_HAS_CODE = """
    SELECT EXISTS (SELECT FROM pg_proc p WHERE p.oid >= 16384 AND NOT EXISTS (
        SELECT FROM pg_depend WHERE (classid, objid, deptype) = ('pg_proc'::regclass, p.oid, 'e')))
      OR EXISTS (SELECT FROM pg_rewrite r WHERE r.oid >= 16384 AND r.rulename <> '_RETURN')
"""
"""Changed rows fire triggers and rules, and are checked and indexed: all of these may call functions."""


@dataclass(frozen=True)
class Left:
    """What is left to do after the script, which may have dropped, renamed and created objects.

    materialized_views: to refresh, in this order. tables: to analyze, largest first.
    """

    materialized_views: Sequence[MaterializedView]
    tables: Sequence[Shape]


def read(path: Path | None) -> str:
    """Return the script; empty if there is none.

    UsageError if the file is missing, cannot be read, is not UTF-8, or holds a command of psql.
    """
    if path is None:
        return ""
    try:
        script = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"{DOING}: cannot read {path}: {error.strerror}", reason="CannotReadAfterLoad") from None
    except UnicodeDecodeError:
        raise UsageError(f"{DOING}: {path} is not UTF-8", reason="CannotReadAfterLoad") from None
    if "\0" in script:  # libpq would take NUL for the end of the script
        raise UsageError(f"{DOING}, line {_line(script, script.index(chr(0)))}: a NUL character", reason=REASON)
    if found := _META_COMMAND.search(script):
        text = f"{DOING}, line {_line(script, found.start())} starts with a backslash"
        raise UsageError(f"{text}: commands of psql (\\set, \\i, …) are not SQL", reason=REASON)
    return script if script.strip() else ""


def check_syntax(session: Session, script: str) -> None:
    """Let the server parse the script without running any of it; a syntax error is a DataError.

    A load takes hours, so a missing comma is found before. session: to the server that will run it, in autocommit mode.
    """
    # PostgreSQL parses the whole text before it runs the first statement. Here the first statement raises an error.
    first = f"DO $$ BEGIN RAISE 'parsed' USING ERRCODE = '{ENDED_BEFORE_IT_BEGAN}'; END $$; "
    try:
        with session.cursor() as cursor:
            cursor.execute(_embedded(session, first + script))
    except psycopg2.Error as error:
        if error.pgcode == SYNTAX_ERROR:
            raise _failure(error, script, len(first)) from None


def search_path(session: Session, database: str) -> str:
    """Return the search_path with which sessions of `database` start: its own setting, or PostgreSQL's default."""
    found = rows(session, _SEARCH_PATH, [database], doing=f"reading the settings of database {database}")
    return str(found[0][0]) if found else DEFAULT_SEARCH_PATH


def may_set_off_code(session: Session) -> bool:
    """Return whether the loaded database holds functions or rules of users, which the script's statements may run."""
    return bool(row(session, _HAS_CODE, doing="looking up functions and rules")[0])


def run(session: Session, script: str, stop: Stop, path: str, views: Sequence[MaterializedView]) -> Left:
    """Run the script in one transaction of its own; return what is left to do afterwards.

    session: to the loaded database, used for nothing else. path: the script's search_path. views: those to refresh; for
    the script they are still empty. Errors are those of `execute`; after an error nothing of the script's work is left.
    """
    names = [[view.schema for view in views], [view.name for view in views]]
    with stop.interrupting(session.cancel):
        oids = [oid for (oid,) in rows(session, _VIEWS, names, doing="looking up materialized views")]
        with transaction(session, doing=DOING):
            execute(session, script, path)
        found = rows(session, _VIEWS_LEFT, [oids], doing="looking up materialized views")
        tables = [Shape(schema, name, ()) for schema, name in rows(session, _TABLES_LEFT, doing="looking up tables")]
    return Left([MaterializedView(schema, name) for schema, name in found], tables)


def forget(session: Session, *, is_superuser: bool) -> list[str]:
    """Remove the statistics of tables without rows, after all other tables were analyzed.

    ANALYZE does not change an empty table's statistics, which may hold samples of values that autovacuum took before
    the script ran. is_superuser: whether the session's role is a superuser; only a superuser can remove statistics.
    Returns the tables that keep their old statistics.
    """
    emptied = rows(session, _EMPTIED, doing="looking up statistics of empty tables")
    if not is_superuser:
        return [name for name, _ in emptied]
    for name, oid in emptied:
        connection.execute(session, _FORGET, {"oid": oid}, doing=f"removing the statistics of {name}")
    return []


def execute(session: Session, script: str, path: str = DEFAULT_SEARCH_PATH) -> None:
    """Run the script in the session's open transaction, which the script cannot end.

    path: the script's search_path. Afterwards the session has the settings with which it was opened. DataError if the
    script or the data is wrong, TransientError or CapabilityError if the server is the cause.
    """
    connection.execute(session, "SELECT set_config('search_path', %s, false)", [path], doing=DOING)
    try:
        with session.cursor() as cursor:
            # _LAST adds a last statement: EXECUTE refuses a text that ends with SELECT INTO.
            cursor.execute(_embedded(session, script + _LAST))
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL")
    except psycopg2.Error as error:
        raise _failure(error, script) from None
    connection.pin(session, {})


_LAST = "\n; SELECT 1"


def _embedded(session: Session, script: str) -> sql.Composable:
    """Return a DO block that executes the script.

    In a DO block PostgreSQL refuses commands that would end the transaction. Outside of it they would be carried out: a
    COMMIT would make visible what has been done until then.
    """
    body = sql.SQL("BEGIN EXECUTE {}; END").format(sql.Literal(script)).as_string(session)
    return sql.SQL("DO LANGUAGE plpgsql {}").format(sql.Literal(body))


def _failure(error: psycopg2.Error, script: str, offset: int = 0) -> ReplicationError:
    """Return our error. offset: number of characters that were sent before the script."""
    known = classify.after_connect(error, DOING + _where(error, script, offset))
    is_servers = isinstance(known, CapabilityError) and (error.pgcode or "").startswith(("53", "58"))
    if isinstance(known, TransientError) or is_servers:
        return known
    remedy = next((remedy for pattern, remedy in _REMEDIES if re.search(pattern, error.diag.message_primary or "")), "")
    return DataError(_TOKEN.sub("", known.message) + remedy, reason=REASON)


def _where(error: psycopg2.Error, script: str, offset: int) -> str:
    """Return the line that PostgreSQL points at, or an empty text: for a statement that fails later it names none."""
    position, query = error.diag.internal_position, error.diag.internal_query
    if not position or query is None or query[offset : offset + len(script)] != script:
        return ""  # the position is in another text, for example a function's
    return f", line {_line(script, min(int(position) - 1 - offset, len(script)))}"


def _line(script: str, index: int) -> int:
    return script.count("\n", 0, index) + 1
