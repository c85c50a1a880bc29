"""What a dump has found out about the source before it copies rows: values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from datareplication.jobs.frame.tools import Tool
from datareplication.jobs.model import manifest as manifests
from datareplication.jobs.model.filling import Filling
from datareplication.jobs.model.selection import Selection
from datareplication.jobs.model.tables import Table
from datareplication.jobs.postgres import unlocked
from datareplication.jobs.postgres.source import ExportedSnapshot

if TYPE_CHECKING:
    from datareplication.jobs.model.masking.masking import Masking


@dataclass(frozen=True)
class Seen:
    """What is dumped: a database at one instant."""

    identity: manifests.Source
    snapshot: ExportedSnapshot
    tables: Sequence[Table]
    """All tables except those that are left out."""
    selection: Selection
    sequences: tuple[manifests.Sequence, ...]
    large_objects: int
    """How many there are."""
    pg_dump: Tool
    settings: tuple[manifests.Setting, ...]
    """Settings of the source's normal sessions that affect the rows of its views."""
    for_tools: Mapping[str, str]
    """Settings with which pg_dump's sessions start."""
    views: Filling
    masking: "Masking | None"
    unplanned: frozenset[int]
    """Oids of tables over which no query may be planned."""
    versions: unlocked.Versions
    """Versions of the objects that no lock protects."""

    @property
    def copied(self) -> Sequence[Table]:
        """The tables whose rows are copied."""
        return [table for table in self.tables if table.oid not in self.selection.rowless_oids]
