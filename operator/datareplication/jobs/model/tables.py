"""The source's tables as a dump sees them, and what COPY needs to know about a table: values."""

from dataclasses import dataclass

from datareplication.jobs.model.manifest import Column, Index


@dataclass(frozen=True)
class Table:
    """A user table as the snapshot sees it."""

    oid: int
    schema: str
    name: str
    kind: str
    """As in manifest.Relation."""
    is_unlogged: bool
    blocks: int
    """Blocks of its main fork, which are numbered in ctid."""
    bytes: int
    """Bytes on disk, with TOAST."""
    estimated_rows: int
    """The planner's estimate, 0 if there is none."""
    columns: tuple[Column, ...]
    indexes: tuple[Index, ...] = ()
    extension: str = ""
    """Name of the extension of an ExtensionTable."""
    condition: str = ""
    """SQL (`WHERE …`) that chooses the user's rows of an ExtensionTable, and not those of the extension's script."""


@dataclass(frozen=True)
class Blocks:
    """A range of a table's 8 KiB blocks: from `start`, up to but not including `end`; None: to the table's end."""

    start: int
    end: int | None


@dataclass(frozen=True)
class Shape:
    """What COPY needs to know about a table: its name, the columns to copy in order, and the encoding of the CSV."""

    schema: str
    name: str
    columns: tuple[str, ...]
    encoding: str = "UTF8"
