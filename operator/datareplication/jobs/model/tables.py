"""The source's tables as a dump sees them, and what COPY must know of one: values."""

from dataclasses import dataclass

from datareplication.jobs.model.manifest import Column, Index


@dataclass(frozen=True)
class Table:
    """A user table as the snapshot sees it.

    kind: as manifest.Relation. blocks: of its main fork, which ctid counts. bytes: on disk, with TOAST.
    estimated_rows: the planner's, 0 when unknown. extension and condition: of an ExtensionTable; the condition is SQL
    (`WHERE …`, or empty) that tells the user's rows from those that the extension's script puts in.
    """

    oid: int
    schema: str
    name: str
    kind: str
    is_unlogged: bool
    blocks: int
    bytes: int
    estimated_rows: int
    columns: tuple[Column, ...]
    indexes: tuple[Index, ...] = ()
    extension: str = ""
    condition: str = ""


@dataclass(frozen=True)
class Blocks:
    """A range of a table's 8 KiB blocks: from `start`, up to but not including `end`; None is without end."""

    start: int
    end: int | None


@dataclass(frozen=True)
class Shape:
    """What COPY must know of a table: its name, the columns to copy in order, and the encoding of the CSV."""

    schema: str
    name: str
    columns: tuple[str, ...]
    encoding: str = "UTF8"
