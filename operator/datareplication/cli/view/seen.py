"""Objects of the API as the plugin reads them: raw dicts, in any state that the API lets through -> values. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from datareplication.core import times
from datareplication.core.names import DUMP_STEP, Step, load_step
from datareplication.core.state import Condition, ReplicationStatus, RunStatus, StepStatus, read_status

Object = Mapping[str, Any]


@dataclass(frozen=True)
class SeenRun:
    """A DataReplicationRun."""

    namespace: str
    name: str
    uid: str
    replication: str
    action: str
    created: datetime | None
    status: RunStatus

    @property
    def is_finished(self) -> bool:
        """Whether it has ended."""
        return self.status.completion_time is not None

    @property
    def steps(self) -> tuple[tuple[Step, StepStatus], ...]:
        """Return the steps in their order: the dump, then each target's."""
        dump = ((DUMP_STEP, self.status.dump),) if self.status.dump else ()
        return (*dump, *((load_step(target.name), target) for target in self.status.targets))

    @property
    def failed(self) -> tuple[tuple[Step, StepStatus], ...]:
        """Return the steps that have failed, without loads that only failed because the dump did."""
        dump = self.status.dump
        if dump is not None and dump.phase == "Failed":
            return ((DUMP_STEP, dump),)
        return tuple((step, status) for step, status in self.steps if status.phase == "Failed")

    def what(self, step: Step) -> str:
        """Return a step in words."""
        if step == DUMP_STEP:
            return "dump"
        return f"{'rollback' if self.action == 'Rollback' else 'load'} of {step.target}"

    @property
    def reason(self) -> str:
        """Return the reason of its end."""
        return next((one.reason for one in self.status.conditions if one.type == "Finished"), self.status.phase)


@dataclass(frozen=True)
class Seen:
    """A DataReplication, with those of its runs that were read."""

    namespace: str
    name: str
    generation: int
    created: datetime | None
    is_suspended: bool
    cron: str
    time_zone: str
    concurrency: str
    freshness_seconds: int
    target_names: tuple[str, ...]
    status: ReplicationStatus
    runs: tuple[SeenRun, ...] = ()

    def run(self, name: str) -> SeenRun | None:
        """Return a run that was read."""
        return next((one for one in self.runs if one.name == name), None)

    @property
    def active(self) -> tuple[SeenRun, ...]:
        """Return the runs that were read and have not ended, in the order of their creation."""
        return tuple(sorted((one for one in self.runs if not one.is_finished), key=by_age))

    def condition(self, kind: str) -> Condition | None:
        """Return a condition."""
        return next((one for one in self.status.conditions if one.type == kind), None)


def by_age(run: SeenRun) -> tuple[datetime, str]:
    """Return the sort key of runs: the oldest first."""
    return run.created or times.EARLIEST, run.name


def replication(raw: Object, runs: Iterable[Object] = ()) -> Seen:
    """Return a DataReplication; `runs` are raw DataReplicationRuns of its namespace."""
    metadata, spec = _part(raw, "metadata"), _part(raw, "spec")
    schedule, name = _part(spec, "schedule"), _text(metadata, "name")
    found = tuple(run(one) for one in runs)
    return Seen(
        namespace=_text(metadata, "namespace"),
        name=name,
        generation=_number(metadata, "generation"),
        created=_time(metadata, "creationTimestamp"),
        is_suspended=spec.get("suspend") is True,
        cron=_text(schedule, "cron"),
        time_zone=_text(schedule, "timeZone") or ("Etc/UTC" if schedule else ""),
        concurrency=_text(spec, "concurrencyPolicy") or "Forbid",
        freshness_seconds=_number(spec, "freshnessSeconds"),
        target_names=tuple(_text(one, "name") for one in _items(spec, "targets")),
        status=read_status(ReplicationStatus, dict(raw)),
        runs=tuple(one for one in found if one.replication == name),
    )


def run(raw: Object) -> SeenRun:
    """Return a DataReplicationRun."""
    metadata, spec = _part(raw, "metadata"), _part(raw, "spec")
    return SeenRun(
        namespace=_text(metadata, "namespace"),
        name=_text(metadata, "name"),
        uid=_text(metadata, "uid"),
        replication=_text(spec, "replicationName"),
        action=_text(spec, "action") or "Replicate",
        created=_time(metadata, "creationTimestamp"),
        status=read_status(RunStatus, dict(raw)),
    )


def _part(raw: Object, key: str) -> Object:
    found = raw.get(key)
    return found if isinstance(found, Mapping) else {}


def _items(raw: Object, key: str) -> list[Object]:
    found = raw.get(key)
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _text(raw: Object, key: str) -> str:
    found = raw.get(key)
    return found if isinstance(found, str) else ""


def _number(raw: Object, key: str) -> int:
    found = raw.get(key)
    return found if type(found) is int else 0


def _time(raw: Object, key: str) -> datetime | None:
    found = raw.get(key)
    return times.optional(found) if isinstance(found, str) else None
