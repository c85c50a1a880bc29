"""Which tables' rows a suggestion looks at: all tables, but of the partitions of one table only the largest. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from datareplication.jobs.model.masking.facts import ColumnFacts, TableFacts, TableName
from datareplication.jobs.model.masking.suggesting import Column, Sharing

CHILDREN = 4
"""How many partitions or children of one table are looked at."""


@dataclass(frozen=True)
class Look:
    """A table whose rows are looked at. columns: with the column that each value counts for."""

    table: TableFacts
    columns: tuple[tuple[ColumnFacts, Column], ...]


def looks(sharing: Sharing, sizes: Mapping[int, int]) -> Iterator[list[Look]]:
    """Yield the tables in groups: a table with its partitions or children. sizes: oid -> bytes."""
    groups: dict[TableName, list[TableFacts]] = {}
    for name, table in sharing.tables.items():
        if table.oid in sizes:
            groups.setdefault(_top_table(sharing, name), []).append(table)
    for tables in groups.values():
        largest = sorted(tables, key=lambda one: -sizes[one.oid])[: CHILDREN + 1]
        wanted = [one for one in tables if one in largest or _has_own_columns(sharing, one)]
        yield [look for look in (_look(sharing, one) for one in wanted) if look.columns]


def _look(sharing: Sharing, table: TableFacts) -> Look:
    columns = ((one, _top(sharing, (table.qualified, one.name))) for one in table.columns)
    return Look(table, tuple((one, top) for one, top in columns if sharing.is_written(top)))


def _top(sharing: Sharing, column: Column) -> Column:
    while sharing.is_inherited(column):
        column = sharing.sources[column][0]
    return column


def _top_table(sharing: Sharing, name: TableName) -> TableName:
    while above := [one for one in sharing.tables[name].parents if one in sharing.tables]:
        name = above[0]
    return name


def _has_own_columns(sharing: Sharing, table: TableFacts) -> bool:
    return any(not sharing.is_inherited((table.qualified, one.name)) for one in table.columns)
