"""A volumeClaimTemplate made larger, on a StorageClass that does not allow it, and then does."""

from collections.abc import Iterator
from typing import Any

import pytest

from harness import volumes
from harness.cluster import Cluster
from lab.replications import Scene, wait_for

pytestmark = pytest.mark.cluster


def allow(cluster: Cluster, *, is_allowed: bool) -> None:
    """Let the claims of the class grow, or not. Nobody enlarges a volume here; the claim says what is asked for."""
    patch = f'{{"allowVolumeExpansion": {str(is_allowed).lower()}}}'
    cluster.kubectl("patch", "storageclass", volumes.CLASS, "--type=merge", "-p", patch)


@pytest.fixture
def fixed(cluster: Cluster) -> Iterator[Cluster]:
    """Return the cluster, whose class is as it was afterwards."""
    yield cluster
    allow(cluster, is_allowed=False)


def template(size: str) -> dict[str, Any]:
    spec = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": size}}}
    return {"snapshot": {"volumeClaimTemplate": {"spec": spec}}}


def test_a_larger_template_is_told_where_the_class_forbids_it_and_grown_where_it_allows_it(
    scene: Scene, fixed: Cluster
) -> None:
    scene.apply(**template("1Gi"))
    scene.start_run("first")
    assert scene.finished_run("first")["phase"] == "Succeeded"

    def asked() -> str:
        claim = fixed.get("pvc", f"{scene.name}-snapshots", "-n", scene.namespace)
        return str(claim["spec"]["resources"]["requests"]["storage"])

    scene.apply(**template("2Gi"))
    told = wait_for(scene.status, lambda seen: "refused to grow it" in seen.get("message", ""), 30)
    assert f"claim {scene.name}-snapshots has 1Gi" in told["message"]
    assert "allowVolumeExpansion" in told["message"]
    assert ("VolumeNotGrown", "True") in {(one["type"], one["status"]) for one in told["conditions"]}
    assert asked() == "1Gi"

    allow(fixed, is_allowed=True)
    scene.start_run("second")
    assert scene.finished_run("second")["phase"] == "Succeeded"
    assert asked() == "2Gi"
    wait_for(scene.status, lambda seen: "grow" not in seen.get("message", ""), 30)

    scene.apply(**template("3Gi"))
    wait_for(lambda: {"asked": asked()}, lambda seen: seen["asked"] == "3Gi", 30)
