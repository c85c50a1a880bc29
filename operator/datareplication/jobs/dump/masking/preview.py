"""datareplication-mask preview: a few rows of a table as a dump would write them.

Columns that are kept are not read.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from datareplication.errors import DataError, UsageError
from datareplication.jobs.dump.masking import deciding, looking, rules_file, words
from datareplication.jobs.dump.masking.deciding import Findings
from datareplication.jobs.dump.masking.looking import Looked, LookSettings
from datareplication.jobs.frame.stop import Stop
from datareplication.jobs.model.manifest import CSV_NULL
from datareplication.jobs.model.masking.facts import TableFacts, TableName
from datareplication.jobs.model.settings import MaskingSettings
from datareplication.jobs.model.tables import Shape, Table
from datareplication.jobs.postgres import copying, masked, source, unplanned
from datareplication.jobs.postgres.connection import Session
from datareplication.jobs.postgres.copying import Choice

LONGEST = 60
"""Characters of a value that are shown."""


@dataclass(frozen=True)
class Wanted:
    """What is to be shown."""

    table: TableName
    rows: int


@dataclass(frozen=True)
class Preview:
    """Masked values. rows: begin with the names of the columns."""

    rows: tuple[tuple[str, ...], ...]
    kept: tuple[str, ...]
    """Columns with the rule Keep, whose values are those of the source and are not shown."""

    undecided: tuple[str, ...]
    """Columns without a rule."""


def table_name(text: str) -> TableName:
    """Return a table's name, written as in the rules' file."""
    name = rules_file.table_name(text)
    if name is None:
        raise UsageError(f"--table {text!r} must be schema.table, for example public.users")
    return name


def preview(given: LookSettings, masking: MaskingSettings, wanted: Wanted, stop: Stop) -> Preview:
    """Return masked rows of a table or of its partitions."""
    rules = rules_file.read(masking.rules)
    with looking.looked(given, stop) as seen:
        found = deciding.findings(seen, rules, masking.key)
        table = _table(found, wanted.table)
        _refuse_misfits(found, table)
        chosen = found.found.masks[table.qualified]
        columns = [name for name, rule in chosen.items() if rule.kind != "Keep"]
        settings = masked.startup(found.masking)
        with looking.opened(given, stop, settings) as session, looking.opened(given, stop) as fresh:
            masked.prepare(session, found.masking)
            rows = _Reading(seen, session, fresh, found, columns).rows(table, wanted.rows) if columns else []
    return Preview(
        (tuple(columns), *rows) if columns else (),
        tuple(name for name, rule in chosen.items() if rule.kind == "Keep"),
        tuple(one.name for one in table.columns if one.name not in chosen),
    )


def _table(found: Findings, name: TableName) -> TableFacts:
    for table in found.facts.tables:
        if table.qualified == name:
            return table
    text = f"{'.'.join(name)} is no table of the source whose rows are copied"
    raise UsageError(f"{text}; upper and lower case differ", reason="PatternMatchesNothing")


def _refuse_misfits(found: Findings, table: TableFacts) -> None:
    start = f"{table.schema}.{table.name}."
    problems = [
        *(text for text in found.found.problems if text.startswith(start)),
        *(deciding.calls(one) for one in found.calling if f"{one}." == start),
    ]
    if problems:
        raise DataError("; ".join(problems), reason="MaskingRefused")


@dataclass(frozen=True)
class _Reading:
    """Reads masked rows. session: has the key and shares the snapshot. fresh: sees what was created since."""

    seen: Looked
    session: Session
    fresh: Session
    found: Findings
    columns: Sequence[str]

    def rows(self, table: TableFacts, count: int) -> list[tuple[str, ...]]:
        """Return at most so many rows of a table and of its partitions and children."""
        expressions = masked.Expressions(self.found.masking, words.read_all)
        tables = {one.oid: one for one in self.seen.exported.tables}
        rows: list[tuple[str, ...]] = []
        with source.sharing(self.session, self.seen.exported.snapshot.id):
            for one in _family(self.found, table):
                if len(rows) < count and self._is_masked(one):
                    rows += self._of(tables[one.oid], expressions.of(one.oid), count - len(rows))
        return rows

    def _is_masked(self, table: TableFacts) -> bool:
        """Return whether the columns are masked here too: a partition may have rules of its own."""
        chosen = self.found.found.masks[table.qualified]
        return all(name in chosen and chosen[name].kind != "Keep" for name in self.columns)

    def _of(self, table: Table, found: copying.Columns, count: int) -> Iterator[tuple[str, ...]]:
        if table.kind == "PartitionedTable":
            return
        shape = Shape(table.schema, table.name, tuple(self.columns), self.seen.identity.csv_encoding)
        source.check_is(self.session, shape.schema, shape.name, table.oid)
        if unplanned.is_one(self.fresh, table.oid):
            return
        written = io.BytesIO()
        choice = Choice(condition=f"LIMIT {count}", masked=copying.in_order(found, self.columns))
        copying.copy_out(self.session, shape, written, choice)
        text = written.getvalue().decode(errors="replace")
        for row in csv.reader(io.StringIO(text, newline="")):
            yield tuple(map(_cut, row))


def _family(found: Findings, table: TableFacts) -> Iterator[TableFacts]:
    """Yield a table and all that take their columns from it."""
    below = {table.qualified}
    yield table
    grown = True
    while grown:
        grown = False
        for one in found.facts.tables:
            if one.qualified not in below and below & set(one.parents):
                below.add(one.qualified)
                grown = True
                yield one


def _cut(value: str) -> str:
    if value == CSV_NULL:
        return "NULL"
    return value if len(value) <= LONGEST else f"{value[: LONGEST - 1]}…"
