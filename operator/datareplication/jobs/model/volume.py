"""What lies on a volume, as values: snapshots, whole or damaged, and what dumps left behind."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from datareplication.core import times
from datareplication.jobs.model import retention
from datareplication.jobs.model.manifest import Manifest

State = Literal["Complete", "Damaged", "Partial", "Pruned"]


@dataclass(frozen=True)
class Gist:
    """What a snapshot's manifest says of it, as far as lists and rules ask; whole ones would fill the memory."""

    replication: str
    run: str
    snapshot_time: str
    lsn: str
    tables: int
    rows: int
    bytes: int


def gist_of(manifest: Manifest) -> Gist:
    """Return that of a manifest."""
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
    """A snapshot, or what is left of one. path: below the root. bytes: on the volume. problem: what a damaged one has.

    Partial ones are being written, or their dump has died; Pruned ones were being removed.
    """

    path: str
    state: State
    bytes: int = 0
    gist: Gist | None = None
    problem: str = ""

    @property
    def time(self) -> datetime | None:
        """When it was taken."""
        return times.from_text(self.gist.snapshot_time) if self.gist else None


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
            retention.StoredSnapshot(one.path, one.gist.replication, one.time, one.bytes)
            for one in self.found
            if one.state == "Complete" and one.gist and one.time
        ]

    def including(self, one: Found) -> "Inventory":
        """Return it with one more."""
        return replace(self, found=(*self.found, one))
