"""Attempts on a real cluster: which are repeated and when, and which are not."""

import json
from datetime import datetime
from typing import Any

import pytest

from harness.cluster import Cluster
from harness.errors import ProgramError
from lab import api, contents
from lab.replications import Scene, wait_for
from scenarios.blocking import PATIENT, blocked_source, one_target

Object = dict[str, Any]

DELAY_SECONDS = 20
SOON_SECONDS = 120


def start(scene: Scene, **spec: Any) -> None:
    """Apply a DataReplication on demand with one target, and start a run."""
    scene.apply(**{"targets": one_target(scene), "startTimeoutSeconds": 300} | spec)
    scene.start_run()


def load_that_fails_transiently_twice_then_succeeds(scene: Scene) -> None:
    """The target is a Service without a server; the server comes while the third attempt is waited for."""
    scene.lab.cluster.apply(service(scene))
    flaky = {"host": f"flaky-db.{scene.namespace}.svc", "sslMode": "require", "sslRootCert": None}
    target = {name: value for name, value in {**one_target(scene)[0], **flaky}.items() if value is not None}
    start(scene, targets=[target], retryPolicy={"retries": 2, "delaySeconds": DELAY_SECONDS})
    wait_for(lambda: load(scene), lambda seen: len(seen.get("endedAttempts", ())) == 2, 4 * SOON_SECONDS)
    scene.lab.cluster.apply(endpoints(scene))
    status = scene.finished_run(seconds=2 * SOON_SECONDS)
    assert status["phase"] == "Succeeded", status["message"]
    attempts = load(scene)["endedAttempts"]
    assert [attempt["exitCode"] for attempt in attempts] == [75, 75, 0]
    assert load(scene)["attempts"] == 3
    job = counted_job(scene, "now-load-dev")
    assert (job["spec"]["backoffLimit"], job["status"]["failed"], job["status"]["succeeded"]) == (2, 2, 1)
    ended = [datetime.fromisoformat(attempt["completionTime"]) for attempt in attempts]
    begun = [datetime.fromisoformat(attempt["startTime"]) for attempt in attempts]
    pauses = [(later - earlier).total_seconds() for earlier, later in zip(ended, begun[1:], strict=False)]
    assert all(DELAY_SECONDS - 1 <= pause <= DELAY_SECONDS + 30 for pause in pauses), pauses
    dumped = datetime.fromisoformat(status["dump"]["completionTime"])
    assert dumped <= begun[0], "loads are tried again from the same snapshot"
    assert contents.read(scene.lab.targets["dev"], scene.database) == contents.read(scene.lab.source, scene.database)


def load(scene: Scene) -> Object:
    """Return the state of the load, empty before there is one."""
    return dict(next(iter(scene.run().get("targets", ())), {}))


def counted_job(scene: Scene, name: str) -> Object:
    """Return a Job when its controller has counted the pod that succeeded, some seconds after the run knows."""

    def look() -> Object:
        return dict(api.get(scene.lab.cluster, "jobs", scene.namespace, name))

    return wait_for(look, lambda job: job["status"].get("succeeded") == 1, SOON_SECONDS)


def service(scene: Scene) -> Object:
    metadata = {"name": "flaky-db", "namespace": scene.namespace}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": [{"port": 5432}]}}


def endpoints(scene: Scene) -> Object:
    """Return the slice that puts the server of dev behind the Service."""
    pods = scene.lab.cluster.get("pods", "-n", "dev", "-l", "app=dev-db")["items"]
    address = next(pod["status"]["podIP"] for pod in pods if pod["status"]["phase"] == "Running")
    labels = {"kubernetes.io/service-name": "flaky-db"}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "flaky-db-1", "namespace": scene.namespace, "labels": labels},
        "addressType": "IPv4",
        "ports": [{"port": 5432}],
        "endpoints": [{"addresses": [address]}],
    }


def evicted_pod_costs_no_attempt(scene: Scene) -> None:
    with blocked_source(scene):
        start(scene, retryPolicy={"retries": 0, "delaySeconds": 300})
        running = wait_for(lambda: dump_pod(scene), lambda pod: phase(pod) == "Running", SOON_SECONDS)
        evict(scene.lab.cluster, scene.namespace, running["metadata"]["name"])
        wait_for(lambda: dump_pod(scene, but=running), lambda pod: phase(pod) == "Running", SOON_SECONDS)
    status = scene.finished_run(seconds=2 * SOON_SECONDS)
    assert status["phase"] == "Succeeded", status["message"]
    dump = status["dump"]
    assert dump["attempts"] == 1
    ended = {attempt["pod"]: attempt for attempt in dump["endedAttempts"]}
    evicted = ended.pop(running["metadata"]["name"])
    assert (evicted["isDisruption"], evicted["reason"]) == (True, "EvictionByEvictionAPI"), dump
    assert [attempt["isDisruption"] for attempt in ended.values()] == [False], dump
    job = counted_job(scene, "now-dump")
    assert (job["status"].get("failed", 0), job["status"]["succeeded"]) == (0, 1)


def evict(cluster: Cluster, namespace: str, pod: str) -> None:
    """Ask for a pod's eviction, as `kubectl drain` does."""
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": namespace}}
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}/eviction"
    cluster.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(body))


def dump_pod(scene: Scene, but: Object | None = None) -> Object:
    """Return the newest pod of the dump, empty when there is none but `but`."""
    pods = [pod for pod in scene.items("pods") if pod["metadata"]["labels"].get("datareplication.dev/role") == "dump"]
    found = [pod for pod in pods if but is None or pod["metadata"]["uid"] != but["metadata"]["uid"]]
    return found[-1] if found else {}


def phase(pod: Object) -> str:
    return str(pod.get("status", {}).get("phase", ""))


def run_over_its_time_ends_its_jobs(scene: Scene) -> None:
    with blocked_source(scene):
        start(scene, timeoutSeconds=15, retryPolicy=PATIENT)
        status = scene.finished_run(seconds=SOON_SECONDS)
        assert status["phase"] == "Failed", status
        assert "did not end within 15s (spec.timeoutSeconds)" in status["message"], status
        assert scene.names("jobs") == ["now-dump"]
        wait_for(lambda: {"phase": phase(dump_pod(scene))}, lambda seen: seen["phase"] != "Running", SOON_SECONDS)


def dump_over_its_own_time_says_so(scene: Scene) -> None:
    with blocked_source(scene):
        start(scene, dump={"timeoutSeconds": 12}, retryPolicy={"retries": 0, "delaySeconds": 1})
        status = scene.finished_run(seconds=SOON_SECONDS)
        assert status["phase"] == "Failed", status
        assert "did not end within 12s (timeoutSeconds)" in status["message"], status
        assert status["dump"]["reason"] == "DeadlineExceeded"


def two_resources_that_share_a_target_load_it_one_after_the_other(scene: Scene) -> None:
    second = Scene(scene.lab, scene.namespace, scene.database, name="second")
    for one, run in ((scene, "now"), (second, "other")):
        one.apply(targets=one_target(scene), retryPolicy=PATIENT, startTimeoutSeconds=300)
        one.start_run(run)
    assert [scene.finished_run(run, 2 * SOON_SECONDS)["phase"] for run in ("now", "other")] == [
        "Succeeded",
        "Succeeded",
    ]
    assert contents.read(scene.lab.targets["dev"], scene.database) == contents.read(scene.lab.source, scene.database)


def kubectl_waits_for_complete_and_for_finished(scene: Scene) -> None:
    start(scene)
    wait(scene, "Complete", "now")
    wait(scene, "Finished", "now")
    scene.lab.cluster.kubectl("-n", scene.namespace, "delete", "secret", "dev-db")
    scene.start_run("later", targets=["dev"])
    with pytest.raises(ProgramError, match="timed out"):
        wait(scene, "Complete", "later", seconds=5)


def wait(scene: Scene, kind: str, run: str, seconds: int = 2 * SOON_SECONDS) -> None:
    words = ("wait", f"--for=condition={kind}", f"dreprun/{run}", f"--timeout={seconds}s")
    scene.lab.cluster.kubectl("-n", scene.namespace, *words, timeout_seconds=seconds + 10)
