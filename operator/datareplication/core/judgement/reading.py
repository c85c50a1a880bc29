"""Reads what is judged and shown out of raw objects.

Text of others is made plain and cut here, so that no object fills the memory or reverses a line of a page. Nothing of
a connection is taken: no host, no database, no Secret's name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from datareplication.core import plain, times
from datareplication.core.choices import DEFAULT_FRESHNESS_SECONDS
from datareplication.core.judgement.facts import Attempt, Note, Replication, Run, Step, Target, Told
from datareplication.core.state import (
    AttemptStatus,
    Condition,
    ProgressStatus,
    ReplicationStatus,
    RunStatus,
    StepStatus,
    TargetStatus,
    TargetStep,
    read_status,
)

NAME_LIMIT = 253
MESSAGE_LIMIT = 2000
ATTEMPT_LIMIT = 500
TARGETS_LIMIT = 32
ATTEMPTS_LIMIT = 11
ACTIVE_LIMIT = 100
TAGS_LIMIT = 32


def version_of(raw: Mapping[str, Any]) -> str:
    """Return what changes whenever the object does."""
    metadata = _mapping(raw.get("metadata"))
    return f"{metadata.get('uid', '')}/{metadata.get('resourceVersion', '')}"


@dataclass(frozen=True)
class Reader:
    """Reads objects; message_limit: how many characters of a message are kept."""

    message_limit: int = MESSAGE_LIMIT

    def replication(self, raw: dict[str, Any]) -> Replication:
        """Return what is remembered of a DataReplication object, whatever its spec and its status hold."""
        metadata, spec = _mapping(raw.get("metadata")), _mapping(raw.get("spec"))
        schedule, status = _mapping(spec.get("schedule")), read_status(ReplicationStatus, raw)
        return Replication(
            namespace=_name(metadata.get("namespace")),
            name=_name(metadata.get("name")),
            version=version_of(raw),
            created=_created(metadata),
            description=plain.text(spec.get("description"), 1000),
            tags=tuple(filter(None, map(_name, _items(spec.get("tags"), TAGS_LIMIT)))),
            cron=plain.text(schedule.get("cron"), 100),
            time_zone=plain.text(schedule.get("timeZone", "Etc/UTC"), 64),
            suspend=spec.get("suspend") is True,
            concurrency=plain.word(spec.get("concurrencyPolicy")) or "Forbid",
            freshness_seconds=_seconds(spec.get("freshnessSeconds")),
            is_looked_at=status.observed_generation > 0,
            phase=status.phase or "",
            message=self._message(status.message),
            targets_summary=plain.text(status.targets_summary, 20),
            next_schedule_time=status.next_schedule_time,
            last_successful_time=status.last_successful_time,
            last_success=self._note(status, "last_success"),
            last_failure=self._note(status, "last_failure"),
            active_runs=tuple(map(_name, status.active_runs[:ACTIVE_LIMIT])),
            targets=self._targets(spec, status),
            conditions=tuple(map(self._told, status.conditions[:TARGETS_LIMIT])),
        )

    def run(self, raw: dict[str, Any]) -> Run:
        """Return what is remembered of a DataReplicationRun object, whatever it holds."""
        metadata, spec, status = _mapping(raw.get("metadata")), _mapping(raw.get("spec")), read_status(RunStatus, raw)
        dump = [self._step("", status.dump)] if status.dump else []
        finished = next((one.reason for one in status.conditions if one.type == "Finished"), "")
        return Run(
            name=_name(metadata.get("name")),
            namespace=_name(metadata.get("namespace")),
            replication=_name(spec.get("replicationName")),
            version=version_of(raw),
            created=_created(metadata),
            slot=times.optional(spec.get("slot")),
            action=plain.word(spec.get("action")) or "Replicate",
            phase=status.phase,
            reason=plain.word(finished),
            message=self._message(status.message),
            start_time=status.start_time,
            completion_time=status.completion_time,
            targets_summary=plain.text(status.targets_summary, 20),
            snapshot_time=status.snapshot_time,
            steps=(*dump, *(self._step(one.name, one) for one in status.targets[:TARGETS_LIMIT])),
            is_looked_at=bool(status.conditions),
        )

    def _targets(self, spec: Mapping[str, Any], status: ReplicationStatus) -> tuple[Target, ...]:
        """Return the targets of the spec with what the status says of them; without any, those of the status."""
        known = {_name(one.name): self._target(one) for one in status.targets}
        wanted = [_name(_mapping(one).get("name")) for one in _items(spec.get("targets"), TARGETS_LIMIT)]
        names = [name for name in wanted if name] or list(known)[:TARGETS_LIMIT]
        return tuple(known.get(name, Target(name)) for name in dict.fromkeys(names))

    def _target(self, status: TargetStatus) -> Target:
        return Target(
            name=_name(status.name),
            phase=status.phase,
            run=_name(status.run),
            snapshot=plain.text(status.snapshot, 400),
            data_time=status.data_time,
            loaded_time=status.loaded_time,
            rows=status.rows,
            bytes=status.bytes,
            duration_seconds=status.duration_seconds,
            message=self._message(status.message),
        )

    def _step(self, target: str, status: StepStatus | TargetStep) -> Step:
        return Step(
            target=_name(target),
            phase=status.phase,
            attempts=status.attempts,
            reason=plain.word(status.reason),
            message=self._message(status.message),
            tables=status.tables,
            rows=status.rows,
            bytes=status.bytes,
            start_time=status.start_time,
            completion_time=status.completion_time,
            duration_seconds=status.duration_seconds,
            retry_time=status.retry_time,
            progress=self._progress(status.progress),
            ended_attempts=tuple(map(self._attempt, status.ended_attempts[-ATTEMPTS_LIMIT:])),
        )

    def _progress(self, status: ProgressStatus | None) -> ProgressStatus | None:
        if status is None:
            return None
        return status.having(phase=plain.word(status.phase), note=self._message(status.note))

    def _attempt(self, status: AttemptStatus) -> Attempt:
        return Attempt(
            pod=_name(status.pod),
            start_time=status.start_time,
            completion_time=status.completion_time,
            exit_code=status.exit_code,
            reason=plain.word(status.reason),
            message=plain.text(status.message, ATTEMPT_LIMIT),
            is_disruption=status.is_disruption,
        )

    def _told(self, condition: Condition) -> Told:
        kind, reason, since = plain.word(condition.type), plain.word(condition.reason), condition.last_transition_time
        return Told(kind, condition.status, reason, self._message(condition.message), since)

    def _note(self, status: ReplicationStatus, field: str) -> Note | None:
        note = getattr(status, field)
        return note and Note(_name(note.run), note.phase, note.time, self._message(note.message))

    def _message(self, text: str) -> str:
        return plain.text(text, self.message_limit)


def _name(text: object) -> str:
    return plain.text(text, NAME_LIMIT)


def _created(metadata: Mapping[str, Any]) -> datetime:
    return times.optional(metadata.get("creationTimestamp")) or times.EARLIEST


def _seconds(value: object) -> int:
    return value if type(value) is int and value > 0 else DEFAULT_FRESHNESS_SECONDS


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _items(value: object, limit: int) -> list[Any]:
    return value[:limit] if isinstance(value, list) else []
