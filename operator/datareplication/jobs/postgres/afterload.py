"""The after-load SQL: a team's own script, run in the loaded database before anybody can see it.

It owns reading the file, the settings and the one transaction it runs in, and what a failure of it says. It refuses to
quote the script, which may hold secrets: a message has a line and PostgreSQL's own words, never DETAIL or CONTEXT.
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
"""An SQLSTATE of our own, raised before the first statement of a script that is only to be parsed."""

SYNTAX_ERROR = "42601"

_META_COMMAND = re.compile(r"^[ \t]*\\", re.MULTILINE)

_TOKEN = re.compile(r" at or near \"(?!\w{1,20}\"|[^\w'$]\").*\"(?= \(SQLSTATE)", re.DOTALL)
"""A piece of the script that a syntax error quotes, unless it is a word or a sign: a literal, or all that follows one
that is not closed."""

_SEARCH_PATH = """
    SELECT substr(setting, length('search_path=') + 1)
    FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) AS c(setting)
    WHERE s.setrole = 0 AND s.setdatabase = (SELECT oid FROM pg_database WHERE datname = %s)
      AND lower(setting) LIKE 'search\\_path=%%'
"""

_TRANSACTION_COMMANDS = (
    "; it cannot begin, end or save the transaction (BEGIN, COMMIT, ROLLBACK, SAVEPOINT): its work and the load's are "
    "shown together or not at all"
)
_REMEDIES = (
    (r"transaction commands|invalid transaction termination", _TRANSACTION_COMMANDS),
    (r"COPY to/from client", "; there is no client to COPY from or to: use INSERT … VALUES"),
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
"""Rows that a script changes pass through triggers, rules, constraints and indexes."""


@dataclass(frozen=True)
class Left:
    """What is still to be done when the script is through, whatever it dropped, renamed or made.

    materialized_views: to refresh, in this order. tables: to analyze, largest first.
    """

    materialized_views: Sequence[MaterializedView]
    tables: Sequence[Shape]


def read(path: Path | None) -> str:
    """Return the script, empty when there is none.

    A file that is missing, cannot be read, is not UTF-8 or holds a command of psql is a UsageError.
    """
    if path is None:
        return ""
    try:
        script = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"{DOING}: cannot read {path}: {error.strerror}", reason="CannotReadAfterLoad") from None
    except UnicodeDecodeError:
        raise UsageError(f"{DOING}: {path} is not UTF-8", reason="CannotReadAfterLoad") from None
    if "\0" in script:  # libpq would take it for the end
        raise UsageError(f"{DOING}, line {_line(script, script.index(chr(0)))}: a NUL character", reason=REASON)
    if found := _META_COMMAND.search(script):
        text = f"{DOING}, line {_line(script, found.start())} starts with a backslash"
        raise UsageError(f"{text}: commands of psql (\\set, \\i, …) are not SQL", reason=REASON)
    return script if script.strip() else ""


def check_syntax(session: Session, script: str) -> None:
    """Let the server parse the script and run nothing of it; a syntax error is a DataError.

    session: of the server that will run it, in autocommit mode. A load takes hours; a missing comma shows now.
    """
    # PostgreSQL parses a text as a whole before its first statement, which here ends it, runs.
    first = f"DO $$ BEGIN RAISE 'parsed' USING ERRCODE = '{ENDED_BEFORE_IT_BEGAN}'; END $$; "
    try:
        with session.cursor() as cursor:
            cursor.execute(_embedded(session, first + script))
    except psycopg2.Error as error:
        if error.pgcode == SYNTAX_ERROR:
            raise _failure(error, script, len(first)) from None


def search_path(session: Session, database: str) -> str:
    """Return the search_path that sessions of `database` start with: its own setting, else PostgreSQL's default."""
    found = rows(session, _SEARCH_PATH, [database], doing=f"reading the settings of database {database}")
    return str(found[0][0]) if found else DEFAULT_SEARCH_PATH


def may_set_off_code(session: Session) -> bool:
    """Return whether the loaded database holds code of its own, functions or rules, that a script may set off."""
    return bool(row(session, _HAS_CODE, doing="looking up functions and rules")[0])


def run(session: Session, script: str, stop: Stop, path: str, views: Sequence[MaterializedView]) -> Left:
    """Run the script in one transaction of its own; return what is then left to do.

    session: to the loaded database, of the script's own. path: its search_path. views: those to refresh,
    which the script finds empty. A failure is what `execute` raises, and nothing of the script's work remains.
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
    """Remove the statistics of tables without rows, when all others were analyzed; return the tables that keep them.

    ANALYZE leaves those of an empty table as they are, samples of values that autovacuum took before the script ran.
    is_superuser: whether the session's role is one; no other may remove them.
    """
    emptied = rows(session, _EMPTIED, doing="looking up statistics of empty tables")
    if not is_superuser:
        return [name for name, _ in emptied]
    for name, oid in emptied:
        connection.execute(session, _FORGET, {"oid": oid}, doing=f"removing the statistics of {name}")
    return []


def execute(session: Session, script: str, path: str = DEFAULT_SEARCH_PATH) -> None:
    """Run the script in the transaction that the session has open, which the script cannot end.

    path: its search_path. Afterwards the session's settings are those that it was opened with. Raises DataError for
    what is wrong with the script or the data, TransientError and CapabilityError where the server is to blame.
    """
    connection.execute(session, "SELECT set_config('search_path', %s, false)", [path], doing=DOING)
    try:
        with session.cursor() as cursor:
            # Its last statement is ours: EXECUTE refuses a text that ends in SELECT INTO.
            cursor.execute(_embedded(session, script + _LAST))
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL")
    except psycopg2.Error as error:
        raise _failure(error, script) from None
    connection.pin(session, {})


_LAST = "\n; SELECT 1"


def _embedded(session: Session, script: str) -> sql.Composable:
    """Return the script as what a DO block executes.

    In a block PostgreSQL refuses the commands that would end the transaction before it does anything, where it would
    otherwise carry them out: a COMMIT would show what has been done by then.
    """
    body = sql.SQL("BEGIN EXECUTE {}; END").format(sql.Literal(script)).as_string(session)
    return sql.SQL("DO LANGUAGE plpgsql {}").format(sql.Literal(body))


def _failure(error: psycopg2.Error, script: str, offset: int = 0) -> ReplicationError:
    """Return our error. offset: characters that stood before the script."""
    known = classify.after_connect(error, DOING + _where(error, script, offset))
    is_servers = isinstance(known, CapabilityError) and (error.pgcode or "").startswith(("53", "58"))
    if isinstance(known, TransientError) or is_servers:
        return known
    remedy = next((remedy for pattern, remedy in _REMEDIES if re.search(pattern, error.diag.message_primary or "")), "")
    return DataError(_TOKEN.sub("", known.message) + remedy, reason=REASON)


def _where(error: psycopg2.Error, script: str, offset: int) -> str:
    """Return the line that PostgreSQL points at; it points at none when a statement fails while it runs."""
    position, query = error.diag.internal_position, error.diag.internal_query
    if not position or query is None or query[offset : offset + len(script)] != script:
        return ""  # of a function's text, for example
    return f", line {_line(script, min(int(position) - 1 - offset, len(script)))}"


def _line(script: str, index: int) -> int:
    return script.count("\n", 0, index) + 1
