"""The objects of a target that matter to a load in place: tables, sequences, foreign keys and so on. Values."""

from dataclasses import dataclass

KINDS = {"r": "Table", "p": "PartitionedTable", "v": "View", "m": "MaterializedView", "f": "ForeignTable"}


@dataclass(frozen=True)
class Ownership:
    """Who owns an object."""

    owner: str
    has_rights: bool
    """Whether the load's role has the owner's rights."""
    is_superuser: bool
    """Whether the owner is a superuser."""


@dataclass(frozen=True)
class Column:
    """A column. type: as format_type() names it. needs_value: it does not allow NULL and has no default."""

    name: str
    type: str
    is_generated: bool
    needs_value: bool


@dataclass(frozen=True)
class Table:
    """A table, a view or a foreign table."""

    oid: int
    schema: str
    name: str
    kind: str
    """A value of KINDS."""
    parents: tuple[int, ...]
    """Oids of the tables of which it is a partition or an inheritance child."""
    forces_security: bool
    """Whether row-level security applies to its owner too."""
    is_reachable: bool
    """Whether the load's role has USAGE on its schema."""
    may_be_referenced: bool
    """Whether the load's role has REFERENCES on it."""
    columns: tuple[Column, ...]
    ownership: Ownership


@dataclass(frozen=True)
class SequenceObject:
    """A sequence and its bounds."""

    oid: int
    schema: str
    name: str
    smallest: int
    largest: int
    ownership: Ownership


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key of a table."""

    schema: str
    table: str
    name: str
    is_partitioned: bool
    """Whether the table is partitioned."""
    table_oid: int
    referenced_oid: int
    definition: str
    """As pg_get_constraintdef() writes it."""
    comment: str | None
    is_checked: bool = True
    """Whether all of its triggers are enabled."""


@dataclass(frozen=True)
class View:
    """A materialized view. name: qualified and quoted."""

    oid: int
    name: str
    ownership: Ownership


@dataclass(frozen=True)
class Trigger:
    """A user's trigger that may fire."""

    schema: str
    table: str
    name: str
    state: str
    """pg_trigger.tgenabled: `O`, `R` or `A`."""
    is_internal: bool
    """In PostgreSQL 14: the partition has the trigger from its partitioned table, so nobody can disable it."""


@dataclass(frozen=True)
class Deferrable:
    """A deferrable unique or exclusion constraint. is_deferred: whether it is INITIALLY DEFERRED."""

    schema: str
    name: str
    is_deferred: bool


@dataclass(frozen=True)
class Constraint:
    """A constraint of a table or a domain."""

    schema: str
    owner: str
    """Name of the table or domain."""
    name: str
    definition: str
    """As pg_get_constraintdef() writes it."""
    comment: str | None
    tables: tuple[int, ...] = ()
    """Oids of the tables that have it, also by inheritance; empty for a domain's constraint."""


@dataclass(frozen=True)
class Layout:
    """All objects of a database that can matter."""

    tables: tuple[Table, ...]
    """Each partition after its partitioned table."""
    sequences: tuple[SequenceObject, ...]
    foreign_keys: tuple[ForeignKey, ...]
    views: tuple[View, ...]
    """In the order in which they were asked for."""
    not_valid: tuple[Constraint, ...] = ()
    """Constraints of tables that are NOT VALID, those of parents first."""
