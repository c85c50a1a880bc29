"""What a Job looks like, from the dicts that Kubernetes 1.35 serves."""

from datetime import UTC, datetime
from typing import Any

import pytest

from datareplication.core import names
from datareplication.core.names import DUMP_STEP
from datareplication.core.observed import observe
from datareplication.core.pods import Why, shown_why, why_from_events
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
    return {"metadata": metadata, "spec": {"activeDeadlineSeconds": 60} | more, "status": status or {}}


def pod(status: dict[str, Any], created: str = "2026-03-02T00:00:00Z") -> dict[str, Any]:
    owner = [{"uid": "job-uid", "controller": True}]
    return {
        "metadata": {"name": "r-dump-x", "creationTimestamp": created, "ownerReferences": owner},
        "spec": {},
        "status": status,
    }


def ended(exit_code: int, message: str = "", reason: str = "Error") -> dict[str, Any]:
    end = {"exitCode": exit_code, "message": message, "reason": reason, "finishedAt": "2026-03-02T00:00:09Z"}
    return pod({"phase": "Failed", "containerStatuses": [{"name": "dump", "state": {"terminated": end}}]})


def failed_condition(reason: str) -> dict[str, Any]:
    return {
        "type": "Failed",
        "status": "True",
        "reason": reason,
        "message": "m",
        "lastTransitionTime": "2026-03-02T00:00:10Z",
    }


DELAYED = {names.DELAYED_ANNOTATION: "1", names.RETRY_AT_ANNOTATION: "2026-03-02T00:05:00Z"}

STATES = [
    ("no Job", None, [], "Absent"),
    ("somebody else's Job", {"metadata": {"name": "r-dump"}}, [], "Foreign"),
    ("new Job", job(), [], "Pending"),
    ("pod pending", job({"active": 1}), [pod({"phase": "Pending"})], "Pending"),
    ("pod running", job({"active": 1}), [pod({"phase": "Running"})], "Running"),
    ("suspended by somebody", job(suspend=True), [], "Held"),
    ("suspended by us", job({"failed": 1}, suspend=True, annotations=DELAYED), [], "Suspended"),
    ("suspended by us, its failure not counted yet", job(suspend=True, annotations=DELAYED), [], "Suspended"),
    ("suspended by somebody after a failure of which we know nothing", job({"failed": 2}, suspend=True, annotations=DELAYED), [], "Held"),
    ("suspended by somebody after our delay", job({"failed": 1}, suspend=True, annotations={names.DELAYED_ANNOTATION: "1"}), [], "Held"),
    ("a retry of nothing", job(suspend=True, annotations={names.RETRY_AT_ANNOTATION: "2026-03-02T00:05:00Z"}), [], "Held"),
    ("annotations that nobody can read", job({"failed": 1}, suspend=True, annotations=DELAYED | {names.RETRY_AT_ANNOTATION: "abc"}), [], "Held"),
    ("called stopped by somebody while it goes on", job({"active": 1}, annotations={names.STOPPED_ANNOTATION: "x"}), [pod({"phase": "Running"})], "Running"),
    ("stopped by us and resumed by somebody", job(activeDeadlineSeconds=0, annotations={names.STOPPED_ANNOTATION: "RunTimeout: m"}), [], "Stopped"),
    ("stopped by us, pod still ending", job({"terminating": 1}, suspend=True, annotations={names.STOPPED_ANNOTATION: "RunTimeout: m"}), [], "Stopping"),
    ("stopped by us, pod running and not counted", job(suspend=True, annotations={names.STOPPED_ANNOTATION: "RunTimeout: m"}), [pod({"phase": "Running"})], "Stopping"),
    ("stopped by us", job(suspend=True, annotations={names.STOPPED_ANNOTATION: "RunTimeout: m"}), [], "Stopped"),
    ("given up by Kubernetes, its pods still end", job({"active": 1, "conditions": [failed_condition("DeadlineExceeded") | {"type": "FailureTarget"}]}), [pod({"phase": "Running"})], "Failing"),
    ("complete", job({"succeeded": 1, "completionTime": "2026-03-02T00:00:09Z", "conditions": [{"type": "Complete", "status": "True"}]}), [], "Succeeded"),
    ("failed", job({"failed": 1, "conditions": [failed_condition("PodFailurePolicy")]}), [], "Failed"),
]  # fmt: skip


@pytest.mark.parametrize(("sentence", "raw", "pods", "state"), STATES, ids=[row[0] for row in STATES])
def test_state(sentence: str, raw: Any, pods: Any, state: str) -> None:
    assert observe(DUMP_STEP, raw, pods, OWNER, NOW).state == state, sentence


REASONS = [
    ("the program's own words first", [ended(77, FAILED.to_json())], "PodFailurePolicy", Why("PermissionDenied", "password refused")),
    ("out of memory has a remedy", [ended(137, reason="OOMKilled")], "BackoffLimitExceeded", shown_why("OOMKilled", "the pod used more memory than its limit; raise resources.limits.memory")),
    ("killed from outside", [ended(137)], "BackoffLimitExceeded", Why("PodFailed", "the pod ended with exit code 137")),
    ("over the Job's deadline", [], "DeadlineExceeded", Why("DeadlineExceeded", "did not end within 1m (timeoutSeconds)")),
    ("nothing but the condition", [], "BackoffLimitExceeded", shown_why("BackoffLimitExceeded", "m")),
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
    assert why_from_events(events, begun) == shown_why("FailedMount", 'configmap "ca" not found')
    assert why_from_events(events[:1], begun) is None
    assert why_from_events(events, NOW) is None


RUNNING: dict[str, Any] = {"running": {}}
WON, LOST, KILLED = ({"terminated": {"exitCode": code}} for code in (0, 75, 143))
PULL = {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}
CRASH = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}
QUIET = {"waiting": {"reason": "PodInitializing"}}


def with_sidecar(phase: str, ours: dict[str, Any], other: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A pod with a container before ours, as a mesh injects it."""
    return pod(
        {
            "phase": phase,
            "containerStatuses": [{"name": "proxy", "state": other}, {"name": "dump", "state": ours}],
            **more,
        }
    )


def with_init(phase: str, ours: dict[str, Any], init: dict[str, Any], *, goes_on: bool = False) -> dict[str, Any]:
    """A pod with an init container; one that goes on is a sidecar of Kubernetes' own kind."""
    statuses = {
        "containerStatuses": [{"name": "dump", "state": ours}],
        "initContainerStatuses": [{"name": "setup", "state": init}],
    }
    made = pod({"phase": phase, **statuses})
    made["spec"] = {"initContainers": [{"name": "setup"} | ({"restartPolicy": "Always"} if goes_on else {})]}
    return made


ACTIVE = {"active": 1}
SIDECARS = [
    ("ours runs", ACTIVE, with_sidecar("Running", RUNNING, RUNNING), "Running"),
    ("ours runs, the other never starts", ACTIVE, with_sidecar("Pending", RUNNING, PULL), "Running"),
    ("ours runs, the other has ended", ACTIVE, with_sidecar("Running", RUNNING, WON), "Running"),
    ("ours has succeeded, the other goes on", ACTIVE, with_sidecar("Running", WON, RUNNING), "Outlived"),
    ("ours has succeeded, the other was never pulled", ACTIVE, with_sidecar("Pending", WON, PULL), "Outlived"),
    ("ours has failed, the other goes on", ACTIVE, with_sidecar("Running", LOST, RUNNING), "Outlived"),
    ("ours has succeeded, the other failed and the pod with it", ACTIVE, with_sidecar("Failed", WON, KILLED), "Outlived"),
    ("ours has succeeded, the other as well", ACTIVE, with_sidecar("Succeeded", WON, WON), "Succeeded"),
    ("ours has failed, the other ended", {"failed": 1}, with_sidecar("Failed", LOST, WON), "Pending"),
    ("ours has succeeded, Kubernetes ends its own sidecar", ACTIVE, with_init("Running", WON, RUNNING, goes_on=True), "Succeeded"),
    ("the init container runs", ACTIVE, with_init("Pending", QUIET, RUNNING), "Pending"),
]  # fmt: skip


@pytest.mark.parametrize(("sentence", "status", "raw", "state"), SIDECARS, ids=[row[0] for row in SIDECARS])
def test_a_pod_is_what_our_container_is(sentence: str, status: Any, raw: Any, state: str) -> None:
    assert observe(DUMP_STEP, job(status), [raw], OWNER, NOW).state == state, sentence


def test_a_job_that_its_sidecar_failed_has_succeeded_as_ours_has() -> None:
    raw = job({"failed": 1, "conditions": [failed_condition("BackoffLimitExceeded")]})
    assert observe(DUMP_STEP, raw, [with_sidecar("Failed", WON, KILLED)], OWNER, NOW).state == "Succeeded"


TOLD = [
    ("the init container is not pulled", with_init("Pending", QUIET, PULL), Why("InitContainerWaiting", "init container setup of the pod: ImagePullBackOff: Back-off pulling image")),
    ("a sidecar of Kubernetes' own kind crashes", with_init("Pending", QUIET, CRASH, goes_on=True), Why("InitContainerWaiting", "init container setup of the pod: CrashLoopBackOff: back-off 10s")),
    ("the init container takes its time", with_init("Pending", QUIET, RUNNING), Why("InitContainerRunning")),
    ("a sidecar of Kubernetes' own kind runs", with_init("Pending", QUIET, RUNNING, goes_on=True), Why("ContainerCreating")),
    ("the sidecar is not pulled", with_sidecar("Pending", QUIET, PULL), Why("SidecarWaiting", "container proxy of the pod: ImagePullBackOff: Back-off pulling image")),
    ("the sidecar is not pulled while ours runs", with_sidecar("Pending", RUNNING, PULL), Why("SidecarWaiting", "container proxy of the pod: ImagePullBackOff: Back-off pulling image")),
    ("ours comes first", with_sidecar("Pending", CRASH, PULL), shown_why("CrashLoopBackOff", "back-off 10s")),
]  # fmt: skip


@pytest.mark.parametrize(("sentence", "raw", "why"), TOLD, ids=[row[0] for row in TOLD])
def test_whichever_container_holds_the_pod_up_is_told(sentence: str, raw: Any, why: Why) -> None:
    assert observe(DUMP_STEP, job(ACTIVE), [raw], OWNER, NOW).waiting == why, sentence


def test_a_failing_init_container_is_an_attempt_with_its_reason() -> None:
    failing = {"terminated": {"exitCode": 64, "message": "no route", "finishedAt": "2026-03-02T00:00:09Z"}}
    seen = observe(DUMP_STEP, job({"failed": 1}), [with_init("Failed", QUIET, failing)], OWNER, NOW)
    assert seen.why == Why("InitContainerFailed", "init container setup of the pod ended with exit code 64: no route")
    assert not seen.is_permanent_failure, "the code is not our program's"
    assert seen.ended_at == datetime(2026, 3, 2, 0, 0, 9, tzinfo=UTC)


def test_a_pod_that_its_node_refused_tells_why() -> None:
    refused = pod({"phase": "Failed", "reason": "OutOfcpu", "message": "Node didn't have enough resource: cpu"})
    seen = observe(DUMP_STEP, job({"failed": 1}), [refused], OWNER, NOW)
    assert seen.why == shown_why("OutOfcpu", "Node didn't have enough resource: cpu")
