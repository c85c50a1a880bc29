"""What a load's workers are told to do in the new database: values. `worker` does it, `pipeline` orders it."""

from dataclasses import dataclass

from datareplication.jobs.model.manifest import MaterializedView, Part
from datareplication.jobs.model.tables import Shape


@dataclass(frozen=True)
class CopyParts:
    """Load files of one table in one transaction. is_whole: they are all of it, so that its rows may be frozen."""

    oid: int
    shape: Shape
    parts: tuple[Part, ...]
    is_whole: bool


@dataclass(frozen=True)
class RestoreEntries:
    """Restore entries of the schema's archive, by their ids in it: indexes and their constraints."""

    ids: tuple[int, ...]


@dataclass(frozen=True)
class CountRows:
    """Compare tables' rows with the manifest's.

    as_loader: as the load's role, which plans no query that would run code of the source's.
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
    """Fill a materialized view. settings: (name, value), those that shape its rows."""

    view: MaterializedView
    settings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Analyze:
    """Gather tables' statistics."""

    shapes: tuple[Shape, ...]


Task = CopyParts | RestoreEntries | CountRows | CompareSum | Refresh | Analyze
