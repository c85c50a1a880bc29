"""A volume that only one node can mount, on a cluster of three nodes: every pod of a run goes where the dump went."""

from collections.abc import Iterator

import pytest

from harness.cluster import Cluster
from lab import contents, installation, replications
from lab.replications import Scene

pytestmark = pytest.mark.cluster3

TEMPLATE = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}


@pytest.fixture
def scene3(cluster3: Cluster) -> Iterator[Scene]:
    """Return a scene of the three-node cluster, which has servers and an operator of its own."""
    installation.install(cluster3)
    with replications.new_scene(replications.start(cluster3)) as scene:
        yield scene


def test_loads_run_on_the_node_of_the_dump(scene3: Scene) -> None:
    workers = [node for node in scene3.lab.cluster.nodes() if "worker" in node]
    assert len(workers) > 1, "with one node to choose from this would show nothing"
    scene3.apply(snapshot={"volumeClaimTemplate": TEMPLATE}, startTimeoutSeconds=300)
    scene3.start_run()
    status = scene3.finished_run(seconds=240)
    assert status["phase"] == "Succeeded", status["message"]
    pods = scene3.items("pods")
    assert len(pods) == 1 + len(scene3.lab.targets)
    assert {pod["spec"]["nodeName"] for pod in pods} == {status["node"]}
    claim = scene3.lab.cluster.get("pvc", f"{scene3.name}-snapshots", "-n", scene3.namespace)
    assert (claim["spec"]["accessModes"], claim["metadata"].get("ownerReferences")) == (["ReadWriteOnce"], None)
    source = contents.read(scene3.lab.source, scene3.database)
    assert all(contents.read(server, scene3.database) == source for server in scene3.lab.targets.values())
