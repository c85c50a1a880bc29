"""Where a target's data is from, as a load leaves it there: values."""

from dataclasses import dataclass

DROP = "rename or drop schema datareplication"


@dataclass(frozen=True)
class Provenance:
    """One load. Times are RFC 3339, UTC.

    run_uid, run_name, replication: of the snapshot; loaded_by_run_uid: of the run that loaded it, empty by hand.
    previous_database: oid of the database that the load replaced. target_*: where it was loaded, so that a copy of the
    target elsewhere is not taken for one. snapshot: its path as the load was given it. bytes: of uncompressed CSV.
    """

    source_system_identifier: str
    source_database: str
    snapshot_time: str
    lsn: str
    run_uid: str
    run_name: str
    replication: str
    target_system_identifier: str
    target_database: str
    previous_database: int
    schema_fingerprint: str
    tool_version: str
    duration_seconds: float
    loaded_by_run_uid: str
    snapshot: str
    tables: int
    rows: int
    bytes: int


@dataclass(frozen=True)
class Home:
    """Where a load that makes no new database leaves its provenance.

    is_schema_ours, is_table_ours: whether schema and table, if they are there, belong to the role itself (or, where it
    is a superuser, to one). is_plain: whether the table, if there is one, is such as a load makes and runs no code.
    can_create: whether the role may make a schema.
    """

    has_schema: bool
    has_table: bool
    is_schema_ours: bool
    is_table_ours: bool
    can_create: bool
    is_plain: bool

    @property
    def is_strangers(self) -> bool:
        """Whether schema or table are there and belong to somebody else."""
        return (self.has_schema and not self.is_schema_ours) or (self.has_table and not self.is_table_ours)
