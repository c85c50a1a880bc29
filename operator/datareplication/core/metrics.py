"""Which metrics follow from which status: (old status, new status) -> counts, status -> gauges. Pure.

This module names metrics and labels, by Prometheus' conventions: base units, `_total` for counters. Labels are bounded:
namespace, name and target are those of existing objects, a reason is one of `REASONS`. The status has the detailed
reason.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from datareplication import errors
from datareplication.core.reasons import Reason
from datareplication.core.run import Run
from datareplication.core.state import AttemptStatus, ReplicationStatus, RunStatus, StepStatus, TargetStatus

PREFIX = "datareplication"

StepKind = Literal["dump", "load", "rollback"]


@dataclass(frozen=True)
class Metric:
    """One metric: its name without the prefix, its help text, and its labels beside namespace and name."""

    name: str
    help: str
    labels: tuple[str, ...] = ()


LAST_SUCCESS = Metric("last_success_timestamp_seconds", "When the last run that succeeded ended.")
NEXT_SCHEDULE = Metric("next_schedule_timestamp_seconds", "When the next slot is due.")
ACTIVE_RUNS = Metric("active_runs", "Runs that have not ended.")
CONDITION = Metric("condition", "Whether a condition of the DataReplication is True (1) or not (0).", ("type",))
DATA_TIME = Metric(
    "target_data_timestamp_seconds",
    "The moment of production that the target shows; its age is time() minus this.",
    ("target",),
)
LOAD_TIME = Metric("target_load_timestamp_seconds", "When the target was last loaded.", ("target",))
LOAD_DURATION = Metric("target_load_duration_seconds", "How long the target's last load took.", ("target",))
ROWS = Metric("target_rows", "Rows of the target's last load.", ("target",))
BYTES = Metric("target_bytes", "Bytes of uncompressed CSV of the target's last load.", ("target",))

GAUGES = (
    LAST_SUCCESS,
    NEXT_SCHEDULE,
    ACTIVE_RUNS,
    CONDITION,
    DATA_TIME,
    LOAD_TIME,
    LOAD_DURATION,
    ROWS,
    BYTES,
)

RUNS = Metric("runs_total", "Runs that have ended.", ("phase", "reason"))
ATTEMPTS = Metric("attempts_total", "Pods of dumps and loads that have ended.", ("step", "reason"))
STEP_ROWS = Metric("step_rows_total", "Rows moved by steps that succeeded.", ("step",))
STEP_BYTES = Metric("step_bytes_total", "Bytes of uncompressed CSV moved by steps that succeeded.", ("step",))

COUNTERS = (RUNS, ATTEMPTS, STEP_ROWS, STEP_BYTES)

CONDITIONS = ("Ready", "Stalled", "LastRunSucceeded", "Fresh", "Held", "Notified")

BY_EXIT_CODE: dict[int, Reason | Literal["Succeeded", "Killed"]] = {
    0: "Succeeded",
    137: "Killed",
    143: "Killed",
    **{kind.exit_code: kind.default_reason for kind in errors.kinds()},
}
"""Exit code of an attempt -> reason in metrics: one for each kind of error of the programs."""

OF_RUNS: set[Reason] = {
    "AllTargetsLoaded",
    "AllTargetsRolledBack",
    "ClaimNotFound",
    "DeadlineExceeded",
    "ForeignJob",
    "InitContainerFailed",
    "InvalidSpec",
    "JobGone",
    "JobRejected",
    "NodeLost",
    "ReplicationNotFound",
    "Replaced",
    "RestoredWithoutStatus",
    "RunTimeout",
    "StartTimeout",
}
"""Reasons that end a run, other than those of its attempts."""

REASONS = {*BY_EXIT_CODE.values(), *OF_RUNS, "Disruption", "OOMKilled", "Other"}


@dataclass(frozen=True)
class Sample:
    """A value of a metric, by the values of its own labels."""

    metric: Metric
    value: float
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Duration:
    """How long a step's successful attempt took."""

    step: StepKind
    seconds: float


def of_replication(status: ReplicationStatus) -> tuple[Sample, ...]:
    """Return the gauges of a DataReplication; an unset time and an Unknown condition have none."""
    conditions = {one.type: one.status for one in status.conditions if one.status != "Unknown"}
    return (
        *_moment(LAST_SUCCESS, status.last_successful_time),
        *_moment(NEXT_SCHEDULE, status.next_schedule_time),
        Sample(ACTIVE_RUNS, len(status.active_runs)),
        *(Sample(CONDITION, conditions[kind] == "True", (kind,)) for kind in CONDITIONS if kind in conditions),
        *(sample for target in status.targets for sample in _of_target(target)),
    )


def _of_target(target: TargetStatus) -> Iterator[Sample]:
    name = target.name
    yield from _moment(DATA_TIME, target.data_time, name)
    yield from _moment(LOAD_TIME, target.loaded_time, name)
    if target.loaded_time is not None:
        yield Sample(LOAD_DURATION, target.duration_seconds, (name,))
        yield Sample(ROWS, target.rows, (name,))
        yield Sample(BYTES, target.bytes, (name,))


def _moment(metric: Metric, moment: datetime | None, *labels: str) -> Iterator[Sample]:
    if moment is not None:
        yield Sample(metric, moment.timestamp(), labels)


def counts(run: Run, old: RunStatus, new: RunStatus) -> tuple[Sample, ...]:
    """Return by how much each counter grows with a change of a run's status."""
    found = []
    for name, before, after in _steps(run, old, new):
        known = {attempt.pod for attempt in before.ended_attempts}
        ended = [attempt for attempt in after.ended_attempts if attempt.pod not in known]
        found += [Sample(ATTEMPTS, 1, (name, _of_attempt(attempt))) for attempt in ended]
        if _has_succeeded(before, after) and name != "rollback":
            found += [Sample(STEP_ROWS, after.rows, (name,)), Sample(STEP_BYTES, after.bytes, (name,))]
    if new.completion_time and not old.completion_time:
        found.append(Sample(RUNS, 1, (new.phase, _of_run(new))))
    return tuple(found)


def durations(run: Run, old: RunStatus, new: RunStatus) -> tuple[Duration, ...]:
    """Return the durations of the steps that succeeded with a change of a run's status."""
    steps = _steps(run, old, new)
    return tuple(
        Duration(name, after.duration_seconds) for name, before, after in steps if _has_succeeded(before, after)
    )


def _steps(run: Run, old: RunStatus, new: RunStatus) -> Iterator[tuple[StepKind, StepStatus, StepStatus]]:
    """Yield every step's name, its old status and its new one."""
    if new.dump is not None:
        yield "dump", old.dump or StepStatus(), new.dump
    before = {target.name: target for target in old.targets}
    for target in new.targets:
        yield "rollback" if run.is_rollback else "load", before.get(target.name, StepStatus()), target


def _has_succeeded(before: StepStatus, after: StepStatus) -> bool:
    return after.phase == "Succeeded" != before.phase


def _of_attempt(attempt: AttemptStatus) -> str:
    if attempt.is_disruption:
        return "Disruption"
    if attempt.reason == "OOMKilled":
        return attempt.reason
    return "Other" if attempt.exit_code is None else BY_EXIT_CODE.get(attempt.exit_code, "Other")


def _of_run(status: RunStatus) -> str:
    """Return why a run has ended; if a step failed, the reason of that step's last attempt."""
    reason = next((condition.reason for condition in status.conditions if condition.type == "Finished"), "")
    if reason in REASONS:
        return reason
    last = _last_failed(step for step in (status.dump, *status.targets) if step)
    return _of_attempt(last) if last else "Other"


def _last_failed(steps: Iterable[StepStatus]) -> AttemptStatus | None:
    ended = [step.ended_attempts[-1] for step in steps if step.phase == "Failed" and step.ended_attempts]
    return next(iter(ended), None)
