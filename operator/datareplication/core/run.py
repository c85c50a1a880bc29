"""The spec of a DataReplicationRun and the run as the operator handles it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, ConfigDict, Field, StringConstraints, ValidationError

from datareplication.core import names, times
from datareplication.core.model import Model, Name, rules
from datareplication.core.spec import ReplicationSpec, first_error, parse
from datareplication.core.state import RunStatus, read_status
from datareplication.errors import SpecError


def _constant(*fields: str) -> list[tuple[str, str]]:
    """Return the rules that a field stays as it was at creation, also when it was absent."""
    rule = "has(self.{0}) == has(oldSelf.{0}) && (!has(self.{0}) || self.{0} == oldSelf.{0})"
    return [(rule.format(field), f"{field} cannot change") for field in fields]


def _set_once(*fields: str) -> list[tuple[str, str]]:
    """Return the rules that a field stays as it is once it is there: the operator fills it in after creation."""
    rule = "!has(oldSelf.{0}) || (has(self.{0}) && self.{0} == oldSelf.{0})"
    return [(rule.format(field), f"{field} cannot change once it is set") for field in fields]


class DataInterval(Model):
    """The period that a run stands for: [start, end)."""

    start: AwareDatetime = Field(description="The slot before; included.")
    end: AwareDatetime = Field(description="The run's slot, or the creation of a run made by hand; not included.")


class RunSpec(Model):
    """Which run it is. Give `replicationName`; the operator fills in the rest. Nothing of it changes afterwards."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            *_constant("replicationName", "action", "slot", "targets", "snapshot"),
            *_set_once("dataInterval", "replication"),
        )
    )

    replication_name: Name = Field(description="Name of the DataReplication, in the same namespace.")
    slot: AwareDatetime | None = Field(None, description="When the schedule was due. Unset for a run made by hand.")
    data_interval: DataInterval | None = Field(None, description="Filled in by the operator.")
    action: Literal["Replicate", "Load", "Rollback"] = Field(
        "Replicate", description="Replicate dumps and loads; Load loads an older snapshot; Rollback undoes a swap."
    )
    snapshot: Annotated[str, StringConstraints(max_length=400)] | None = Field(
        None, description="For Load: path of the snapshot on the volume, as status.snapshot of its run tells it."
    )
    targets: list[Name] | None = Field(
        None, max_length=32, description="Only these targets, for example the ones that failed. Unset: all."
    )
    replication: ReplicationSpec | None = Field(
        None, description="The DataReplication's spec at this run's creation, filled in by the operator."
    )


@dataclass(frozen=True)
class Run:
    """One DataReplicationRun with its parsed parts.

    `spec` is the copy of the DataReplication's spec that this run is carried out by; `targets` are the names it loads.
    """

    name: str
    namespace: str
    uid: str
    created: datetime
    request: RunSpec
    status: RunStatus
    raw: dict[str, Any]

    @property
    def spec(self) -> ReplicationSpec:
        """Return the copied spec; SpecError when the operator has not completed the run yet."""
        if self.request.replication is None:
            raise SpecError("spec.replication", "the run has not been completed by the operator yet")
        return self.request.replication

    @property
    def targets(self) -> tuple[str, ...]:
        """Return the names of the targets of this run."""
        wanted = self.request.targets
        return tuple(t.name for t in self.spec.targets if wanted is None or t.name in wanted)

    @property
    def is_finished(self) -> bool:
        """Whether the run has ended; a finished run is never looked at again."""
        return self.status.completion_time is not None

    @property
    def is_admitted(self) -> bool:
        """Whether the run has begun; before that it waits for others."""
        return self.status.start_time is not None


def read(raw: dict[str, Any]) -> Run:
    """Return the run of a DataReplicationRun object; SpecError names the field that cannot be read."""
    metadata = raw["metadata"]
    spec = dict(raw.get("spec") or {})
    copied = spec.pop("replication", None)
    try:
        request = RunSpec.model_validate(spec)
    except ValidationError as error:
        raise first_error(error) from None
    if copied is not None:
        request = request.model_copy(update={"replication": parse(copied)})
    return Run(
        name=metadata["name"],
        namespace=metadata["namespace"],
        uid=metadata["uid"],
        created=times.from_text(metadata["creationTimestamp"]),
        request=request,
        status=read_status(RunStatus, raw),
        raw=raw,
    )


def check(run: Run) -> None:
    """Raise SpecError for a completed run that can never be carried out."""
    known = {target.name for target in run.spec.targets}
    if unknown := [name for name in run.request.targets or () if name not in known]:
        raise SpecError("spec.targets", f"{unknown[0]!r} is not a target of {run.request.replication_name}")
    if names.is_too_long(run.name, run.targets):
        raise SpecError("metadata.name", f"{run.name!r} with a target's name is over {names.NAME_LIMIT - 6} characters")
    if run.request.action != "Replicate":
        raise SpecError("spec.action", f"{run.request.action} is not carried out yet; use Replicate", reason="NotYet")
