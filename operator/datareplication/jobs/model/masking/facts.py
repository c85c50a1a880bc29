"""What the rules need from a database's catalogs, as values. `postgres/mask_facts` reads them."""

from dataclasses import dataclass

from datareplication.jobs.model.masking.families import ValueType

TableName = tuple[str, str]
"""Schema and name."""


@dataclass(frozen=True)
class ColumnFacts:
    """A column that is copied."""

    name: str
    type: str
    """As format_type() names it; for a domain, the domain's name."""

    values: ValueType
    """The type of the values; for a domain, its base type."""

    is_nullable: bool


@dataclass(frozen=True)
class UniqueFacts:
    """A unique index, or an exclusion constraint."""

    name: str
    columns: tuple[str, ...]
    """The plain columns of the key."""

    expressions: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Each expression of the key with the columns that it reads."""

    predicate: tuple[str, ...] = ()
    """The columns that decide whether a row is in a partial index."""

    is_primary: bool = False
    takes_one_null: bool = False
    """Whether it is NULLS NOT DISTINCT."""

    is_exclusion: bool = False
    """Whether it is an exclusion constraint, whose operators may be other than equality."""


@dataclass(frozen=True)
class TableFacts:
    """A table whose rows are copied."""

    oid: int
    schema: str
    name: str
    columns: tuple[ColumnFacts, ...]
    uniques: tuple[UniqueFacts, ...] = ()
    partition_key: tuple[str, ...] = ()
    """Columns that decide to which partition a row belongs."""

    parents: tuple[TableName, ...] = ()
    """The partitioned table, or the tables that it inherits from."""

    extension: str = ""
    """The extension whose table it is; empty for a user's."""

    @property
    def qualified(self) -> TableName:
        """Return schema and name."""
        return self.schema, self.name


@dataclass(frozen=True)
class ReferenceFacts:
    """A foreign key."""

    name: str
    table: TableName
    columns: tuple[str, ...]
    referenced: TableName
    referenced_columns: tuple[str, ...]


@dataclass(frozen=True)
class Facts:
    """A database as the rules see it."""

    tables: tuple[TableFacts, ...]
    references: tuple[ReferenceFacts, ...] = ()
    others: frozenset[TableName] = frozenset()
    """Tables that exist but whose rows are not copied."""

    has_large_objects: bool = False
