"""A few rows of a table, for guesses about its columns: bounded in rows, bytes and time. Values go nowhere else.

No code of users runs: values become text by their types' output functions (format() and array_to_string()), never by a
cast, which a user may have defined; only types of the server or of citext are read; and a table over which no query may
be planned (`unplanned`) is not read at all.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from psycopg2 import sql

from datareplication.jobs.model.masking.facts import ColumnFacts
from datareplication.jobs.model.tables import Table
from datareplication.jobs.postgres import source, unplanned
from datareplication.jobs.postgres.connection import Session, classified, execute, identifier, rows, transaction

ROWS = 1000
PATIENCE_SECONDS = 5
LOCK_PATIENCE_SECONDS = 2
SEPARATOR = "\x1f"
"""Between the elements of an array."""

_TEXT, _ARRAY, _DOCUMENT = 300, 2000, 16384
"""The most characters of one value."""

_CELLS = 50_000
"""The most values of one table: a table with very many columns gives fewer rows."""

_BLOCKS = 300
"""From a larger table so many blocks are taken at random; a small one is read from its start."""

_ENUMS = """
    SELECT attrelid::int8, attname FROM pg_attribute JOIN pg_type t ON t.oid = atttypid
    LEFT JOIN pg_type element ON element.oid = t.typelem AND t.typcategory = 'A'
    WHERE attrelid = ANY (%s::oid[]) AND attnum > 0 AND NOT attisdropped AND coalesce(element.typtype, t.typtype) = 'e'
"""

_CHECKS = """
    SELECT attrelid::int8, attname FROM pg_attribute a WHERE attrelid = ANY (%s::oid[]) AND attnum > 0 AND (
        EXISTS (SELECT FROM pg_constraint WHERE contype = 'c' AND conrelid = attrelid AND attnum = ANY (conkey))
        OR EXISTS (SELECT FROM pg_constraint WHERE contype = 'c' AND contypid = atttypid))
"""


def enums(session: Session, oids: Collection[int]) -> set[tuple[int, str]]:
    """Return (oid of a table, column) for the columns whose type is an enum."""
    return {(oid, name) for oid, name in rows(session, _ENUMS, [list(oids)], doing="reading the columns' types")}


def checks(session: Session, oids: Collection[int]) -> set[tuple[int, str]]:
    """Return (oid of a table, column) for the columns that a CHECK constraint reads, the table's or a domain's."""
    return {(oid, name) for oid, name in rows(session, _CHECKS, [list(oids)], doing="reading the CHECK constraints")}


def is_read(column: ColumnFacts) -> bool:
    """Return whether values of a column are looked at."""
    values = column.values
    return values.family in {"Text", "Integer", "Number"} or (values.family == "Json" and not values.is_array)


def sample(session: Session, table: Table, columns: Sequence[ColumnFacts]) -> Mapping[str, list[str]] | None:
    """Return column -> its values that are not NULL; None if no query may be planned over the table.

    TransientError if the table is locked for long, or the query takes too long; DataError if a value is no text of the
    session's encoding, which the encoding SQL_ASCII allows.
    """
    doing = f"looking at rows of {table.schema}.{table.name}"
    with transaction(session, "ISOLATION LEVEL REPEATABLE READ, READ ONLY", doing=doing):
        limits = (
            f"SET LOCAL statement_timeout = '{PATIENCE_SECONDS}s'; SET LOCAL lock_timeout = '{LOCK_PATIENCE_SECONDS}s'"
        )
        execute(session, limits, doing=doing)
        name = identifier(table.schema, table.name)
        execute(session, sql.SQL("LOCK TABLE ONLY {} IN ACCESS SHARE MODE").format(name), doing=doing)
        source.check_is(session, table.schema, table.name, table.oid)
        if unplanned.is_one(session, table.oid):
            return None
        found = _read(session, table, columns, doing)
    return {one.name: [row[place] for row in found if row[place] is not None] for place, one in enumerate(columns)}


def _read(session: Session, table: Table, columns: Sequence[ColumnFacts], doing: str) -> list[tuple[Any, ...]]:
    query = sql.SQL("SELECT {values} FROM ONLY {table} {part} LIMIT {rows}").format(
        values=sql.SQL(", ").join(map(_value, columns)),
        table=identifier(table.schema, table.name),
        part=sql.SQL(_part(table.blocks)),
        rows=sql.Literal(max(50, min(ROWS, _CELLS // len(columns)))),
    )
    with classified(doing, of_rows=True), session.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def _part(blocks: int) -> str:
    return f"TABLESAMPLE SYSTEM ({100 * _BLOCKS / blocks:.6f})" if blocks > 2 * _BLOCKS else ""


def _value(column: ColumnFacts) -> sql.Composable:
    """Return the SQL of a value as text, cut; NULL for one that is large."""
    name = sql.Identifier(column.name)
    text = sql.SQL("pg_catalog.format('%s', {name})").format(name=name)
    if column.values.is_array:
        text = sql.SQL("pg_catalog.array_to_string({name}, {separator})").format(
            name=name, separator=sql.Literal(SEPARATOR)
        )
    if column.values.family == "Json":
        # A document that is cut is none.
        chosen = sql.SQL("CASE WHEN pg_catalog.length({text}) <= {most} THEN {text} END")
    else:
        chosen = sql.SQL("pg_catalog.left({text}, {most})")
    most = _DOCUMENT if column.values.family == "Json" else _ARRAY if column.values.is_array else _TEXT
    return sql.SQL(
        "CASE WHEN {name} IS NOT NULL AND pg_catalog.pg_column_size({name}) <= 65536 THEN {chosen} END"
    ).format(name=name, chosen=chosen.format(text=text, most=sql.Literal(most)))
