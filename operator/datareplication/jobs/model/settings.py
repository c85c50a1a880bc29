"""The programs' settings, as values. `commands` reads them from arguments and environment."""

from dataclasses import dataclass, field
from pathlib import Path

from datareplication.core.choices import Compression, Grants, LeakSearch, Overwrite, Owners, Strategy, Verification
from datareplication.jobs.model.connections import Connection
from datareplication.jobs.model.retention import Order


@dataclass(frozen=True)
class Care:
    """Limits that protect the source."""

    lock_timeout_seconds: int = 30
    """Limit of one wait for a lock."""
    max_snapshot_age_seconds: int = 14_400
    """Limit of the transaction that holds back VACUUM (xmin)."""
    blocking_patience_seconds: int = 30
    """How long others may wait for the dump's locks."""


@dataclass(frozen=True)
class RunSettings:
    """What both programs know of the run they belong to; empty when they are started by hand."""

    name: str = ""
    uid: str = ""
    replication: str = ""
    timeout_seconds: int | None = None


@dataclass(frozen=True)
class MaskingSettings:
    """How a dump masks."""

    rules: Path
    key: bytes = field(repr=False)


@dataclass(frozen=True)
class DumpSettings:
    """All settings of a dump. output: the snapshot's directory, which must not exist yet."""

    run: RunSettings
    source: Connection
    output: Path
    workers: int = 4
    compression: Compression = "Zstd"
    data_interval_start: str = ""
    data_interval_end: str = ""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    schema_only: tuple[str, ...] = ()
    checksum: bool = False
    pruning: Order | None = None
    care: Care = field(default_factory=Care)
    masking: MaskingSettings | None = None


@dataclass(frozen=True)
class LoadSettings:
    """All settings of a load."""

    run: RunSettings
    target_name: str
    target: Connection
    input: Path
    """Directory of a published snapshot; an empty path for a rollback, which reads no snapshot."""
    strategy: Strategy = "Swap"
    maintenance_database: str = "postgres"
    workers: int = 2
    verify: Verification = "Rows"
    keep_previous: int = 1
    overwrite: Overwrite = "OnlyManaged"
    is_physical_clone_of_source: bool = False
    after_load: Path | None = None
    siblings: tuple[str, ...] = ()
    """Databases on the same server that the same run loads with the same role."""
    owners: Owners = "Keep"
    grants: Grants = "Keep"
    is_any_run: bool = False
    """Whether a snapshot of another run is accepted."""
    is_rollback: bool = False
    masking_key: bytes | None = field(default=None, repr=False)
    leak_gate: LeakSearch = "Full"
    builder: Connection | None = None
    """The build role that the load was given; its rights end at the database that is built."""
