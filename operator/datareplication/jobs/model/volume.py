"""What is on a volume, as values: complete and damaged snapshots, and what dumps left behind."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from datareplication.core import times
from datareplication.jobs.model import retention
from datareplication.jobs.model.manifest import Manifest

State = Literal["Complete", "Damaged", "Partial", "Pruned"]


@dataclass(frozen=True)
class Gist:
    """The part of a manifest that lists and rules need; whole manifests of all snapshots would fill the memory."""

    replication: str
    run: str
    snapshot_time: str
    lsn: str
    tables: int
    rows: int
    bytes: int


def gist_of(manifest: Manifest) -> Gist:
    """Return the gist of a manifest."""
    run = manifest.run
    return Gist(
        run.replication,
        run.name,
        manifest.snapshot_time,
        manifest.lsn,
        manifest.tables,
        manifest.rows,
        manifest.bytes,
    )


@dataclass(frozen=True)
class Found:
    """A snapshot, or what is left of one."""

    path: str
    """Below the root."""
    state: State
    """Partial: it is being written, or its dump has died. Pruned: its removal was begun."""
    bytes: int = 0
    """Bytes on the volume."""
    gist: Gist | None = None
    problem: str = ""
    """What is wrong with a damaged snapshot."""

    @property
    def time(self) -> datetime | None:
        """When the snapshot was taken."""
        return times.from_text(self.gist.snapshot_time) if self.gist else None


@dataclass(frozen=True)
class Inventory:
    """All that dumps have left below a root."""

    found: tuple[Found, ...]
    locks: tuple[str, ...]
    """Lock files without a partial snapshot."""
    empty: tuple[str, ...]
    """Empty directories, deepest first."""

    @property
    def complete(self) -> list[retention.StoredSnapshot]:
        """The complete snapshots, as the retention rule sees them."""
        return [
            retention.StoredSnapshot(one.path, one.gist.replication, one.time, one.bytes)
            for one in self.found
            if one.state == "Complete" and one.gist and one.time
        ]

    def including(self, one: Found) -> "Inventory":
        """Return the inventory with one more snapshot."""
        return replace(self, found=(*self.found, one))
