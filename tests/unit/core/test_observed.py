"""What a Job looks like, from the dicts that Kubernetes 1.35 serves."""

from datetime import UTC, datetime
from typing import Any

import pytest

from datareplication.core import names
from datareplication.core.names import DUMP_STEP
from datareplication.core.observed import observe
from datareplication.core.pods import Why, why_from_events
from datareplication.core.report import Report

OWNER = "run-uid"
NOW = datetime(2026, 3, 2, 0, 1, tzinfo=UTC)
FAILED = Report(outcome="Failed", reason="PermissionDenied", message="password refused", exit_code=77)


def job(status: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    metadata = {
        "name": "r-dump",
        "uid": "job-uid",
        "resourceVersion": "7",
        "ownerReferences": [{"uid": OWNER, "controller": True}],
        "annotations": more.pop("annotations", {}),
    }
    return {"metadata": metadata, "spec": {"activeDeadlineSeconds": 60, **more}, "status": status or {}}


def pod(status: dict[str, Any], created: str = "2026-03-02T00:00:00Z") -> dict[str, Any]:
    owner = [{"uid": "job-uid", "controller": True}]
    return {
        "metadata": {"name": "r-dump-x", "creationTimestamp": created, "ownerReferences": owner},
        "spec": {},
        "status": status,
    }


def ended(exit_code: int, message: str = "", reason: str = "Error") -> dict[str, Any]:
    end = {"exitCode": exit_code, "message": message, "reason": reason, "finishedAt": "2026-03-02T00:00:09Z"}
    return pod({"phase": "Failed", "containerStatuses": [{"state": {"terminated": end}}]})


def failed_condition(reason: str) -> dict[str, Any]:
    return {
        "type": "Failed",
        "status": "True",
        "reason": reason,
        "message": "m",
        "lastTransitionTime": "2026-03-02T00:00:10Z",
    }


STATES = [
    ("no Job", None, [], "Absent"),
    ("somebody else's Job", {"metadata": {"name": "r-dump"}}, [], "Foreign"),
    ("new Job", job(), [], "Pending"),
    ("pod pending", job({"active": 1}), [pod({"phase": "Pending"})], "Pending"),
    ("pod running", job({"active": 1}), [pod({"phase": "Running"})], "Running"),
    ("suspended", job(suspend=True), [], "Suspended"),
    ("stopped by us, pod still ending", job({"terminating": 1}, suspend=True, annotations={names.STOPPED_ANNOTATION: "RunTimeout: m"}), [], "Stopping"),
    ("stopped by us, pod running and not counted", job(suspend=True, annotations={names.STOPPED_ANNOTATION: "RunTimeout: m"}), [pod({"phase": "Running"})], "Stopping"),
    ("stopped by us", job(suspend=True, annotations={names.STOPPED_ANNOTATION: "RunTimeout: m"}), [], "Stopped"),
    ("complete", job({"succeeded": 1, "completionTime": "2026-03-02T00:00:09Z", "conditions": [{"type": "Complete", "status": "True"}]}), [], "Succeeded"),
    ("failed", job({"failed": 1, "conditions": [failed_condition("PodFailurePolicy")]}), [], "Failed"),
]  # fmt: skip


@pytest.mark.parametrize(("sentence", "raw", "pods", "state"), STATES, ids=[row[0] for row in STATES])
def test_state(sentence: str, raw: Any, pods: Any, state: str) -> None:
    assert observe(DUMP_STEP, raw, pods, OWNER, NOW).state == state, sentence


REASONS = [
    ("the program's own words first", [ended(77, FAILED.to_json())], "PodFailurePolicy", Why("PermissionDenied", "password refused")),
    ("out of memory has a remedy", [ended(137, reason="OOMKilled")], "BackoffLimitExceeded", Why("OOMKilled", "the pod used more memory than its limit; raise resources.limits.memory")),
    ("killed from outside", [ended(137)], "BackoffLimitExceeded", Why("PodFailed", "the pod ended with exit code 137")),
    ("over the Job's deadline", [], "DeadlineExceeded", Why("DeadlineExceeded", "did not end within 60 s (timeoutSeconds)")),
    ("nothing but the condition", [], "BackoffLimitExceeded", Why("BackoffLimitExceeded", "m")),
]  # fmt: skip


@pytest.mark.parametrize(("sentence", "pods", "condition", "why"), REASONS, ids=[row[0] for row in REASONS])
def test_reason_of_a_failure(sentence: str, pods: Any, condition: str, why: Why) -> None:
    raw = job({"failed": 1, "conditions": [failed_condition(condition)]})
    assert observe(DUMP_STEP, raw, pods, OWNER, NOW).why == why, sentence


def test_an_attempt_that_the_job_has_not_counted_yet_counts() -> None:
    pods = [ended(75), ended(75), pod({"phase": "Succeeded"}, "2026-03-02T00:00:20Z")]
    assert observe(DUMP_STEP, job({"failed": 2}), pods, OWNER, NOW).attempts == 3
    assert observe(DUMP_STEP, job({"failed": 2, "succeeded": 1}), pods[2:], OWNER, NOW).attempts == 3


def test_a_job_whose_controller_has_not_said_when_it_started_started_with_its_first_pod() -> None:
    """Its pod may have ended by the time that the pods are read."""
    done = pod({"phase": "Succeeded"}, created="2026-03-02T00:00:03Z")
    assert observe(DUMP_STEP, job(), [done], OWNER, NOW).started_at == datetime(2026, 3, 2, 0, 0, 3, tzinfo=UTC)
    told = observe(DUMP_STEP, job({"startTime": "2026-03-02T00:00:02Z"}), [done], OWNER, NOW)
    assert told.started_at == datetime(2026, 3, 2, 0, 0, 2, tzinfo=UTC)


def test_pods_of_another_job_are_not_looked_at() -> None:
    other = pod({"phase": "Running"})
    other["metadata"]["ownerReferences"] = [{"uid": "other", "controller": True}]
    assert observe(DUMP_STEP, job({"active": 1}), [other], OWNER, NOW).state == "Pending"


def test_latest_telling_event_explains_a_volume() -> None:
    events = [
        {"reason": "Scheduled", "message": "assigned", "lastTimestamp": "2026-03-02T00:00:03Z"},
        {"reason": "FailedMount", "message": 'configmap "ca" not found', "lastTimestamp": "2026-03-02T00:00:02Z"},
    ]
    begun = datetime(2026, 3, 2, tzinfo=UTC)
    assert why_from_events(events, begun) == Why("FailedMount", 'configmap "ca" not found')
    assert why_from_events(events[:1], begun) is None
    assert why_from_events(events, NOW) is None
