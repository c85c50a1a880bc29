"""The spec of a DataReplicationRun and the run as the operator handles it."""

import contextlib
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field, StringConstraints, ValidationError

from datareplication.core import names, times
from datareplication.core.choices import DEFAULT_FRESHNESS_SECONDS, Action
from datareplication.core.model import Model, Name, pattern_message, rules
from datareplication.core.spec import ReplicationSpec, first_error, parse
from datareplication.core.state import RunStatus, is_legible, read_status
from datareplication.errors import SpecError

_PART = r"(\.{0,2}[-A-Za-z0-9_=+][-A-Za-z0-9_.=+]*|\.{3}[-A-Za-z0-9_.=+]*)"
SNAPSHOT_PATTERN = f"^{_PART}(/{_PART})+$"
"""Matches what spec.snapshot.path can give. No part is . or .., which would lead elsewhere."""


def _constant(*fields: str) -> list[tuple[str, str]]:
    """Return the rules that a field stays as it was at creation, even if it was absent."""
    rule = "has(self.{0}) == has(oldSelf.{0}) && (!has(self.{0}) || self.{0} == oldSelf.{0})"
    return [(rule.format(field), f"{field} cannot change") for field in fields]


def _set_once(*fields: str) -> list[tuple[str, str]]:
    """Return the rules that a field stays as it is once it is set: the operator sets it after creation."""
    rule = "!has(oldSelf.{0}) || (has(self.{0}) && self.{0} == oldSelf.{0})"
    return [(rule.format(field), f"{field} cannot change once it is set") for field in fields]


Instant = Annotated[
    AwareDatetime,
    AfterValidator(times.checked),
    Field(
        json_schema_extra=rules(
            (
                "self >= timestamp('1970-01-01T00:00:00Z') && self < timestamp('9000-01-01T00:00:00Z')",
                "must lie between the years 1970 and 9000",
            )
        )
    ),
]
"""Users write such a field, and paths and names are made from it: year 1 with an offset may not exist in UTC."""


class DataInterval(Model):
    """The period that a run stands for: [start, end)."""

    start: Instant = Field(description="The previous slot; included.")
    end: Instant = Field(description="The run's slot, or the creation of a run made by hand; not included.")


class RunSpec(Model):
    """What to run. Give `replicationName`; the operator fills in the rest. Once the run has begun, nothing changes."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            *_constant("replicationName", "action", "slot", "targets", "snapshot"),
            *_set_once("dataInterval"),
            (
                "has(self.snapshot) == (has(self.action) && self.action == 'Load')",
                "snapshot goes with action Load, which needs it: status.snapshot of the run that made it",
            ),
            (
                "!has(self.snapshot) || self.snapshot.startsWith(self.replicationName + '/')",
                "snapshot must lie below replicationName/",
            ),
            ("!has(self.slot) || !has(self.action) || self.action == 'Replicate'", "a slot's run has action Replicate"),
        )
    )

    replication_name: Name = Field(description="Name of the DataReplication, in the same namespace.")
    slot: Instant | None = Field(None, description="When the schedule was due. Unset for a run made by hand.")
    data_interval: DataInterval | None = Field(None, description="Filled in by the operator.")
    action: Action = Field(
        "Replicate",
        description="Replicate dumps and loads; Load loads an older snapshot; Rollback undoes the last swap of each "
        "target, and a second Rollback redoes that swap.",
    )
    snapshot: Annotated[str, StringConstraints(pattern=SNAPSHOT_PATTERN, max_length=400)] | None = Field(
        None,
        description="For Load: path of the snapshot on the volume, from status.snapshot of the run that made it.",
        json_schema_extra=pattern_message("must be a path below replicationName/, without . and .. in it"),
    )
    targets: list[Name] | None = Field(
        None,
        min_length=1,
        max_length=32,
        description="Only these targets, for example the ones that failed. Unset: all.",
    )
    replication: ReplicationSpec | None = Field(
        None,
        description="The DataReplication's spec when the run began. The operator fills it in and overwrites any other.",
    )


@dataclass(frozen=True)
class Run:
    """One DataReplicationRun with its parsed parts."""

    name: str
    namespace: str
    uid: str
    created: datetime
    request: RunSpec
    status: RunStatus
    raw: dict[str, Any]
    is_left_alone: bool = False
    """Whether a part of the status cannot be read: a newer operator has carried the run out. Carrying it out again
    could, for example, undo a rollback."""

    @property
    def spec(self) -> ReplicationSpec:
        """Return the run's copy of the DataReplication's spec; SpecError when the operator has not completed it yet."""
        if self.request.replication is None:
            raise SpecError("spec.replication", "the run has not been completed by the operator yet")
        return self.request.replication

    @property
    def freshness_seconds(self) -> int | None:
        """Return for how long the run's data is fresh, by its copy of the spec; None without a copy."""
        if self.request.replication is not None:
            return self.request.replication.freshness_seconds
        copied = (self.raw.get("spec") or {}).get("replication")
        if not isinstance(copied, dict):
            return None
        seconds = copied.get("freshnessSeconds")
        return seconds if isinstance(seconds, int) else DEFAULT_FRESHNESS_SECONDS

    @property
    def targets(self) -> tuple[str, ...]:
        """Return the names of the targets that this run loads."""
        wanted = self.request.targets
        return tuple(t.name for t in self.spec.targets if wanted is None or t.name in wanted)

    @property
    def has_dump(self) -> bool:
        """Whether the run makes a snapshot of its own; a load of an older snapshot and a rollback do not."""
        return self.request.action == "Replicate"

    @property
    def is_rollback(self) -> bool:
        """Whether the run's loads read no snapshot and undo the last load."""
        return self.request.action == "Rollback"

    @property
    def is_finished(self) -> bool:
        """Whether the run has ended; a finished run is never looked at again."""
        return self.status.completion_time is not None

    @property
    def is_admitted(self) -> bool:
        """Whether the run has begun; before that it waits for others."""
        return self.status.start_time is not None


def kept(raw: dict[str, Any]) -> dict[str, Any]:
    """Return what is needed of a DataReplicationRun object. Of an ended run's copy that is only freshnessSeconds.

    Users may make many large runs, which should not fill the memory.
    """
    if not _has_ended(raw):
        return raw
    spec, metadata = dict(raw.get("spec") or {}), dict(raw["metadata"])
    for large in ("managedFields", "annotations"):
        metadata.pop(large, None)
    if copied := spec.pop("replication", None):
        fresh = copied.get("freshnessSeconds") if isinstance(copied, dict) else None
        spec["replication"] = {} if fresh is None else {"freshnessSeconds": fresh}
    return {**raw, "metadata": metadata, "spec": spec}


def _has_ended(raw: dict[str, Any]) -> bool:
    return bool((raw.get("status") or {}).get("completionTime"))


def read(raw: dict[str, Any]) -> Run:
    """Return the run of a DataReplicationRun object, without its copy if it has ended.

    SpecError names the field that cannot be read.
    """
    metadata = raw["metadata"]
    spec = dict(raw.get("spec") or {})
    copied = spec.pop("replication", None)
    try:
        request = RunSpec.model_validate(spec)
    except ValidationError as error:
        raise first_error(error) from None
    if request.slot is not None and metadata["name"] != names.run_name(request.replication_name, request.slot):
        # If we accepted `slot` here, a run copied by hand would inherit the original's start time and mark its slot as
        # run.
        raise SpecError("spec.slot", "only the operator's own runs have a slot; leave it out of a run made by hand")
    if copied is not None and not _has_ended(raw):
        request = request.having(replication=parse(copied))
    is_left_alone = not is_legible(RunStatus, raw)
    return Run(
        name=metadata["name"],
        namespace=metadata["namespace"],
        uid=metadata["uid"],
        created=times.from_text(metadata["creationTimestamp"]),
        request=request,
        status=_left_alone(raw) if is_left_alone else _status(raw, request),
        raw=raw,
        is_left_alone=is_left_alone,
    )


def begun(run: Run, now: datetime) -> Run:
    """Return the run as begun: now, if it has not begun before."""
    return run if run.is_admitted else replace(run, status=run.status.having(start_time=now))


def _left_alone(raw: dict[str, Any]) -> RunStatus:
    """Return what can be read of a status that must not be changed; such a run counts as begun."""
    status, created = read_status(RunStatus, raw), times.from_text(raw["metadata"]["creationTimestamp"])
    name = raw["metadata"]["name"]
    message = f"run {name} is left alone: another version of the operator wrote its status; delete the run or upgrade"
    return status.having(start_time=status.start_time or created, message=message)


def _status(raw: dict[str, Any], request: RunSpec) -> RunStatus:
    """Return the status; a slot's run may have begun at its creation, before its status says so.

    What is written next is about the spec of now.
    """
    status = read_status(RunStatus, raw)
    if not _has_ended(raw):
        status = status.having(observed_generation=raw["metadata"].get("generation"))
    begun = (raw["metadata"].get("annotations") or {}).get(names.BEGUN_ANNOTATION)
    if raw.get("status") or request.slot is None or not begun:
        return status
    with contextlib.suppress(ValueError):  # a time that somebody else wrote
        return status.having(start_time=times.from_text(begun))
    return status


def check(run: Run) -> None:
    """Raise SpecError for a completed run that can never be carried out."""
    _check_action(run.request)
    known = {target.name for target in run.spec.targets}
    if unknown := [name for name in run.request.targets or () if name not in known]:
        raise SpecError("spec.targets", f"{unknown[0]!r} is not a target of {run.request.replication_name}")
    if names.is_too_long(run.name, run.targets):
        raise SpecError("metadata.name", f"{run.name!r} with a target's name is over {names.NAME_LIMIT - 6} characters")


def _check_action(request: RunSpec) -> None:
    """Raise SpecError for fields that do not go together. The schema refuses them too, except in older objects."""
    name, path = request.replication_name, request.snapshot
    if request.slot is not None and request.action != "Replicate":
        raise SpecError("spec.action", f"a slot's run has action Replicate, not {request.action}")
    if request.action != "Load" and path is not None:
        raise SpecError("spec.snapshot", f"goes with action Load, not with {request.action}: leave it out")
    if request.action == "Load" and path is None:
        raise SpecError("spec.snapshot", "action Load needs it: status.snapshot of the run that made the snapshot")
    if path is not None and not path.startswith(f"{name}/"):
        raise SpecError("spec.snapshot", f"must lie below {name}/, where that DataReplication's snapshots are")
