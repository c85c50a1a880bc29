"""What the operator writes into `status`: the models of both kinds, and conditions.

This module holds the words that people and programs read. `status.py` and `steps.py` choose them.
"""

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import Any, Literal, TypeVar

from pydantic import Field, ValidationError, field_validator

from datareplication.core import plain, times
from datareplication.core.model import Model, Moment, StatusModel, Written, keyed
from datareplication.core.outbox import Notifications
from datareplication.core.phases import ReplicationPhase, RunPhase, StepPhase

M = TypeVar("M", bound=Model)

ROLLING_BACK = "rolling back"
"""Message of a run that is rolling back and waits for nothing."""

NOT_GROWN = "VolumeNotGrown"
"""Condition of a DataReplication whose claim is smaller than its volumeClaimTemplate."""

MESSAGE_LIMIT = 32_768
"""Characters of a condition's message, as in metav1.Condition."""


class Condition(StatusModel):
    """One condition, as in metav1.Condition."""

    type: str = Field(description="Name of the condition.", max_length=316)
    status: Literal["True", "False", "Unknown"] = Field(description="True, False or Unknown.")
    reason: Written = Field("", description="One CamelCase word.", max_length=1024)
    message: str = Field("", description="For people.", max_length=MESSAGE_LIMIT)
    last_transition_time: Moment | None = Field(None, description="When status last changed.")
    observed_generation: int | None = Field(None, description="Generation of the spec that the condition is about.")

    @field_validator("message", mode="before")
    @classmethod
    def _cut(cls, message: Any) -> Any:
        """Cut the message to the API's limit: otherwise the API would refuse the whole status."""
        return message[:MESSAGE_LIMIT] if isinstance(message, str) else message


class ProgressStatus(StatusModel):
    """How far a step is."""

    phase: str = Field("", description="What the program is doing.")
    tables_done: int = Field(0, description="Tables done.")
    tables_total: int = Field(0, description="Tables in all.")
    rows_done: int = Field(0, description="Rows done.")
    bytes_done: int = Field(0, description="Bytes of uncompressed CSV done.")
    bytes_total: int = Field(0, description="Bytes expected; in a dump those of the last snapshot; 0 when not known.")
    rows_total: int = Field(0, description="Rows expected; in a dump the planner's estimate; 0 when not known.")
    bytes_per_second: int = Field(0, description="Bytes of uncompressed CSV per second, over the last half minute.")
    seconds_left: int | None = Field(None, description="How long copying the rest takes at that rate.")
    note_reason: Written = Field("", description="What holds the dump or others up: WaitsForLock or BlocksOthers.")
    note: str = Field("", description="What holds the dump or others up, for people.")
    time: Moment | None = Field(None, description="When this was seen.")


class AttemptStatus(StatusModel):
    """One pod of a step that has ended."""

    pod: str = Field(description="Name of the pod.")
    start_time: Moment | None = Field(None, description="When its program started.")
    completion_time: Moment | None = Field(None, description="When it ended.")
    exit_code: int | None = Field(None, description="After 75 or a kill from outside, another attempt may follow.")
    reason: Written = Field("", description="Why it ended: one CamelCase word.")
    message: str = Field("", description="Why it ended.")
    is_disruption: bool = Field(
        False,
        description="Whether it was evicted, drained, preempted, or ended by its Job's suspension; then it does not "
        "count as an attempt.",
    )


class StepStatus(StatusModel):
    """The dump, or the load of one target."""

    phase: StepPhase = Field("Waiting", description="Waiting, Pending, Running, Retrying, Succeeded or Failed.")
    attempts: int = Field(0, description="Pods that have run or are running; disruptions do not count.")
    ended_attempts: list[AttemptStatus] = Field(
        default_factory=list, description="Each pod that has ended, and why.", json_schema_extra=keyed("pod")
    )
    reason: Written = Field("", description="Why it waits or failed: one CamelCase word.")
    message: str = Field("", description="Why it waits or failed, and the remedy.")
    tables: int = Field(0, description="Tables moved.")
    rows: int = Field(0, description="Rows moved.")
    bytes: int = Field(0, description="Bytes of uncompressed CSV moved.")
    start_time: Moment | None = Field(None, description="When its Job started.")
    completion_time: Moment | None = Field(None, description="When it succeeded or failed.")
    duration_seconds: float = Field(0.0, description="Duration of the attempt that succeeded.")
    not_carried: list[str] = Field(
        default_factory=list,
        description="What the source has and a copy leaves behind on purpose: roles, tablespaces, publications, "
        "subscriptions, optimizer statistics.",
    )
    masked: str = Field("", description="How many columns are masked, by which rules, and what no rule masks.")
    retry_time: Moment | None = Field(None, description="When the next attempt starts.")
    progress: ProgressStatus | None = Field(None, description="How far the running attempt is.")

    @property
    def is_finished(self) -> bool:
        """Whether it has succeeded or failed; that never changes again."""
        return self.phase in ("Succeeded", "Failed")


class TargetStep(StepStatus):
    """The load of one target, or its rollback."""

    name: str = Field(description="Name of the target.", max_length=63)
    snapshot: str = Field("", description="Path on the volume of the snapshot that the target holds now.")
    snapshot_time: Moment | None = Field(None, description="The moment of production that the target shows now.")
    lsn: str = Field("", description="The source's log position at that moment.")


class RunStatus(StatusModel):
    """How far a run is, and how it ended."""

    observed_generation: int | None = Field(None, description="Generation of the spec that this status is about.")
    phase: RunPhase = Field(
        "Pending", description="Pending, Dumping, Loading, Succeeded, PartiallyFailed, Failed or Replaced."
    )
    message: str = Field("", description="What the run waits for, why it failed, or that it rolled back.")
    start_time: Moment | None = Field(None, description="When the run began.")
    completion_time: Moment | None = Field(None, description="When its last step ended.")
    duration: str = Field("", description="From start to completion, for people.")
    snapshot: str = Field("", description="Path of the snapshot on the volume.")
    snapshot_time: Moment | None = Field(None, description="The moment of production that the snapshot shows.")
    lsn: str = Field("", description="The source's log position at that moment.")
    node: str = Field("", description="Node of the dump; loads of a ReadWriteOnce volume run there.")
    targets_summary: str = Field("", description="Targets loaded/targets wanted, for example 2/3.")
    dump: StepStatus | None = Field(None, description="The dump; absent for actions Load and Rollback.")
    targets: list[TargetStep] = Field(
        default_factory=list, description="The load of each target.", json_schema_extra=keyed("name")
    )
    conditions: list[Condition] = Field(
        default_factory=list,
        description="Complete, Failed, and Finished (either of the two); Ready (it succeeded), Reconciling (it waits "
        "or runs) and Stalled (it failed) for tools that wait for any resource.",
        json_schema_extra=keyed("type"),
    )


class TargetStatus(StatusModel):
    """What one target holds, and how its last load went."""

    name: str = Field(description="Name of the target.", max_length=63)
    fresh: bool = Field(False, description="Whether its data is younger than spec.freshnessSeconds.")
    fresh_until: Moment | None = Field(None, description="When its data becomes too old.")
    phase: StepPhase = Field("Waiting", description="Phase of its last or current load.")
    run: str = Field("", description="Run of its last or current load.")
    snapshot: str = Field("", description="Snapshot that the target holds.")
    data_time: Moment | None = Field(None, description="The moment of production that the target shows.")
    loaded_time: Moment | None = Field(None, description="When that data was loaded.")
    rows: int = Field(0, description="Rows loaded.")
    bytes: int = Field(0, description="Bytes of uncompressed CSV loaded.")
    duration_seconds: float = Field(0.0, description="Duration of that load.")
    message: str = Field("", description="Why its last load failed, what it was rolled back to, or what is not known.")


class ScheduleStatus(StatusModel):
    """The schedule in effect; slots up to `since` are never run."""

    cron: str = Field(description="The expression in effect.")
    time_zone: str = Field(description="Its time zone.")
    start_date: Moment | None = Field(None, description="Its startDate.")
    end_date: Moment | None = Field(None, description="Its endDate.")
    suspend: bool = Field(False, description="Whether it was suspended.")
    since: Moment = Field(description="When it took effect or was resumed.")


class RunNote(StatusModel):
    """A run to remember after its object is gone."""

    run: str = Field(description="Name of the run.")
    phase: RunPhase = Field("Succeeded", description="How it ended.")
    time: Moment = Field(description="When it ended.")
    message: str = Field("", description="Why it failed.")


class ReplicationStatus(StatusModel):
    """The state of a DataReplication."""

    observed_generation: int = Field(0, description="Generation of the spec that this status is about.")
    phase: ReplicationPhase | None = Field(None, description="For people; programs read the conditions.")
    message: str = Field("", description="What is wrong, or what the DataReplication waits for.")
    targets_summary: str = Field("", description="Targets whose last load succeeded/all targets, for example 2/3.")
    schedule: ScheduleStatus | None = Field(None, description="The schedule in effect and since when.")
    last_schedule_time: Moment | None = Field(None, description="The last slot that a run was made for.")
    next_schedule_time: Moment | None = Field(None, description="The next slot.")
    last_successful_time: Moment | None = Field(None, description="When the last run that succeeded ended.")
    last_success: RunNote | None = Field(None, description="The last run that succeeded.")
    last_failure: RunNote | None = Field(None, description="The last run that failed, wholly or in part.")
    active_runs: list[str] = Field(default_factory=list, description="Runs that have not ended.")
    targets: list[TargetStatus] = Field(
        default_factory=list, description="What each target holds.", json_schema_extra=keyed("name")
    )
    notifications: Notifications | None = Field(
        None, description="What is to be told, and what was; absent without spec.notifications."
    )
    conditions: list[Condition] = Field(
        default_factory=list,
        description="Ready, Reconciling, Stalled, LastRunSucceeded, Fresh, Held (a due slot waits), TooManyMissed, "
        "VolumeNotGrown (the claim is smaller than its template), Notified (with spec.notifications).",
        json_schema_extra=keyed("type"),
    )


def read_status(model: type[M], raw: dict[str, Any]) -> M:
    """Return an object's status. Fields that cannot be read (a newer operator may have written them) count as unset."""
    status = raw.get("status") or {}
    try:
        return model.model_validate(status)
    except ValidationError as error:
        unreadable = {str(fault["loc"][0]) for fault in error.errors(include_url=False) if fault["loc"]}
    try:
        return model.model_validate({name: value for name, value in status.items() if name not in unreadable})
    except (ValidationError, AttributeError):
        return model()


def is_legible(model: type[M], raw: dict[str, Any]) -> bool:
    """Whether all fields of an object's status can be read."""
    try:
        model.model_validate(raw.get("status") or {})
    except ValidationError:
        return False
    return True


def to_raw(status: Model) -> dict[str, Any]:
    """Return the JSON of a status: unset fields are left out, and text is made safe to show."""
    data: dict[str, Any] = _plain(status)
    return data


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return plain.text(value, MESSAGE_LIMIT)
    if isinstance(value, Model):
        named = ((key, getattr(value, name)) for name, key in _keys(type(value)))
        return {key: _plain(part) for key, part in named if part or part not in (None, "", [])}
    if isinstance(value, datetime):
        return times.to_text(value)
    return [_plain(part) for part in value] if isinstance(value, list) else value


@cache
def _keys(model: type[Model]) -> tuple[tuple[str, str], ...]:
    """Return the fields of a part of a status: each one's name in Python and in JSON."""
    return tuple((name, field.alias or name) for name, field in model.model_fields.items())


def with_conditions(old: Iterable[Condition], new: Iterable[Condition], now: datetime) -> list[Condition]:
    """Return `new` in order, each with the time of its last transition; old conditions of other types are kept."""
    before = {condition.type: condition for condition in old}
    after = [_since(before.pop(condition.type, None), condition, now) for condition in new]
    return [*after, *before.values()]


def _since(old: Condition | None, new: Condition, now: datetime) -> Condition:
    is_unchanged = old is not None and old.status == new.status
    since = old.last_transition_time if old is not None and is_unchanged else now
    return new.having(last_transition_time=since)
