"""The spec of a DataReplication: CR dict -> frozen `ReplicationSpec`, or `SpecError` naming the field.

This module says what a spec may hold. `schedule.py` decides when a run is due, `plan.py` what a run does next.
"""

import re
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import ConfigDict, Field, StringConstraints, ValidationError, model_validator
from pydantic_core import ErrorDetails

from datareplication.core.choices import DEFAULT_FRESHNESS_SECONDS, Compression, ConcurrencyPolicy, Partitioning
from datareplication.core.claim import ClaimTemplate
from datareplication.core.endpoints import DEFAULT_PORT, Source, Target
from datareplication.core.model import Model, Moment, ObjectName, Seconds, Workers, keyed, pattern_message, rules
from datareplication.core.pod_settings import JobSettings, PodSecurity, PodSettings
from datareplication.core.subscriptions import Notification
from datareplication.errors import SpecError

CRON_PATTERN = (
    r"^(@(hourly|daily|weekly|monthly|yearly)"
    r"|([0-9*/,-]+ +){3}([0-9*/,-]|[A-Za-z]{3})+ +([0-9*/,-]|[A-Za-z]{3})+)$"
)
"""Five fields or a preset. A seconds field, `L`, `#`, `?` and `TZ=` prefixes do not match: their meaning differs
between cron programs, and the time zone has its own field."""

PLACEHOLDERS = ("date", "ds", "ds_nodash", "execution_date", "data_interval_start", "data_interval_end", "run")
PATH_PATTERN = r"^([-A-Za-z0-9_.=+]|\{[a-z_]+\})+(/([-A-Za-z0-9_.=+]|\{[a-z_]+\})+)*$"


class Schedule(Model):
    """When runs are due."""

    cron: Annotated[str, StringConstraints(pattern=CRON_PATTERN, max_length=100)] = Field(
        description="Five cron fields (minute, hour, day of month, month, day of week) or @hourly, @daily, @weekly, "
        "@monthly, @yearly. Read in timeZone; a daily slot happens exactly once on every local day.",
        json_schema_extra=pattern_message(
            "must be five cron fields or @hourly, @daily, @weekly, @monthly, @yearly, for example '0 3 * * *'; "
            "the time zone goes into timeZone"
        ),
    )
    time_zone: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_+\-/]+$", max_length=64)] = Field(
        "Etc/UTC",
        description="IANA time zone of the cron expression and of the {date} in the snapshot's path.",
        json_schema_extra=pattern_message("must be an IANA time zone, for example Europe/Zurich or Etc/UTC"),
    )
    start_date: Moment | None = Field(None, description="No slot before this instant is run.")
    end_date: Moment | None = Field(None, description="No slot after this instant is run; then phase Completed.")
    catchup: bool = Field(
        False,
        description="Run every missed slot, oldest first, at most the latest 10, instead of only the latest one. "
        "Without effect under concurrencyPolicy Replace.",
    )
    starting_deadline_seconds: Seconds | None = Field(
        None, description="A slot that could not be started for this long is missed. Unset: no deadline."
    )
    partitioning: Partitioning = Field("Daily", description="Whether {date} and {ds} hold a day, hour or month.")


class RetryPolicy(Model):
    """How often and when a failed attempt is repeated; only timeouts and network errors are."""

    retries: int = Field(2, ge=0, le=10, description="Attempts after the first; becomes the Job's backoffLimit.")
    delay_seconds: int = Field(300, ge=0, le=86_400, description="Time from a failed attempt's end to the next one.")


class History(Model):
    """How many finished runs are kept as objects."""

    successful: int = Field(3, ge=0, le=100, description="Succeeded DataReplicationRuns kept.")
    failed: int = Field(3, ge=0, le=100, description="Failed and partially failed DataReplicationRuns kept.")


class PersistentVolumeClaimRef(Model):
    """A claim in the resource's own namespace."""

    claim_name: ObjectName = Field(description="Name of the PersistentVolumeClaim.")


class Retention(Model):
    """Which snapshots stay on the volume; the last good one and those in use always do."""

    keep: int = Field(7, ge=1, le=1000, description="How many snapshots of this DataReplication are kept.")
    max_age_days: int | None = Field(None, ge=1, le=3650, description="Older ones are removed. Unset: no age limit.")


class Snapshot(Model):
    """Where the snapshots lie and in which form."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "has(self.persistentVolumeClaim) != has(self.volumeClaimTemplate)",
                "give either persistentVolumeClaim or volumeClaimTemplate",
            )
        )
    )

    persistent_volume_claim: PersistentVolumeClaimRef | None = Field(
        None,
        description="An existing claim: ReadWriteMany; ReadWriteOnce with all pods on one node; ReadWriteOncePod with "
        "one load at a time.",
    )
    volume_claim_template: ClaimTemplate | None = Field(
        None,
        description="Spec of a claim that is made once, named <name>-snapshots, and never deleted with the resource: "
        "accessModes, storageClassName, resources.requests.storage.",
    )
    path: Annotated[str, StringConstraints(pattern=PATH_PATTERN, max_length=200)] = Field(
        "prod_snapshot_{date}",
        description="The snapshot's directory below <name>/<run>/. Placeholders: {date} (the slot's local day, "
        "YYYYMMDD), {ds}, {ds_nodash}, {execution_date}, {data_interval_start}, {data_interval_end}, {run}.",
        json_schema_extra=pattern_message(
            "must be a relative path of letters, digits, - _ . = + and known {placeholders}"
        )
        | rules(("!self.split('/').exists(part, part == '..' || part == '.')", "must not hold . or ..")),
    )
    compression: Compression = Field("Zstd", description="Compression of the CSV files.")
    retention: Retention = Field(default_factory=Retention, description="Which snapshots stay on the volume.")


class Dump(PodSettings):
    """The dump Job."""

    workers: Workers = Field(4, description="Parallel connections to the source.")
    timeout_seconds: Seconds | None = Field(
        None, description="Deadline of the dump Job; it starts anew after a retry's delay. Unset: the run's."
    )
    lock_timeout_seconds: Seconds = Field(
        30, description="How long the dump waits for a lock on a table; then the attempt ends and is retried."
    )
    max_snapshot_age_seconds: Seconds = Field(
        14_400, description="How long the dump's snapshot may hold VACUUM back on the source; then the attempt ends."
    )
    blocking_patience_seconds: Seconds = Field(
        30,
        description="How long the dump may make other sessions wait for its locks; then it gives way.",
    )


_SAME_HOST = "has(t.host) && has(self.source.host) && t.host == self.source.host"
_SAME_CLUSTER = (
    "has(t.clusterRef) && has(self.source.clusterRef) "
    "&& [t.clusterRef.kind, t.clusterRef.name] == [self.source.clusterRef.kind, self.source.clusterRef.name]"
)
_IS_SOURCE = (
    f"({_SAME_HOST} || {_SAME_CLUSTER}) && t.database == self.source.database "
    f"&& (has(t.port) ? t.port : {DEFAULT_PORT}) == self.source.port"
)


class ReplicationSpec(Model):
    """What to copy, where to, and when."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                f"!self.targets.exists(t, {_IS_SOURCE})",
                "a target has the host, port and database of the source: the load would overwrite the source",
            )
        )
    )

    description: str = Field("", max_length=1000, description="For people.")
    tags: list[Annotated[str, StringConstraints(max_length=63)]] = Field(
        default_factory=list, max_length=32, description="For people and their tools."
    )
    suspend: bool = Field(False, description="No new scheduled run starts; active ones go on.")
    schedule: Schedule | None = Field(None, description="When runs are due. Unset: only runs made by hand.")
    max_active_runs: int = Field(
        1,
        ge=1,
        le=16,
        description="Runs that may be active at once under Allow; 1 under other policies and with dependsOnPast.",
    )
    concurrency_policy: ConcurrencyPolicy = Field(
        "Forbid",
        description="A slot due while a run is active waits (Forbid), starts beside it (Allow), or ends it and takes "
        "its place (Replace); a run made by hand is never ended.",
    )
    depends_on_past: bool = Field(
        False, description="After a failed run, slots wait until a run made by hand has succeeded."
    )
    timeout_seconds: Seconds = Field(21_600, description="Deadline of a whole run, retries and their delays included.")
    retry_policy: RetryPolicy = Field(default_factory=RetryPolicy, description="Repetition of failed attempts.")
    history: History = Field(default_factory=History, description="Finished runs kept as objects.")
    source: Source = Field(description="The database that is copied.")
    snapshot: Snapshot = Field(description="Where the snapshots lie.")
    dump: Dump = Field(default_factory=Dump, description="The dump Job.")
    jobs: JobSettings = Field(
        default_factory=JobSettings,
        description="What all Jobs have in common, beside what the chart's value jobs says; dump and targets[] win.",
    )
    max_parallel_loads: int | None = Field(None, ge=1, le=32, description="Load Jobs at once. Unset: all of them.")
    notifications: list[Notification] = Field(
        default_factory=list,
        max_length=16,
        description="Which events are told to which of the installation's sinks. Nothing by default.",
        json_schema_extra=keyed("sink"),
    )
    freshness_seconds: Seconds = Field(
        DEFAULT_FRESHNESS_SECONDS, description="Condition Fresh: every target's data is younger than this."
    )
    pod_security_context: PodSecurity = Field(
        default_factory=PodSecurity,
        description="runAsUser, runAsGroup, fsGroup, fsGroupChangePolicy, supplementalGroups, supplementalGroupsPolicy "
        "and seLinuxOptions.level of the Jobs' pods; leave empty on OpenShift.",
    )
    start_timeout_seconds: Seconds = Field(600, description="A pod that has not started by then fails its Job.")
    targets: list[Target] = Field(
        min_length=1, max_length=32, description="Databases that receive the data.", json_schema_extra=keyed("name")
    )

    @model_validator(mode="after")
    def _targets_differ(self) -> Self:
        names = [target.name for target in self.targets]
        if duplicates := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"duplicate target name {duplicates[0]!r}: give each target its own name")
        return self

    def target(self, name: str) -> Target:
        """Return the target called `name`; KeyError when there is none."""
        return {target.name: target for target in self.targets}[name]


def parse(spec: Any) -> ReplicationSpec:
    """Return the parsed `spec` of a DataReplication (the mapping below the key `spec`).

    SpecError names the first wrong field, what is wrong with it and the remedy. No other error is raised.
    """
    try:
        parsed = ReplicationSpec.model_validate(spec)
    except ValidationError as error:
        raise first_error(error) from None
    if parsed.schedule is not None:
        _check_time_zone(parsed.schedule.time_zone)
    _check_path(parsed.snapshot.path)
    return parsed


def first_error(error: ValidationError, root: str = "spec") -> SpecError:
    """Return the first of pydantic's errors, with the field's path below `root`."""
    details: ErrorDetails = error.errors(include_url=False, include_input=False)[0]
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in details["loc"])
    return SpecError(root + path, details["msg"].removeprefix("Value error, "))


def _check_time_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SpecError(
            "spec.schedule.timeZone",
            f"unknown time zone {name!r}; use an IANA name such as Europe/Zurich or Etc/UTC",
            reason="UnknownTimeZone",
        ) from None


def _check_path(path: str) -> None:
    if any(part in (".", "..") for part in path.split("/")):
        raise SpecError("spec.snapshot.path", "must not hold . or ..")
    unknown = [name for name in re.findall(r"\{([a-z_]+)\}", path) if name not in PLACEHOLDERS]
    if unknown:
        known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        raise SpecError("spec.snapshot.path", f"unknown placeholder {{{unknown[0]}}}; there are {known}")
