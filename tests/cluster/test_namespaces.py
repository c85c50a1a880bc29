"""An operator that watches some namespaces: a deleted one, or one without rights, does not disturb the others."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from prometheus_client.parser import text_string_to_metric_families

from harness.cluster import Cluster
from lab import databases, installation
from lab.replications import Lab, Scene, wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.alone]

SOON_SECONDS = 90
RESYNC_SECONDS = 5


@dataclass(frozen=True)
class Operator:
    """The one pod of the operator, and the namespaces that it watches: one stays, one is deleted, one is forbidden."""

    cluster: Cluster
    kept: str
    deleted: str
    forbidden: str

    def install(self) -> None:
        watched = f"{self.kept},{self.deleted},{self.forbidden}"
        installation.install(self.cluster, f"watchNamespaces={{{watched}}}", f"resyncSeconds={RESYNC_SECONDS}")

    def pod(self) -> dict[str, object]:
        """Return the pod's name, whether it is ready, and how often it was restarted."""
        selector = f"app.kubernetes.io/instance={installation.RELEASE},app.kubernetes.io/component=controller"
        found = self.cluster.get("pods", "-n", installation.NAMESPACE, "-l", selector)["items"]
        alive = [one for one in found if "deletionTimestamp" not in one["metadata"]]
        if len(alive) != 1 or not alive[0]["status"].get("containerStatuses"):
            return {"ready": False}
        (container,) = alive[0]["status"]["containerStatuses"]
        name = alive[0]["metadata"]["name"]
        return {"name": name, "ready": container["ready"], "restarts": container["restartCount"]}

    def ready(self) -> str:
        """Wait until the pod is ready and leads; return its name."""
        seen = wait_for(self.pod, lambda one: bool(one["ready"]), SOON_SECONDS)
        return str(seen["name"])

    def watched(self) -> dict[str, float]:
        """Return what the pod's metrics say of each namespace."""
        path = f"/api/v1/namespaces/{installation.NAMESPACE}/pods/{self.ready()}:8080/proxy/metrics"
        families = text_string_to_metric_families(self.cluster.kubectl("get", "--raw", path))
        samples = [sample for family in families for sample in family.samples]
        return {
            one.labels["namespace"]: one.value for one in samples if one.name == "datareplication_namespace_watched"
        }

    def log(self) -> str:
        return self.cluster.kubectl("-n", installation.NAMESPACE, "logs", self.ready())


@pytest.fixture
def operator(lab: Lab, scene: Scene) -> Iterator[Operator]:
    """Return the operator that watches three namespaces; afterwards it watches all of them, as by default."""
    token = uuid.uuid4().hex[:6]
    chosen = Operator(lab.cluster, scene.namespace, f"deleted-{token}", f"forbidden-{token}")
    lab.cluster.apply(databases.namespace(chosen.deleted), databases.namespace(chosen.forbidden))
    chosen.install()
    yield chosen
    installation.install(lab.cluster)
    lab.cluster.kubectl("delete", "namespace", chosen.deleted, chosen.forbidden, "--wait=false", "--ignore-not-found")


def test_a_namespace_that_is_gone_or_forbidden_fails_alone_and_is_served_again(
    operator: Operator, scene: Scene
) -> None:
    cluster = operator.cluster
    everything = dict.fromkeys((operator.kept, operator.deleted, operator.forbidden), 1.0)
    wait_for(operator.watched, lambda seen: seen == everything, SOON_SECONDS)
    first = operator.ready()

    cluster.kubectl("delete", "namespace", operator.deleted, "--wait=true")
    cluster.kubectl("-n", operator.forbidden, "delete", "rolebinding", installation.RELEASE)
    lost = {**everything, operator.deleted: 0.0, operator.forbidden: 0.0}
    wait_for(operator.watched, lambda seen: seen == lost, SOON_SECONDS)
    log = operator.log()
    assert f"namespace {operator.deleted} cannot be looked at" in log
    assert f"namespace {operator.forbidden} cannot be looked at" in log
    assert "CustomResourceDefinitions" not in log
    scene.apply()
    scene.start_run()
    assert scene.finished_run()["phase"] == "Succeeded"

    # The next process has never seen these namespaces.
    cluster.kubectl("-n", installation.NAMESPACE, "delete", "pod", first)
    assert operator.ready() != first
    wait_for(operator.watched, lambda seen: seen == lost, SOON_SECONDS)
    scene.start_run("again")
    assert scene.finished_run("again")["phase"] == "Succeeded"
    second = operator.ready()

    cluster.apply(databases.namespace(operator.deleted))
    operator.install()
    wait_for(operator.watched, lambda seen: seen == everything, SOON_SECONDS)
    for namespace in (operator.deleted, operator.forbidden):
        there = Scene(scene.lab, namespace, scene.database, name="anew")
        there.apply()
        wait_for(there.status, lambda status: status.get("phase") == "Scheduled", 30)
        there.start_run()
        wait_for(there.run, lambda status: "PersistentVolumeClaim 'snapshots'" in status.get("message", ""), 30)
    assert operator.pod() == {"name": second, "ready": True, "restarts": 0}
