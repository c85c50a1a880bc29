"""What the programs are told, as values. `commands` reads them from arguments and environment."""

from dataclasses import dataclass, field
from pathlib import Path

from datareplication.core.choices import Compression, Grants, Overwrite, Owners, Strategy, Verification
from datareplication.jobs.model.connections import Connection
from datareplication.jobs.model.retention import Order


@dataclass(frozen=True)
class Care:
    """Limits in seconds. lock_timeout: of one wait for a lock. max_snapshot_age: of the transaction that holds xmin.

    blocking_patience: how long others may wait for the dump's locks.
    """

    lock_timeout_seconds: int = 30
    max_snapshot_age_seconds: int = 14_400
    blocking_patience_seconds: int = 30


@dataclass(frozen=True)
class RunSettings:
    """What both programs are told of the run they belong to; empty when run by hand."""

    name: str = ""
    uid: str = ""
    replication: str = ""
    timeout_seconds: int | None = None


@dataclass(frozen=True)
class DumpSettings:
    """Everything a dump is told. output: the snapshot's directory, which must not exist yet."""

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


@dataclass(frozen=True)
class LoadSettings:
    """Everything a load is told. input: a published snapshot's directory; a rollback reads none and has an empty path.

    siblings: databases on the same server that the same run loads with the same role. is_any_run: whether another run's
    snapshot will do. builder: a role to build as, whose rights end at the database that is built.
    """

    run: RunSettings
    target_name: str
    target: Connection
    input: Path
    strategy: Strategy = "Swap"
    maintenance_database: str = "postgres"
    workers: int = 2
    verify: Verification = "Rows"
    keep_previous: int = 1
    overwrite: Overwrite = "OnlyManaged"
    is_physical_clone_of_source: bool = False
    after_load: Path | None = None
    siblings: tuple[str, ...] = ()
    owners: Owners = "Keep"
    grants: Grants = "Keep"
    is_any_run: bool = False
    is_rollback: bool = False
    builder: Connection | None = None
