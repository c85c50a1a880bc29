"""Where a target's data is from, as a load records it in the target: values."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from datareplication.core import times
from datareplication.jobs.model import codec, ranges

DROP = "rename or drop schema datareplication"

CLOCKS_APART = timedelta(days=1)
"""How far the clock of the source, which gives a snapshot's time, may be ahead of ours."""


@dataclass(frozen=True)
class Provenance:
    """One load."""

    source_system_identifier: ranges.Text
    source_database: ranges.Text
    snapshot_time: ranges.Moment
    """RFC 3339, UTC."""
    lsn: ranges.Lsn
    run_uid: ranges.Text
    """Of the run that made the snapshot; so are the next two."""
    run_name: ranges.Text
    replication: ranges.Text
    target_system_identifier: ranges.Text
    """Server and database that were loaded, so that a copy of the target elsewhere does not count as loaded."""
    target_database: ranges.Text
    previous_database: ranges.Count
    """Oid of the database that the load replaced."""
    schema_fingerprint: ranges.Text
    tool_version: ranges.Text
    duration_seconds: ranges.Seconds
    loaded_by_run_uid: ranges.Text
    """Of the run that loaded the snapshot; empty for a load by hand."""
    snapshot: ranges.FilePath
    """The snapshot's path as the load got it."""
    tables: ranges.Count
    rows: ranges.Count
    bytes: ranges.Count
    """Of uncompressed CSV."""
    masking_rules: ranges.Text = ""
    """The sha256 of the file by which the rows were masked; empty if none was."""

    def is_plausible(self, now: datetime) -> bool:
        """Whether a load can have written this before `now`: the target's owner can write anything."""
        if not codec.is_within(self):
            return False
        taken = times.optional(self.snapshot_time)
        return taken is not None and taken <= now + CLOCKS_APART


@dataclass(frozen=True)
class Home:
    """Schema and table in which a load in place leaves its provenance, as they are found."""

    has_schema: bool
    has_table: bool
    is_schema_ours: bool
    """Whether the schema exists and belongs to the load's role, or to a superuser if that role is one."""
    is_table_ours: bool
    """Whether the table exists and belongs to the load's role, or to a superuser if that role is one."""
    can_create: bool
    """Whether the load's role may create a schema."""
    is_plain: bool
    """Whether the table, if it exists, is as a load creates it and runs no code."""

    @property
    def is_strangers(self) -> bool:
        """Whether the schema or the table exists and belongs to somebody else."""
        return (self.has_schema and not self.is_schema_ours) or (self.has_table and not self.is_table_ours)
