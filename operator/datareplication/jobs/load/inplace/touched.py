"""Which of a target's objects a load in place locks or changes. Pure: relations and a layout in, objects out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from datareplication.errors import CapabilityError
from datareplication.jobs.model.layout import Constraint, ForeignKey, Layout, Table
from datareplication.jobs.model.manifest import Relation


@dataclass(frozen=True)
class Touched:
    """What is locked, and why."""

    filled: tuple[Table, ...]
    """Tables whose rows are replaced."""
    locked: tuple[Table, ...]
    """Tables that are locked, in the order in which all loads lock them."""
    keys: tuple[ForeignKey, ...]
    """Foreign keys from and to the filled tables and their partitioned tables."""
    altered: tuple[Table, ...]
    """Tables that must belong to the load's role."""
    referenced: tuple[Table, ...]
    """Tables that foreign keys refer to, but that are not loaded."""
    not_valid: tuple[Constraint, ...] = ()
    """NOT VALID constraints of the filled tables, or of the tables from which these inherit them."""


def touched(relations: Iterable[Relation], layout: Layout) -> Touched:
    """Return the objects that replacing the relations' rows touches; relations missing in the layout are left out."""
    wanted = {(relation.schema, relation.name) for relation in relations}
    loaded = {table.oid for table in layout.tables if (table.schema, table.name) in wanted}
    related = _with_ancestors(loaded, layout.tables)
    keys = [key for key in layout.foreign_keys if {key.table_oid, key.referenced_oid} & related]
    not_valid = [one for one in layout.not_valid if loaded.intersection(one.tables)]
    altered = loaded | {key.table_oid for key in keys} | {oid for one in not_valid for oid in one.tables}
    referenced = {key.referenced_oid for key in keys} - altered
    return Touched(
        filled=_those(loaded, layout, "Table"),
        locked=_those(altered | referenced, layout),
        keys=tuple(keys),
        altered=_those(altered, layout),
        referenced=_those(referenced, layout),
        not_valid=tuple(not_valid),
    )


def check_keys(keys: Iterable[ForeignKey]) -> None:
    """Raise CapabilityError for foreign keys that somebody has disabled: the load would add them as enabled ones."""
    named = [f"{key.name} of {key.schema}.{key.table}" for key in keys if not key.is_checked]
    if named:
        text = f"foreign keys are disabled (ALTER TABLE … DISABLE TRIGGER ALL): {', '.join(named)}"
        raise CapabilityError(f"{text}; enable or drop them, or use strategy Swap", reason="ForeignKeyDisabled")


def _with_ancestors(oids: set[int], tables: Sequence[Table]) -> set[int]:
    parents = {table.oid: table.parents for table in tables}
    found, waiting = set(oids), list(oids)
    while waiting:
        new = set(parents.get(waiting.pop(), ())) - found
        found |= new
        waiting += new
    return found


def _those(oids: set[int], layout: Layout, kind: str | None = None) -> tuple[Table, ...]:
    # In the layout partitions come after their partitioned table: so do other sessions' statements lock both.
    return tuple(table for table in layout.tables if table.oid in oids and kind in {None, table.kind})
