"""The statements for COPY, out and in, as CSV.

They know no files, only streams with write() or read().
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from psycopg2 import sql

from datareplication.jobs.model.manifest import CSV_NULL, MaterializedView
from datareplication.jobs.model.manifest import Sequence as State
from datareplication.jobs.model.tables import Blocks, Shape
from datareplication.jobs.postgres import shaping
from datareplication.jobs.postgres.connection import (
    Session,
    classified,
    execute,
    identifier,
    row,
    transaction,
    without_event_triggers,
)

READ_BYTES = 256 << 10
"""How much COPY FROM reads at a time. From 64 KiB on, the cost of the calls cannot be measured."""


class Writable(Protocol):
    """Where COPY TO writes."""

    def write(self, data: bytes, /) -> object:
        """Take one row."""
        ...


class Readable(Protocol):
    """Where COPY FROM reads."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes; empty at the end."""
        ...


class Nowhere:
    """Takes rows and drops them."""

    def write(self, data: bytes, /) -> None:
        """Take one row."""


Columns = Mapping[str, sql.Composable]
"""Column -> its SQL, in the table's order; empty if no column is masked."""


def in_order(found: Columns, columns: Sequence[str]) -> list[sql.Composable]:
    """Return the SQL of these columns; nothing if none is masked."""
    return [found[column] for column in columns] if found else []


@dataclass(frozen=True)
class Choice:
    """What of a table's rows is copied. Anything but the default is a planned query: never for an `unplanned` table."""

    blocks: Blocks | None = None
    condition: str = ""
    """SQL of an extension (`WHERE …`) that selects rows; not together with blocks."""

    masked: Sequence[sql.Composable] = ()
    """The SQL of each column, if one of them is masked."""

    joins: Sequence[sql.Composable] = ()
    """What is joined to the table for the masked columns: one row each."""

    @property
    def is_everything(self) -> bool:
        """Whether the whole table is copied as it is, which plans nothing."""
        return self.blocks is None and not self.condition and not self.masked


EVERYTHING = Choice()


def copy_out(session: Session, shape: Shape, stream: Writable, choice: Choice = EVERYTHING) -> int:
    """Write a table's rows (only its own, never its children's), or the chosen ones; return how many."""
    table, masked = identifier(shape.schema, shape.name), choice.masked
    where = _range(choice.blocks) if choice.blocks else sql.SQL(choice.condition)
    if choice.is_everything:
        what: sql.Composable = sql.SQL("{} {}").format(table, _column_list(shape))
    else:
        columns = masked or [sql.Identifier(column) for column in shape.columns]
        what = _chosen_rows(sql.SQL(", ").join([table, *choice.joins]), columns, where)
    statement = sql.SQL("COPY {} TO STDOUT WITH ({})").format(what, _options(shape))
    # An expression's error may quote the value that it masks.
    doing, of_rows = f"copying {shape.schema}.{shape.name}", bool(masked)
    with classified(doing, of_rows=of_rows), session.cursor() as cursor:
        cursor.copy_expert(statement, stream)
        return int(cursor.rowcount)


def copy_in(session: Session, shape: Shape, stream: Readable, *, freeze: bool) -> int:
    """Add rows to a table, inside the caller's transaction; return how many.

    freeze: the rows need no VACUUM later; allowed only in the transaction that emptied the table.
    """
    table = sql.SQL("{} {}").format(identifier(shape.schema, shape.name), _column_list(shape))
    options = sql.SQL("{}, FREEZE").format(_options(shape)) if freeze else _options(shape)
    statement = sql.SQL("COPY {} FROM STDIN WITH ({})").format(table, options)
    with classified(f"loading {shape.schema}.{shape.name}", of_rows=True), session.cursor() as cursor:
        cursor.copy_expert(statement, stream, READ_BYTES)  # type: ignore[arg-type] # it never calls readline()
        return int(cursor.rowcount)


def empty(session: Session, shape: Shape) -> None:
    """Truncate a table that this load created, so that COPY may freeze rows and skip the WAL."""
    statement = sql.SQL("TRUNCATE ONLY {}").format(identifier(shape.schema, shape.name))
    execute(session, statement, doing=f"emptying {shape.schema}.{shape.name}")


def count(session: Session, shape: Shape) -> int:
    """Return how many rows a table has, without its children's."""
    query = sql.SQL("SELECT count(*) FROM ONLY {}").format(identifier(shape.schema, shape.name))
    return int(row(session, query, doing=f"counting {shape.schema}.{shape.name}")[0])


def count_unplanned(session: Session, shape: Shape) -> int:
    """Return the same without planning a query (see `unplanned`); this reads every row."""
    return copy_out(session, replace(shape, columns=()), Nowhere())


def analyze(session: Session, shapes: Sequence[Shape]) -> None:
    """Gather statistics of tables."""
    names = sql.SQL(", ").join(identifier(shape.schema, shape.name) for shape in shapes)
    execute(session, sql.SQL("ANALYZE {}").format(names), doing="analyzing tables")


def refresh(session: Session, view: MaterializedView, settings: Mapping[str, str]) -> None:
    """Fill a materialized view and gather its statistics.

    settings: settings of the source's normal sessions that affect the view's rows.
    """
    without_event_triggers(session)
    name, doing = identifier(view.schema, view.name), f"refreshing {view.schema}.{view.name}"
    with transaction(session, doing=doing):
        shaping.take_over(session, settings)
        execute(session, sql.SQL("REFRESH MATERIALIZED VIEW {}").format(name), doing=doing)
    execute(session, sql.SQL("ANALYZE {}").format(name), doing=doing)


def set_sequences(session: Session, states: Sequence[State]) -> None:
    """Give sequences the state that they had at the source."""
    names = [identifier(state.schema, state.name).as_string(session) for state in states]
    values = [state.last_value for state in states]
    called = [state.is_called for state in states]
    query = """
        SELECT count(setval(name::regclass, value, called))
        FROM unnest(%s::text[], %s::int8[], %s::bool[]) AS s(name, value, called)
    """
    row(session, query, [names, values, called], doing="setting sequences")


def _column_list(shape: Shape) -> sql.Composable:
    # Without columns there is no list: the table has none, or only generated columns, which COPY leaves out.
    if not shape.columns:
        return sql.SQL("")
    return sql.SQL("({})").format(sql.SQL(", ").join(sql.Identifier(column) for column in shape.columns))


def _chosen_rows(table: sql.Composable, columns: Sequence[sql.Composable], where: sql.Composable) -> sql.Composable:
    return sql.SQL("(SELECT {} FROM ONLY {} {})").format(sql.SQL(", ").join(columns), table, where)


def _range(blocks: Blocks) -> sql.Composable:
    where = sql.SQL("WHERE ctid >= {}::tid").format(sql.Literal(f"({blocks.start},0)"))
    if blocks.end is not None:
        where = sql.SQL("{} AND ctid < {}::tid").format(where, sql.Literal(f"({blocks.end},0)"))
    return where


def _options(shape: Shape) -> sql.Composable:
    options = sql.SQL("FORMAT csv, NULL {}, ENCODING {}")
    return options.format(sql.Literal(CSV_NULL), sql.Literal(shape.encoding))
