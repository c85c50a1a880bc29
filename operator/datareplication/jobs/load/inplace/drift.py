"""Differences between a target's tables and a snapshot's that prevent replacing rows in place. Pure.

The rule: the target must have everything that the snapshot has, unchanged. Tables that only the target has are left
alone. Columns that only the target has must allow NULL or have a default.
"""

from collections.abc import Iterable, Iterator, Sequence

from datareplication.errors import DataError
from datareplication.jobs.model.layout import Layout, SequenceObject, Table
from datareplication.jobs.model.manifest import Manifest, Relation
from datareplication.jobs.model.manifest import Sequence as State

NAMED = 12
"""How many differences fit into a message."""


def check(manifest: Manifest, layout: Layout) -> None:
    """Raise DataError that names the differences, if there are any."""
    found = differences(manifest, layout)
    if not found:
        return
    named = "; ".join(found[:NAMED]) + (f"; and {len(found) - NAMED} more" if len(found) > NAMED else "")
    remedy = "migrate the target to the source's schema, or use strategy Swap, which copies the schema too"
    raise DataError(f"the target's schema is not the snapshot's: {named}; {remedy}", reason="SchemaDrift")


def differences(manifest: Manifest, layout: Layout) -> list[str]:
    """Return the differences, one sentence for each: of tables, columns, partitions, sequences."""
    tables = {(table.schema, table.name): table for table in layout.tables}
    sequences = {(sequence.schema, sequence.name): sequence for sequence in layout.sequences}
    return [
        *(text for one in manifest.relations for text in _of_table(one, tables.get((one.schema, one.name)))),
        *_strange_children(manifest.relations, layout.tables),
        *(text for one in manifest.sequences for text in _of_sequence(one, sequences.get((one.schema, one.name)))),
    ]


def _of_table(relation: Relation, table: Table | None) -> Iterator[str]:
    name = f"{relation.schema}.{relation.name}"
    if table is None:
        yield f"table {name} is missing"
        return
    if table.kind != relation.kind:
        yield f"{name} is a {table.kind}, in the snapshot a {relation.kind}"
        return
    found = {column.name: column for column in table.columns}
    for column in relation.columns:
        if column.name not in found:
            yield f"column {name}.{column.name} is missing"
        elif found[column.name].is_generated:
            yield f"column {name}.{column.name} is generated, in the snapshot it is not"
        elif found[column.name].type != column.type:
            yield f"column {name}.{column.name} is {found[column.name].type}, in the snapshot {column.type}"
    known = {column.name for column in relation.columns}
    for other in table.columns:
        if other.needs_value and other.name not in known:
            yield f"column {name}.{other.name} is not in the snapshot, does not allow NULL and has no default"


def _strange_children(relations: Sequence[Relation], tables: Iterable[Table]) -> Iterator[str]:
    """Yield partitions and children that only the target has: their rows would stay among the new ones."""
    known = {(relation.schema, relation.name) for relation in relations}
    every = list(tables)
    loaded = {table.oid for table in every if (table.schema, table.name) in known}
    for table in every:
        if loaded & set(table.parents) and table.oid not in loaded and table.kind in {"Table", "PartitionedTable"}:
            yield f"table {table.schema}.{table.name}, a part of a loaded table, is not in the snapshot"


def _of_sequence(state: State, found: SequenceObject | None) -> Iterator[str]:
    name = f"{state.schema}.{state.name}"
    if found is None:
        yield f"sequence {name} is missing"
    elif not found.smallest <= state.last_value <= found.largest:
        bounds = f"{found.smallest} to {found.largest}"
        yield f"sequence {name} goes from {bounds}, in the snapshot its value is {state.last_value}"
