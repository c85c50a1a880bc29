"""The provenance that a load writes into its target, made from the manifest and the place. Pure."""

from dataclasses import dataclass

from datareplication.jobs.frame.identity import tool_version
from datareplication.jobs.model.manifest import Manifest
from datareplication.jobs.model.provenance import Provenance
from datareplication.jobs.model.settings import LoadSettings


@dataclass(frozen=True)
class Place:
    """Where a snapshot is loaded. system_identifier: the server's. previous: oid of the replaced database."""

    system_identifier: str
    database: str
    previous: int


def stamp(given: LoadSettings, manifest: Manifest, place: Place, seconds: float) -> Provenance:
    """Return the provenance of a load that has taken so many seconds until now."""
    return Provenance(
        source_system_identifier=manifest.source.system_identifier,
        source_database=manifest.source.database,
        snapshot_time=manifest.snapshot_time,
        lsn=manifest.lsn,
        run_uid=manifest.run.uid,
        run_name=manifest.run.name,
        replication=manifest.run.replication,
        target_system_identifier=place.system_identifier,
        target_database=place.database,
        previous_database=place.previous,
        schema_fingerprint=manifest.schema.fingerprint,
        tool_version=tool_version(),
        duration_seconds=round(seconds, 3),
        loaded_by_run_uid=given.run.uid,
        snapshot=str(given.input),
        tables=manifest.tables,
        rows=manifest.rows,
        bytes=manifest.bytes,
        masking_rules=manifest.masked.rules_sha256 if manifest.masked else "",
    )
