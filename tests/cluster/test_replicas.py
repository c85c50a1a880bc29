"""Two replicas on a real cluster: if the leader is paused or told to end, the other takes over."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest
from prometheus_client.parser import text_string_to_metric_families

from harness.cluster import Cluster
from lab import installation
from lab.replications import TARGETS, Lab, Scene, wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.alone]

TAKEOVER_SECONDS = 20
HANDOVER_SECONDS = 10
READS = ("get", "list", "log")
PORT = 8080


@dataclass(frozen=True)
class Pair:
    """The two pods of the installed operator."""

    cluster: Cluster

    @property
    def leader(self) -> str:
        """Return the pod that the Lease names, empty when it is free."""
        lease = self.cluster.get("lease", installation.RELEASE, "-n", installation.NAMESPACE)
        return str(lease["spec"].get("holderIdentity", "")).partition("_")[0]

    @property
    def pods(self) -> set[str]:
        """Return the names of the pods that are ready and not about to end."""
        selector = f"app.kubernetes.io/instance={installation.RELEASE},app.kubernetes.io/component=controller"
        found = self.cluster.get("pods", "-n", installation.NAMESPACE, "-l", selector)["items"]
        return {
            pod["metadata"]["name"]
            for pod in found
            if "deletionTimestamp" not in pod["metadata"]
            and {"type": "Ready", "status": "True"}.items() <= _condition(pod, "Ready").items()
        }

    def roles(self) -> tuple[str, str]:
        """Wait until both are ready and one of them leads; return it and the other."""
        seen = wait_for(
            lambda: {"pods": self.pods, "leader": self.leader},
            lambda it: len(it["pods"]) == 2 and it["leader"] in it["pods"],
            60,
        )
        (other,) = seen["pods"] - {seen["leader"]}
        return seen["leader"], other

    def follower(self, of: str, seconds: float) -> tuple[str, float]:
        """Wait until another pod than `of` holds the lease; return it and how many seconds that took."""
        began = time.monotonic()
        seen = wait_for(lambda: {"leader": self.leader}, lambda it: it["leader"] not in ("", of), seconds)
        return seen["leader"], time.monotonic() - began

    def signal(self, pod: str, name: str) -> None:
        """Send a signal to the pod's process, from its node."""
        node = self.cluster.get("pod", pod, "-n", installation.NAMESPACE)["spec"]["nodeName"]
        # By its environment: that needs no program that knows containers.
        process = f"$(grep -lzx POD_NAME={pod} /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3)"
        self.cluster.engine.docker("exec", node, "sh", "-ec", f"kill -{name} {process}")

    def samples(self, pod: str, metric: str) -> list[tuple[Mapping[str, str], float]]:
        """Return a pod's samples of one metric, as labels and value."""
        path = f"/api/v1/namespaces/{installation.NAMESPACE}/pods/{pod}:{PORT}/proxy/metrics"
        families = text_string_to_metric_families(self.cluster.kubectl("get", "--raw", path))
        found = [sample for family in families for sample in family.samples]
        return [(one.labels, one.value) for one in found if one.name == f"datareplication_{metric}"]

    def writes(self, pod: str) -> float:
        """Return how many writes a pod has sent, but to the Lease."""
        return sum(
            value
            for labels, value in self.samples(pod, "api_requests_total")
            if labels["kind"] != "Lease" and labels["verb"] not in READS and labels["code"] != "fenced"
        )

    def settled(self, pod: str) -> dict[str, float]:
        """Return how many writes a pod had sent, and has sent two seconds later."""
        then = self.writes(pod)
        time.sleep(2)
        return {"then": then, "now": self.writes(pod)}


def _condition(pod: Mapping[str, object], kind: str) -> dict[str, str]:
    conditions = pod.get("status", {}).get("conditions", [])  # type: ignore[attr-defined]
    return next((dict(each) for each in conditions if each["type"] == kind), {})


@pytest.fixture
def pair(lab: Lab) -> Iterator[Pair]:
    """Return the operator with two replicas; afterwards it has one, as by default."""
    installation.install(lab.cluster, "replicas=2")
    yield Pair(lab.cluster)
    installation.install(lab.cluster)


def test_a_leader_that_is_paused_or_told_to_end_is_followed(pair: Pair, scene: Scene) -> None:
    paused, other = pair.roles()
    scene.apply()
    wait_for(scene.status, lambda status: "conditions" in status, 30)
    before = wait_for(lambda: pair.settled(paused), lambda seen: seen["then"] == seen["now"] > 0, 30)["now"]
    assert pair.writes(other) == 0, "one that waits does not write"

    pair.signal(paused, "STOP")
    try:
        scene.start_run()
        leader, took = pair.follower(paused, 2 * TAKEOVER_SECONDS)
        assert took <= TAKEOVER_SECONDS
        assert leader == other
        wait_for(lambda: {"jobs": scene.names("jobs")}, lambda seen: bool(seen["jobs"]), 30)
    finally:
        pair.signal(paused, "CONT")
    # The events that came meanwhile are in the sockets of the paused process, and it would act on them.
    wait_for(lambda: {"leader": pair.samples(paused, "leader")}, lambda seen: seen["leader"] == [({}, 0.0)], 30)
    assert scene.finished_run()["phase"] == "Succeeded"
    assert pair.writes(paused) == before

    shown = "target_data_timestamp_seconds"
    ages = {labels["target"] for labels, _ in pair.samples(other, shown) if labels["namespace"] == scene.namespace}
    assert ages == set(TARGETS)
    assert pair.samples(paused, shown) == []

    scene.lab.cluster.kubectl("-n", installation.NAMESPACE, "delete", "pod", other, "--wait=false")
    _, took = pair.follower(other, 2 * TAKEOVER_SECONDS)
    assert took <= HANDOVER_SECONDS
    scene.start_run("again")
    assert scene.finished_run("again")["phase"] == "Succeeded"
