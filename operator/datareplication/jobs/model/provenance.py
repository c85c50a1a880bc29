"""Where a target's data is from, as a load leaves it there: values."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from datareplication.core import times
from datareplication.jobs.model import codec, ranges

DROP = "rename or drop schema datareplication"

CLOCKS_APART = timedelta(days=1)
"""The source's clock tells when a snapshot was taken."""


@dataclass(frozen=True)
class Provenance:
    """One load. Times are RFC 3339, UTC.

    run_uid, run_name, replication: of the snapshot; loaded_by_run_uid: of the run that loaded it, empty by hand.
    previous_database: oid of the database that the load replaced. target_*: where it was loaded, so that a copy of the
    target elsewhere is not taken for one. snapshot: its path as the load was given it. bytes: of uncompressed CSV.
    """

    source_system_identifier: ranges.Text
    source_database: ranges.Text
    snapshot_time: ranges.Moment
    lsn: ranges.Lsn
    run_uid: ranges.Text
    run_name: ranges.Text
    replication: ranges.Text
    target_system_identifier: ranges.Text
    target_database: ranges.Text
    previous_database: ranges.Count
    schema_fingerprint: ranges.Text
    tool_version: ranges.Text
    duration_seconds: ranges.Seconds
    loaded_by_run_uid: ranges.Text
    snapshot: ranges.FilePath
    tables: ranges.Count
    rows: ranges.Count
    bytes: ranges.Count

    def is_plausible(self, now: datetime) -> bool:
        """Whether a load can have written this until `now`: the target's owner can write anything."""
        if not codec.is_within(self):
            return False
        taken = times.optional(self.snapshot_time)
        return taken is not None and taken <= now + CLOCKS_APART


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
