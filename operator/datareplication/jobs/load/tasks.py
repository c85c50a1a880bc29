"""The tasks of a load's workers in the new database: values. `worker` does them, `pipeline` orders them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from datareplication.jobs.model.manifest import MaterializedView, Part
from datareplication.jobs.model.masking.searches import Finding, Searchable
from datareplication.jobs.model.tables import Shape

if TYPE_CHECKING:
    from datareplication.jobs.model.masking.telling import Kind


@dataclass(frozen=True)
class CopyParts:
    """Load files of one table in one transaction. is_whole: they are the whole table, so its rows may be frozen."""

    oid: int
    shape: Shape
    parts: tuple[Part, ...]
    is_whole: bool


@dataclass(frozen=True)
class RestoreEntries:
    """Restore entries of the schema's archive: indexes and their constraints. ids: of the entries in the archive."""

    ids: tuple[int, ...]


@dataclass(frozen=True)
class CountRows:
    """Compare tables' row counts with the manifest's.

    as_loader: count as the load's role; then no query is planned that would run code of the source.
    """

    expected: tuple[tuple[Shape, int], ...]
    as_loader: bool = False


@dataclass(frozen=True)
class CompareSum:
    """Compare a table's checksum with the manifest's."""

    shape: Shape
    checksum: str | None


@dataclass(frozen=True)
class Refresh:
    """Fill a materialized view. settings: (name, value) of settings that affect its rows."""

    view: MaterializedView
    settings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Analyze:
    """Gather statistics of tables."""

    shapes: tuple[Shape, ...]


@dataclass(frozen=True)
class SearchTable:
    """Look for leaks in a table or materialized view. kinds: what is looked for in each of its columns."""

    of: Searchable
    kinds: "tuple[frozenset[Kind], ...]"
    encoding: str = "UTF8"


@dataclass(frozen=True)
class Searched:
    """What a search found."""

    findings: tuple[Finding, ...]


Task = CopyParts | RestoreEntries | CountRows | CompareSum | Refresh | Analyze | SearchTable
Result = Task | Searched
