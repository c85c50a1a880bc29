"""Metrics follow from what is written into a status: every change counts once, labels are bounded."""

from datetime import UTC, datetime

import pytest

from datareplication.core import metrics, run
from datareplication.core.metrics import Duration
from datareplication.core.run import Run
from datareplication.core.state import (
    AttemptStatus,
    Condition,
    ReplicationStatus,
    RunStatus,
    StepStatus,
    TargetStatus,
    TargetStep,
)

T = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def a_run(action: str = "Replicate") -> Run:
    metadata = {"name": "r", "namespace": "n", "uid": "u", "creationTimestamp": "2026-03-01T12:00:00Z"}
    return run.read({"metadata": metadata, "spec": {"replicationName": "shop", "action": action}})


def attempt(pod: str = "p", **more: object) -> AttemptStatus:
    return AttemptStatus.model_validate({"pod": pod, **more})


def counted(old: RunStatus, new: RunStatus, action: str = "Replicate") -> dict[tuple[str, ...], float]:
    return {(each.metric.name, *each.labels): each.value for each in metrics.counts(a_run(action), old, new)}


class TestCounters:
    def test_a_dump_that_has_succeeded(self) -> None:
        old = RunStatus(dump=StepStatus(phase="Running", ended_attempts=[attempt("p0", exitCode=75)]))
        ended = [attempt("p0", exitCode=75), attempt("p1", exitCode=0)]
        done = StepStatus(phase="Succeeded", ended_attempts=ended, rows=30, bytes=300, duration_seconds=4.0)
        new = RunStatus(dump=done)
        assert counted(old, new) == {
            ("attempts_total", "dump", "Succeeded"): 1,
            ("step_rows_total", "dump"): 30,
            ("step_bytes_total", "dump"): 300,
        }
        assert metrics.durations(a_run(), old, new) == (Duration("dump", 4.0),)
        assert counted(new, new) == {}
        assert metrics.durations(a_run(), new, new) == ()

    @pytest.mark.parametrize(
        ("ended", "reason"),
        [
            pytest.param(attempt(exitCode=75), "Transient", id="by its exit code"),
            pytest.param(attempt(exitCode=137), "Killed", id="killed"),
            pytest.param(attempt(exitCode=137, reason="OOMKilled"), "OOMKilled", id="out of memory"),
            pytest.param(attempt(exitCode=137, isDisruption=True), "Disruption", id="not its own fault"),
            pytest.param(attempt(exitCode=3), "Other", id="an unknown exit code"),
            pytest.param(attempt(reason="SomethingLong: 17 rows of shop.orders"), "Other", id="no exit code"),
        ],
    )
    def test_why_an_attempt_ended_is_one_of_a_few_words(self, ended: AttemptStatus, reason: str) -> None:
        new = RunStatus(targets=[TargetStep(name="dev", phase="Failed", ended_attempts=[ended])])
        assert counted(RunStatus(), new) == {("attempts_total", "load", reason): 1}
        assert reason in metrics.REASONS

    def test_a_run_that_has_ended_counts_once(self) -> None:
        finished = Condition(type="Finished", status="True", reason="AllTargetsLoaded", message="")
        new = RunStatus(phase="Succeeded", completion_time=T, conditions=[finished])
        assert counted(RunStatus(), new) == {("runs_total", "Succeeded", "AllTargetsLoaded"): 1}
        assert counted(new, new) == {}

    def test_a_run_that_failed_by_a_step_says_what_the_step_died_of(self) -> None:
        finished = Condition(type="Finished", status="True", reason="BadData", message="")
        dump = StepStatus(phase="Failed", ended_attempts=[attempt(exitCode=65)])
        old = RunStatus(dump=dump)
        new = RunStatus(phase="Failed", completion_time=T, conditions=[finished], dump=dump)
        ((name, phase, reason),) = counted(old, new)
        assert (name, phase) == ("runs_total", "Failed")
        assert reason == metrics.BY_EXIT_CODE[65]

    def test_a_rollback_moves_no_rows(self) -> None:
        new = RunStatus(
            targets=[TargetStep(name="dev", phase="Succeeded", rows=3, ended_attempts=[attempt(exitCode=0)])]
        )
        assert counted(RunStatus(), new, "Rollback") == {("attempts_total", "rollback", "Succeeded"): 1}


class TestGauges:
    def test_a_moment_that_never_was_is_not_shown(self) -> None:
        shown = metrics.of_replication(ReplicationStatus(targets=[TargetStatus(name="dev")]))
        assert [(each.metric.name, each.value) for each in shown] == [("active_runs", 0)]

    def test_what_a_target_shows(self) -> None:
        target = TargetStatus(name="dev", data_time=T, loaded_time=T, rows=3, bytes=30, duration_seconds=2.0)
        status = ReplicationStatus(
            last_successful_time=T,
            next_schedule_time=T,
            active_runs=["r"],
            targets=[target],
            conditions=[Condition(type="Fresh", status="True", reason="x", message="")],
        )
        shown = {(each.metric.name, *each.labels): each.value for each in metrics.of_replication(status)}
        assert shown == {
            ("last_success_timestamp_seconds",): T.timestamp(),
            ("next_schedule_timestamp_seconds",): T.timestamp(),
            ("active_runs",): 1,
            ("condition", "Fresh"): True,
            ("target_data_timestamp_seconds", "dev"): T.timestamp(),
            ("target_load_timestamp_seconds", "dev"): T.timestamp(),
            ("target_load_duration_seconds", "dev"): 2.0,
            ("target_rows", "dev"): 3,
            ("target_bytes", "dev"): 30,
        }
