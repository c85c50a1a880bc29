"""What a snapshot says of itself: values.

It owns the names, which `manifest_file` writes in camelCase as all JSON of this project. A large table has several
parts: it is dumped in ranges.
"""

import hashlib
from dataclasses import dataclass

from datareplication.jobs.model import codec, ranges
from datareplication.jobs.model.ownership import NOBODYS, Ownership

FORMAT_VERSION = 3
"""1 had materialized views as text to put into statements; 2 did not say whose the objects are."""

PG_CLASS, PG_CONSTRAINT = 1259, 2606
"""Oids of these catalogs, fixed since they exist; pg_dump's table of contents names objects by them."""

CSV_NULL = "\\N"
"""Unquoted, it stands for NULL; a text of just these two characters is quoted. Empty text is an empty field."""


@dataclass(frozen=True)
class Part:
    """One file: a table, or a range of it.

    path: relative to the snapshot. rows: as COPY counted them. bytes: of CSV. stored_bytes and sha256: of the file.
    """

    path: ranges.Path
    rows: ranges.Count
    bytes: ranges.Count
    stored_bytes: ranges.Count
    sha256: ranges.Text


@dataclass(frozen=True)
class Column:
    """A column that is copied (generated ones are not). type: as format_type() names it under an empty search_path."""

    name: str
    type: str


@dataclass(frozen=True)
class Index:
    """An index as the schema's archive names it: catalog (pg_class, or pg_constraint for a constraint's) and oid there.

    bytes: on the source's disk.
    """

    catalog: ranges.Oid
    oid: ranges.Oid
    bytes: ranges.Count

    @property
    def is_constraint(self) -> bool:
        """Whether it is made by ADD CONSTRAINT."""
        return self.catalog == PG_CONSTRAINT


@dataclass(frozen=True)
class Relation:
    """A table. oid: the source's.

    kind: `Table`; `PartitionedTable`, which has no rows of its own; `ExtensionTable`, which CREATE EXTENSION makes and
    in which users keep rows, those that are copied. extension: that one's name.

    checksum: of its rows (postgres.checksum), None unless the dump was asked for it.
    """

    oid: ranges.Oid
    schema: ranges.Text
    name: ranges.Text
    kind: ranges.Kind
    columns: tuple[Column, ...]
    parts: tuple[Part, ...] = ()
    indexes: tuple[Index, ...] = ()
    checksum: ranges.Text | None = None
    extension: ranges.Text = ""

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
    """A role that the schema names.

    uses: what for; of `Owner`, `Public` (it owns that schema), `Grant`, `DefaultPrivileges` (those that it has
    altered), `Policy`, `UserMapping`.
    """

    name: ranges.Text
    uses: tuple[str, ...]

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
    """Its name, as it is: whoever puts it into a statement quotes it."""

    schema: ranges.Text
    name: ranges.Text


@dataclass(frozen=True)
class Setting:
    """A setting of the server for a session."""

    name: ranges.Text
    value: str


@dataclass(frozen=True)
class Source:
    """Identity and nature of the database that was dumped.

    system_identifier: of its cluster, which a physical copy shares. server_version: as server_version_num, e.g. 150018.
    """

    system_identifier: ranges.Text
    database: ranges.Text
    server_version: ranges.Version
    encoding: ranges.Encoding
    postmaster_started: ranges.Text
    is_standby: bool = False

    @property
    def csv_encoding(self) -> str:
        """Encoding of the CSV: UTF8, unless the source does not know its own."""
        return "SQL_ASCII" if self.encoding == "SQL_ASCII" else "UTF8"


@dataclass(frozen=True)
class CatalogObject:
    """An object as pg_restore's list of entries knows it. catalog: oid of the catalog."""

    catalog: ranges.Oid
    oid: ranges.Oid
    name: ranges.Text


@dataclass(frozen=True)
class Schema:
    """The archive of pg_dump, and what a load must know before it hands it to pg_restore.

    pg_dump_version: major. fingerprint: sha256 over relations and columns. materialized_views: those to refresh, in
    order. has_public: whether the source has the schema that every new database starts with. settings: by which the
    source's own sessions see those views (postgres.shaping). ownership: of all objects that can be given away.
    only_superusers: those that nobody else may make.
    """

    archive: Part
    pg_dump_version: ranges.Version
    fingerprint: ranges.Text
    roles: tuple[Role, ...]
    extensions: tuple[Extension, ...]
    materialized_views: tuple[MaterializedView, ...]
    has_public: bool
    settings: tuple[Setting, ...] = ()
    ownership: Ownership = NOBODYS
    only_superusers: tuple[CatalogObject, ...] = ()


@dataclass(frozen=True)
class LargeObjects:
    """The archive of pg_dump that holds all large objects, and how many there are."""

    archive: Part
    count: ranges.Count


@dataclass(frozen=True)
class Omitted:
    """What the selection of tables kept out, and what follows from it. Names are `schema.name`, not quoted.

    relations: of which nothing is copied. views: those of them that no pattern chose but that read what is left out.
    objects: foreign keys that the archive of the schema holds and that a load leaves out. unfilled: materialized views
    that hold rows at the source and not in a copy, because they read one that holds none.
    """

    relations: tuple[str, ...] = ()
    views: tuple[str, ...] = ()
    without_rows: tuple[str, ...] = ()
    objects: tuple[CatalogObject, ...] = ()
    unfilled: tuple[str, ...] = ()


@dataclass(frozen=True)
class Run:
    """The run that made the snapshot. uid: its identity; a random one when dumped by hand."""

    uid: ranges.Text
    name: ranges.Text = ""
    replication: ranges.Text = ""
    data_interval_start: ranges.Text = ""
    data_interval_end: ranges.Text = ""


@dataclass(frozen=True)
class Manifest:
    """The whole of it. snapshot_time: RFC 3339, UTC. lsn: the source's log position then.

    not_carried: what the source has and a copy leaves behind on purpose, as left_behind tells it.
    """

    run: Run
    source: Source
    snapshot_time: ranges.Moment
    lsn: ranges.Lsn
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
        """Bytes of all files but the manifest."""
        return sum(part.stored_bytes for part in self.parts)

    @property
    def tables(self) -> int:
        """Tables that can hold rows."""
        return sum(relation.kind != "PartitionedTable" for relation in self.relations)

    @property
    def extension_tables(self) -> tuple[Relation, ...]:
        """Tables of extensions that hold the user's rows, each after those that it refers to."""
        return tuple(relation for relation in self.relations if relation.kind == "ExtensionTable")

    @property
    def archives(self) -> tuple[Part, ...]:
        """The files that pg_dump wrote."""
        return (self.schema.archive, *([self.large_objects.archive] if self.large_objects else ()))

    @property
    def has_checksums(self) -> bool:
        """Whether every table has one."""
        return all(relation.checksum for relation in self.relations if relation.kind == "Table")

    @property
    def parts(self) -> tuple[Part, ...]:
        """Every file but the manifest."""
        return (*self.archives, *(part for relation in self.relations for part in relation.parts))


def fingerprint(relations: tuple[Relation, ...]) -> str:
    """Return a sha256 that changes when a table or a copied column is added, dropped, renamed or changes its type."""
    shape = sorted((r.schema, r.name, r.kind, [(c.name, c.type) for c in r.columns]) for r in relations)
    return hashlib.sha256(codec.canonical(shape)).hexdigest()
