"""What lies on a volume, as values: snapshots, whole or damaged, and what dumps left behind."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from datareplication.core import times
from datareplication.jobs.model import retention
from datareplication.jobs.model.manifest import Manifest

State = Literal["Complete", "Damaged", "Partial", "Pruned"]


@dataclass(frozen=True)
class Found:
    """A snapshot, or what is left of one. path: below the root. bytes: on the volume. problem: what a damaged one has.

    Partial ones are being written, or their dump has died; Pruned ones were being removed.
    """

    path: str
    state: State
    bytes: int = 0
    manifest: Manifest | None = None
    problem: str = ""

    @property
    def time(self) -> datetime | None:
        """When it was taken."""
        return times.from_text(self.manifest.snapshot_time) if self.manifest else None


@dataclass(frozen=True)
class Inventory:
    """Everything of ours below a root. locks: those without a partial snapshot. empty: directories, deepest first."""

    found: tuple[Found, ...]
    locks: tuple[str, ...]
    empty: tuple[str, ...]

    @property
    def complete(self) -> list[retention.StoredSnapshot]:
        """The complete snapshots, as the retention rule sees them."""
        return [
            retention.StoredSnapshot(one.path, one.manifest.run.replication, one.time, one.bytes)
            for one in self.found
            if one.state == "Complete" and one.manifest and one.time
        ]
