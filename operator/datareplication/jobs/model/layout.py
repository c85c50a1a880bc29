"""What a load in place meets in its target: tables, sequences, foreign keys, triggers, views, constraints. Values."""

from dataclasses import dataclass

KINDS = {"r": "Table", "p": "PartitionedTable", "v": "View", "m": "MaterializedView", "f": "ForeignTable"}


@dataclass(frozen=True)
class Ownership:
    """Whose an object is. has_rights: whether the load's role has the owner's. is_superuser: the owner."""

    owner: str
    has_rights: bool
    is_superuser: bool


@dataclass(frozen=True)
class Column:
    """A column. type: as format_type() names it. needs_value: it takes no NULL and has no default."""

    name: str
    type: str
    is_generated: bool
    needs_value: bool


@dataclass(frozen=True)
class Table:
    """A table or what else has rows. kind: a value of KINDS. parents: oids of those that it is a partition or child of.

    forces_security: row-level security holds for its owner too. is_reachable: the role may look into its schema.
    """

    oid: int
    schema: str
    name: str
    kind: str
    parents: tuple[int, ...]
    forces_security: bool
    is_reachable: bool
    may_be_referenced: bool
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
    """A foreign key of a table. definition: as pg_get_constraintdef() writes it. is_checked: by all of its triggers."""

    schema: str
    table: str
    name: str
    is_partitioned: bool
    table_oid: int
    referenced_oid: int
    definition: str
    comment: str | None
    is_checked: bool = True


@dataclass(frozen=True)
class View:
    """A materialized view. name: qualified and quoted."""

    oid: int
    name: str
    ownership: Ownership


@dataclass(frozen=True)
class Trigger:
    """A user's trigger that may fire. state: tgenabled, one of `O`, `R`, `A`.

    is_internal: PostgreSQL 14 marks so what a partition has from its partitioned table, and lets nobody disable it.
    """

    schema: str
    table: str
    name: str
    state: str
    is_internal: bool


@dataclass(frozen=True)
class Deferrable:
    """A deferrable unique or exclusion constraint. is_deferred: initially."""

    schema: str
    name: str
    is_deferred: bool


@dataclass(frozen=True)
class Constraint:
    """One of a table or a domain. definition: as pg_get_constraintdef() writes it.

    tables: oids of those that it is of, by inheritance too; none of a domain's.
    """

    schema: str
    owner: str
    name: str
    definition: str
    comment: str | None
    tables: tuple[int, ...] = ()


@dataclass(frozen=True)
class Layout:
    """All of a database that can matter. tables: partitions after what they are of; views: in the order asked for.

    not_valid: constraints of tables, parents' first.
    """

    tables: tuple[Table, ...]
    sequences: tuple[SequenceObject, ...]
    foreign_keys: tuple[ForeignKey, ...]
    views: tuple[View, ...]
    not_valid: tuple[Constraint, ...] = ()
