"""Jobs that others suspend, resume, remove or refuse, on a real cluster."""

import contextlib
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from harness.errors import ProgramError
from lab import api, contents, webhooks
from lab.replications import Scene, wait_for
from scenarios.blocking import PATIENT, blocked_source, one_target

pytestmark = pytest.mark.cluster

SOON_SECONDS = 90
DUMP = "now-dump"


def job(scene: Scene, name: str = DUMP) -> dict[str, Any]:
    return dict(api.get(scene.lab.cluster, "jobs", scene.namespace, name))


def suspend(scene: Scene, *, value: bool, name: str = DUMP) -> None:
    patch = json.dumps({"spec": {"suspend": value}})
    scene.lab.cluster.kubectl("-n", scene.namespace, "patch", "job", name, "--type=merge", "-p", patch)


def start(scene: Scene, **spec: Any) -> None:
    scene.apply(**{"targets": one_target(scene), "startTimeoutSeconds": 20} | spec)
    scene.start_run()


def until_dump(scene: Scene, **fields: str) -> dict[str, Any]:
    """Wait until the run's dump has these fields."""
    return wait_for(
        lambda: dict(scene.run().get("dump", {})), lambda seen: fields.items() <= seen.items(), SOON_SECONDS
    )


def assert_copied(scene: Scene) -> None:
    status = scene.finished_run(seconds=2 * SOON_SECONDS)
    assert status["phase"] == "Succeeded", status["message"]
    assert contents.read(scene.lab.targets["dev"], scene.database) == contents.read(scene.lab.source, scene.database)


def test_a_job_that_somebody_suspended_is_left_to_him_and_goes_on_when_resumed(scene: Scene) -> None:
    with blocked_source(scene):
        start(scene, retryPolicy={"retries": 0, "delaySeconds": 300})
        until_dump(scene, phase="Running")
        suspend(scene, value=True)
        held = until_dump(scene, phase="Pending", reason="JobHeld")
        assert "suspended by somebody else" in held["message"]
        # Longer than the start timeout: a Job that a queue holds does not fail because it does not start.
        suspended_for(scene, 25)
    suspend(scene, value=False)
    assert_copied(scene)


def suspended_for(scene: Scene, seconds: float) -> None:
    """Look until the Job has been suspended for that long; fail when somebody resumes it."""
    deadline = time.monotonic() + seconds
    wait_for(
        lambda: job(scene)["spec"],
        lambda spec: spec.get("suspend") is not True or time.monotonic() > deadline,
        seconds + 10,
    )
    assert job(scene)["spec"]["suspend"] is True
    assert scene.run()["dump"]["reason"] == "JobHeld"


def test_a_queue_that_makes_jobs_wait_is_waited_for(scene: Scene) -> None:
    """As with Kueue: each Job is suspended when it is made, and resumed when there is room."""
    with webhooks.asked(scene, "held", "jobs"):
        start(scene)
        until_dump(scene, reason="JobHeld")
        assert scene.items("pods") == []
        suspend(scene, value=False)
        wait_for(lambda: {"names": scene.names("jobs")}, lambda seen: "now-load-dev" in seen["names"], SOON_SECONDS)
        wait_for(scene.run, lambda seen: "load of dev: its Job is suspended" in seen.get("message", ""), SOON_SECONDS)
        suspend(scene, value=False, name="now-load-dev")
        assert_copied(scene)


def test_a_job_that_we_ended_makes_no_pod_when_somebody_resumes_it(scene: Scene) -> None:
    with webhooks.asked(scene, "held", "jobs"):
        start(scene, timeoutSeconds=5)
        assert scene.finished_run(seconds=SOON_SECONDS)["dump"]["reason"] == "RunTimeout"
        suspend(scene, value=False)
        wait_for(lambda: job(scene)["status"], has_failed, SOON_SECONDS)
    assert scene.items("pods") == []


def has_failed(status: dict[str, Any]) -> bool:
    return any(one["type"] == "Failed" and one["status"] == "True" for one in status.get("conditions", ()))


@pytest.mark.parametrize("cascade", ["background", "orphan"])
def test_a_job_that_was_removed_is_a_failure_with_a_name(scene: Scene, cascade: str) -> None:
    with blocked_source(scene):
        start(scene, retryPolicy=PATIENT)
        until_dump(scene, phase="Running")
        scene.lab.cluster.kubectl("-n", scene.namespace, "delete", "job", DUMP, f"--cascade={cascade}")
        if cascade == "orphan":
            until_dump(scene, phase="Running", reason="JobGone")
            scene.lab.cluster.kubectl("-n", scene.namespace, "delete", "pod", "--all")
        status = scene.finished_run(seconds=SOON_SECONDS)
    assert (status["phase"], status["dump"]["reason"]) == ("Failed", "JobGone"), status
    assert "start a run by hand" in status["message"]
    assert scene.names("jobs") == []


def quota(scene: Scene, jobs: int) -> None:
    spec = {"hard": {"count/jobs.batch": str(jobs)}}
    metadata = {"name": "jobs", "namespace": scene.namespace}
    scene.lab.cluster.apply({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": spec})


@contextlib.contextmanager
def over_quota(scene: Scene) -> Iterator[None]:
    quota(scene, 0)
    query = ("resourcequota", "jobs", "-n", scene.namespace)
    wait_for(lambda: scene.lab.cluster.get(*query).get("status", {}), lambda status: "used" in status, SOON_SECONDS)
    yield
    quota(scene, 10)


@contextlib.contextmanager
def against_policy(scene: Scene) -> Iterator[None]:
    """Let a policy of the API server itself deny each Job of the scene."""
    of_jobs = {"apiGroups": ["batch"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["jobs"]}
    group, metadata = "admissionregistration.k8s.io/v1", {"name": scene.namespace}
    selector = {"matchLabels": {"kubernetes.io/metadata.name": scene.namespace}}
    policy = {
        "matchConstraints": {"resourceRules": [of_jobs]},
        "validations": [{"expression": "false", "message": "no Jobs before the audit"}],
    }
    binding = {
        "policyName": scene.namespace,
        "validationActions": ["Deny"],
        "matchResources": {"namespaceSelector": selector},
    }
    kinds = (("ValidatingAdmissionPolicy", policy), ("ValidatingAdmissionPolicyBinding", binding))
    objects = [{"apiVersion": group, "kind": kind, "metadata": metadata, "spec": spec} for kind, spec in kinds]
    scene.lab.cluster.apply(*objects)
    try:
        wait_for(lambda: {"denied": is_denied(scene)}, lambda seen: seen["denied"], SOON_SECONDS)
        yield
    finally:
        for kind, _ in reversed(kinds):
            scene.lab.cluster.kubectl("delete", kind, scene.namespace)


def is_denied(scene: Scene) -> bool:
    """Whether the policy is in force, some moments after it was made."""
    container = {"name": "c", "image": "x"}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    probe = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "probe", "namespace": scene.namespace}}
    try:
        manifest = json.dumps({**probe, "spec": {"suspend": True, "template": template}})
        scene.lab.cluster.kubectl("create", "--dry-run=server", "-f", "-", stdin=manifest)
    except ProgramError:
        return True
    return False


def by_a_webhook(scene: Scene) -> contextlib.AbstractContextManager[None]:
    return webhooks.asked(scene, "denied", "jobs")


REFUSALS = [
    ("a quota", over_quota, "exceeded quota: jobs"),
    ("a policy", against_policy, "no Jobs before the audit"),
    ("a webhook", by_a_webhook, "denied the request: not in\ufffd[2J\ufffd this namespace"),
]


@pytest.mark.parametrize(("sentence", "refusing", "words"), REFUSALS, ids=[row[0] for row in REFUSALS])
def test_a_job_that_is_refused_waits_is_told_and_is_made_when_it_may(
    scene: Scene, sentence: str, refusing: Any, words: str
) -> None:
    with refusing(scene):
        start(scene)
        refused = until_dump(scene, phase="Waiting", reason="JobRefused")
        assert words in refused["message"], sentence
        assert words in scene.run()["message"]
        assert scene.names("jobs") == []
    assert_copied(scene)


def test_a_load_that_is_refused_waits_while_the_others_go_on(scene: Scene) -> None:
    """Four Jobs and room for two: the status tells the end of the first load while the others wait."""
    quota(scene, 2)
    scene.apply(startTimeoutSeconds=20)
    scene.start_run()
    wait_for(
        lambda: scene.target_states() if "targets" in scene.run() else {},
        lambda seen: "Succeeded" in seen.values(),
        SOON_SECONDS,
    )
    assert sorted(scene.target_states().values()) == ["Succeeded", "Waiting", "Waiting"]
    assert "exceeded quota" in scene.run()["message"]
    quota(scene, 10)
    assert scene.finished_run(seconds=2 * SOON_SECONDS)["targetsSummary"] == "3/3"
