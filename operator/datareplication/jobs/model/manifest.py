"""The description of a snapshot: values.

`manifest_file` writes these names in camelCase, as in all JSON of this project. A large table has several parts,
because it is dumped in ranges.
"""

import hashlib
from dataclasses import dataclass

from datareplication.jobs.model import codec, ranges
from datareplication.jobs.model.masking.stamp import Masked
from datareplication.jobs.model.ownership import NOBODYS, Ownership

FORMAT_VERSION = 3
"""Format 1 had materialized views as text to put into statements; format 2 did not have the objects' owners."""

PG_CLASS, PG_CONSTRAINT = 1259, 2606
"""Oids of these catalogs, which have never changed; pg_dump's table of contents identifies objects by them."""

CSV_NULL = "\\N"
"""Unquoted, it stands for NULL; a text of exactly these two characters is quoted. An empty field is an empty text."""


@dataclass(frozen=True)
class Part:
    """One file: a table, or a range of it."""

    path: ranges.Path
    """Relative to the snapshot's directory."""
    rows: ranges.Count
    """As COPY counted them."""
    bytes: ranges.Count
    """Bytes of CSV."""
    stored_bytes: ranges.Count
    """Bytes of the file; the sha256 is that of the file too."""
    sha256: ranges.Text


@dataclass(frozen=True)
class Column:
    """A column that is copied (generated ones are not). type: as format_type() names it under an empty search_path."""

    name: str
    type: str


@dataclass(frozen=True)
class Index:
    """An index, identified as in the schema's archive."""

    catalog: ranges.Oid
    """pg_constraint for the index of a constraint, otherwise pg_class; oid is the object's in this catalog."""
    oid: ranges.Oid
    bytes: ranges.Count
    """Bytes on the source's disk."""

    @property
    def is_constraint(self) -> bool:
        """Whether ADD CONSTRAINT creates it."""
        return self.catalog == PG_CONSTRAINT


@dataclass(frozen=True)
class Relation:
    """A table of the source."""

    oid: ranges.Oid
    schema: ranges.Text
    name: ranges.Text
    kind: ranges.Kind
    """`Table`; `PartitionedTable`: has no rows of its own; `ExtensionTable`: CREATE EXTENSION creates it, users keep
    rows in it, and only their rows are copied."""
    columns: tuple[Column, ...]
    parts: tuple[Part, ...] = ()
    indexes: tuple[Index, ...] = ()
    checksum: ranges.Text | None = None
    """Checksum of its rows (postgres.checksum); None unless the dump was asked for it."""
    extension: ranges.Text = ""
    """Name of the extension of an ExtensionTable."""

    @property
    def rows(self) -> int:
        """Rows of all parts."""
        return sum(part.rows for part in self.parts)

    @property
    def bytes(self) -> int:
        """Bytes of CSV of all parts."""
        return sum(part.bytes for part in self.parts)


@dataclass(frozen=True)
class Sequence:
    """A sequence's state, as setval() takes it."""

    schema: ranges.Text
    name: ranges.Text
    last_value: ranges.State
    is_called: bool


@dataclass(frozen=True)
class Role:
    """A role that the schema names."""

    name: ranges.Text
    uses: tuple[str, ...]
    """What the role is named for: `Owner`, `Public` (it owns schema public), `Grant`, `DefaultPrivileges` (it has
    altered default privileges), `Policy`, `UserMapping`."""

    @property
    def owns(self) -> bool:
        """Whether objects belong to it."""
        return "Owner" in self.uses


@dataclass(frozen=True)
class Extension:
    """An extension of the source."""

    name: ranges.Text
    version: ranges.Text


@dataclass(frozen=True)
class MaterializedView:
    """A materialized view's name, not quoted: code that puts it into a statement must quote it."""

    schema: ranges.Text
    name: ranges.Text


@dataclass(frozen=True)
class Setting:
    """A setting of the server for a session."""

    name: ranges.Text
    value: str


@dataclass(frozen=True)
class Source:
    """Identity and properties of the database that was dumped."""

    system_identifier: ranges.Text
    """System identifier of its cluster; a physical copy has the same."""
    database: ranges.Text
    server_version: ranges.Version
    """server_version_num, for example 150018."""
    encoding: ranges.Encoding
    postmaster_started: ranges.Text
    is_standby: bool = False

    @property
    def csv_encoding(self) -> str:
        """Encoding of the CSV: UTF8, or SQL_ASCII for a source without a known encoding."""
        return "SQL_ASCII" if self.encoding == "SQL_ASCII" else "UTF8"


@dataclass(frozen=True)
class CatalogObject:
    """An object, identified as in pg_restore's list of entries. catalog: oid of the catalog."""

    catalog: ranges.Oid
    oid: ranges.Oid
    name: ranges.Text


@dataclass(frozen=True)
class Schema:
    """The archive of pg_dump, and what a load needs to know before pg_restore gets it."""

    archive: Part
    pg_dump_version: ranges.Version
    """Major version."""
    fingerprint: ranges.Text
    """sha256 over relations and columns."""
    roles: tuple[Role, ...]
    extensions: tuple[Extension, ...]
    materialized_views: tuple[MaterializedView, ...]
    """Views to refresh, in this order."""
    has_public: bool
    """Whether the source has the schema public, with which every new database starts."""
    settings: tuple[Setting, ...] = ()
    """Settings of the source's normal sessions that affect the views' rows (postgres.shaping)."""
    ownership: Ownership = NOBODYS
    """Owners of all objects whose owner can be changed."""
    only_superusers: tuple[CatalogObject, ...] = ()
    """Objects that only a superuser may create."""


@dataclass(frozen=True)
class LargeObjects:
    """The archive of pg_dump that holds all large objects, and how many there are."""

    archive: Part
    count: ranges.Count


@dataclass(frozen=True)
class Omitted:
    """What the selection of tables leaves out, and what follows from it. Names are `schema.name`, not quoted."""

    relations: tuple[str, ...] = ()
    """Relations of which nothing is copied."""
    views: tuple[str, ...] = ()
    """Those of `relations` that no pattern matches, but that read something left out."""
    without_rows: tuple[str, ...] = ()
    objects: tuple[CatalogObject, ...] = ()
    """Foreign keys that are in the schema's archive but that a load leaves out."""
    unfilled: tuple[str, ...] = ()
    """Materialized views with rows at the source but not in a copy, because they read a view without rows."""


@dataclass(frozen=True)
class Run:
    """The run that made the snapshot. uid: its identity; random for a dump by hand."""

    uid: ranges.Text
    name: ranges.Text = ""
    replication: ranges.Text = ""
    data_interval_start: ranges.Text = ""
    data_interval_end: ranges.Text = ""


@dataclass(frozen=True)
class Manifest:
    """The whole description of a snapshot."""

    run: Run
    source: Source
    snapshot_time: ranges.Moment
    """RFC 3339, UTC."""
    lsn: ranges.Lsn
    """The source's WAL position at that time."""
    compression: ranges.Compression
    schema: Schema
    relations: tuple[Relation, ...]
    sequences: tuple[Sequence, ...]
    tool_version: ranges.Text
    duration_seconds: ranges.Seconds
    large_objects: LargeObjects | None = None
    omitted: Omitted = Omitted()
    format_version: int = FORMAT_VERSION
    not_carried: tuple[str, ...] = ()
    """What the source has and a copy leaves behind on purpose, in the words of left_behind."""
    masked: Masked | None = None
    """None if nothing is masked."""
    leak_gate: Part | None = None
    """What a load of a masked snapshot must not find (model/masking/leaks)."""

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(relation.rows for relation in self.relations)

    @property
    def bytes(self) -> int:
        """Bytes of CSV of all tables."""
        return sum(relation.bytes for relation in self.relations)

    @property
    def stored_bytes(self) -> int:
        """Bytes of all files except the manifest."""
        return sum(part.stored_bytes for part in self.parts)

    @property
    def tables(self) -> int:
        """Tables that can hold rows."""
        return sum(relation.kind != "PartitionedTable" for relation in self.relations)

    @property
    def extension_tables(self) -> tuple[Relation, ...]:
        """Tables of extensions that hold users' rows, each after the tables that it refers to."""
        return tuple(relation for relation in self.relations if relation.kind == "ExtensionTable")

    @property
    def archives(self) -> tuple[Part, ...]:
        """Files that are checked whole before a load begins: those that pg_dump wrote, and the leak gate's."""
        return (
            self.schema.archive,
            *([self.large_objects.archive] if self.large_objects else ()),
            *([self.leak_gate] if self.leak_gate else ()),
        )

    @property
    def has_checksums(self) -> bool:
        """Whether every table has a checksum."""
        return all(relation.checksum for relation in self.relations if relation.kind == "Table")

    @property
    def parts(self) -> tuple[Part, ...]:
        """All files except the manifest."""
        return (*self.archives, *(part for relation in self.relations for part in relation.parts))


def fingerprint(relations: tuple[Relation, ...]) -> str:
    """Return a sha256 that changes if a table or a copied column is added, dropped or renamed, or a type changes."""
    shape = sorted((r.schema, r.name, r.kind, [(c.name, c.type) for c in r.columns]) for r in relations)
    return hashlib.sha256(codec.canonical(shape)).hexdigest()
