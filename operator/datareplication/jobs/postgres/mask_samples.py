"""Tries masked rows in the source: the masks themselves, and the conditions that they have to meet.

A masked row is computed as the dump computes it, and stays in the source: a query returns counts only. An error's text
may quote a value, so only its SQLSTATE is used.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import psycopg2
from psycopg2 import errors, sql

from datareplication.jobs.model.masking import families, trials
from datareplication.jobs.model.masking.trials import Condition, Sample, Target, Trial
from datareplication.jobs.postgres import classify
from datareplication.jobs.postgres.connection import Session, identifier
from datareplication.jobs.postgres.copying import Columns

TOO_LATE = ("57014", "55P03")
"""The statement's timeout; a lock for which somebody else waits."""

OURS = ("08", "25", "40", "53", "55", "57", "58", "72", "F0")
"""Classes of errors that say nothing about a rule."""


class NotInTimeError(Exception):
    """The query took too long."""


@dataclass(frozen=True)
class Refused:
    """The server refused to compute what was tried. state: the name and the number of the SQLSTATE."""

    state: str


Counts = Mapping[Target, int]
"""For each target, how many rows violate it; 0 for one that can be computed."""


@dataclass(frozen=True)
class Sampling:
    """Queries over a sample of one table."""

    session: Session
    trial: Trial
    columns: Columns
    sample: Sample

    def of(self, targets: Sequence[Target], milliseconds: int) -> Counts | Refused:
        """Try these targets in one query. Raises NotInTimeError after so many milliseconds."""
        table = self.trial.table
        figures = [sql.SQL("count(*)"), *map(_figure, targets)]
        query = sql.SQL("SELECT {figures} FROM {rows} AS {alias}").format(
            figures=sql.SQL(", ").join(figures), rows=self._rows(), alias=sql.Identifier(table.name)
        )
        try:
            with _savepoint(self.session, milliseconds), self.session.cursor() as cursor:
                cursor.execute(query)
                (found,) = cursor.fetchall()
        except psycopg2.Error as error:
            return self._refusal(error)
        return dict(zip(targets, found[1:], strict=True)) if found[0] or self.sample.percent is None else {}

    def narrowed(self, target: Target, failing: Sequence[Target]) -> "Sampling":
        """Return the same without what has failed; for a column, with this column alone.

        The server refuses a whole query for one expression that it cannot parse, and the others are not to blame.
        """
        without = {trials.made(one) for one in failing}
        kept = {name: one for name, one in self.columns.items() if name not in without}
        generated = tuple(one for one in self.trial.generated if one.name not in without)
        if target.condition is None:
            kept, generated = {target.column: kept[target.column]}, ()
        elif target.condition.kind == "Generated":
            generated = (target.condition,)
        return replace(self, columns=kept, trial=replace(self.trial, generated=generated))

    def _refusal(self, error: psycopg2.Error) -> Refused:
        code = error.pgcode
        if code in TOO_LATE:
            raise NotInTimeError from None
        if code is None or code.startswith(OURS):
            table = self.trial.table
            raise classify.after_connect(
                error, f"trying the masks of {table.schema}.{table.name}", of_rows=True
            ) from error
        with contextlib.suppress(KeyError):
            return Refused(f"{errors.lookup(code).__name__}, SQLSTATE {code}")
        return Refused(f"SQLSTATE {code}")

    def _rows(self) -> sql.Composable:
        """Return a subquery of masked rows, with the generated columns that are computed of them."""
        stored = {name: sql.Identifier(name) for name in self.trial.stored}
        masked = _selected({**self.columns, **stored})
        rows = sql.SQL("SELECT {masked} FROM ONLY {table} {sampled} LIMIT {rows}").format(
            masked=masked, table=self._table, sampled=self._sampled, rows=sql.Literal(self.sample.rows)
        )
        generated = _selected({one.name: _generated(one) for one in self.trial.generated})
        if not self.trial.generated:
            return sql.SQL("({})").format(rows)
        alias = sql.Identifier(self.trial.table.name)
        return sql.SQL("(SELECT {alias}.*, {generated} FROM ({rows}) AS {alias} OFFSET 0)").format(
            alias=alias, generated=generated, rows=rows
        )

    @property
    def _table(self) -> sql.Composable:
        return identifier(self.trial.table.schema, self.trial.table.name)

    @property
    def _sampled(self) -> sql.Composable:
        # An extension's table has a condition, which was written by the extension's script.
        blocks: sql.Composable = sql.SQL("")
        if self.sample.percent is not None:
            # The same blocks each time: a query for one target reads the rows on which the query for all has failed.
            blocks = sql.SQL("TABLESAMPLE SYSTEM ({}) REPEATABLE (1)").format(sql.Literal(self.sample.percent))
        return sql.SQL("{} {}").format(blocks, sql.SQL(self.trial.table.condition))


@contextlib.contextmanager
def _savepoint(session: Session, milliseconds: int) -> Iterator[None]:
    with session.cursor() as cursor:
        cursor.execute("SAVEPOINT tried; SELECT set_config('statement_timeout', %s, true)", [str(milliseconds)])
        try:
            yield
        except psycopg2.Error:
            if not session.closed:
                with contextlib.suppress(psycopg2.Error):
                    cursor.execute("ROLLBACK TO SAVEPOINT tried")
            raise
        cursor.execute("RELEASE SAVEPOINT tried")


def _selected(columns: Mapping[str, sql.Composable]) -> sql.Composable:
    return sql.SQL(", ").join(sql.SQL("{} AS {}").format(made, sql.Identifier(name)) for name, made in columns.items())


def _figure(target: Target) -> sql.Composable:
    """Return the SQL that counts violations; for a column, 0, after it has been computed for each row."""
    one = target.condition
    if one is None or one.kind == "Generated":
        return sql.SQL("0 * count({})").format(sql.Identifier(one.name if one else target.column))
    violated: sql.Composable = sql.SQL(one.expression)
    if one.kind == "Domain":
        # The expression reads VALUE, which is an ordinary name here.
        column = sql.Identifier(*one.reads)
        violated = sql.SQL("SELECT {check} FROM (SELECT {column} AS value) AS masked").format(
            check=violated, column=column
        )
    return sql.SQL("count(*) FILTER (WHERE ({}) IS FALSE)").format(violated)


def _generated(one: Condition) -> sql.Composable:
    """Return a generated column's value, converted as if it was stored: a text that is too long is an error."""
    kind, made = families.parsed(one.type), sql.SQL("({})").format(sql.SQL(one.expression))
    if kind.length is not None and not kind.is_array and kind.name in {"character varying", "character"}:
        function = "varchar" if kind.name == "character varying" else "bpchar"
        return sql.SQL("pg_catalog.{function}({made}::{base}, {size}, false)").format(
            function=sql.Identifier(function), made=made, base=sql.SQL(function), size=sql.Literal(kind.length + 4)
        )
    return sql.SQL("{}::{}").format(made, sql.SQL(one.type))
