"""The board in a cluster, through its Service, as a viewer with a port-forward sees it.

It is that of a pod of another release, which watches the test's namespace and never gets its Lease: a pod that waits
serves the board as well. The operator of all tests does the work.
"""

import json
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from harness.cluster import Cluster
from lab import installation
from lab.replications import API_VERSION, wait_for
from lab.tunnel import SOON_SECONDS, forwarded
from support.markup import Page
from support.samples import MINIMAL

pytestmark = pytest.mark.cluster


@pytest.fixture
def operator(cluster: Cluster) -> Cluster:
    """Return the cluster with an operator that works."""
    if installation.RELEASE not in cluster.kubectl("-n", installation.NAMESPACE, "get", "deployments", "-o", "name"):
        installation.install(cluster)
    return cluster


@pytest.fixture
def board(operator: Cluster, namespace: str) -> Iterator[str]:
    """Return the address of a board that sees the namespace alone."""
    release = f"board-{uuid.uuid4().hex[:6]}-{installation.RELEASE}"
    wanted = ("crds.install=false", "rbac.aggregateToDefaultRoles=false", "board.enabled=true")
    settings = (*wanted, f"watchNamespaces={{{namespace}}}")
    held = json.dumps({"spec": {"holderIdentity": "a-test", "leaseDurationSeconds": 1_000_000}})
    where = ("-n", installation.NAMESPACE)
    installation.install(operator, *settings, "replicas=0", release=release)
    try:
        operator.kubectl(*where, "patch", "lease", release, "--type=merge", "-p", held)
        installation.install(operator, *settings, "replicas=1", release=release)
        with forwarded(operator, f"{release}-board") as address:
            yield address
        assert "a-test" in operator.kubectl(*where, "get", "lease", release, "-o", "jsonpath={.spec.holderIdentity}")
    finally:
        installation.helm(operator, "uninstall", release)


def read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - loopback
        return str(answer.read().decode())


def test_a_viewer_sees_what_failed_why_and_what_to_do(board: str, operator: Cluster, namespace: str) -> None:
    spec = {**MINIMAL, "startTimeoutSeconds": 5, "description": "<script>alert(1)</script>"}
    named = {"metadata": {"name": "fan", "namespace": namespace}, "spec": spec}
    operator.apply({"apiVersion": API_VERSION, "kind": "DataReplication", **named})
    run = {"metadata": {"name": "now", "namespace": namespace}, "spec": {"replicationName": "fan"}}
    operator.apply({"apiVersion": API_VERSION, "kind": "DataReplicationRun", **run})

    def told() -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads(read(f"{board}/api/v1/replications/{namespace}/fan"))
        except urllib.error.HTTPError as error:
            with error:
                return {"problems": [], "status": error.code}
        return found

    seen = wait_for(told, lambda seen: seen.get("health", {}).get("failing", False), SOON_SECONDS)
    assert any(one["cause"].get("reason") for one in seen["problems"])
    assert [mark["symbol"] for mark in seen["lastRuns"]] == ["✕"]
    text = " ".join(Page(read(f"{board}/?state=failing")).text.split())
    for words in (
        "dev is without data because the last run failed.",
        "PersistentVolumeClaim 'snapshots' is not in the resource's namespace; create it",
        "Create it in the resource's own namespace, and start a run by hand.",
    ):
        assert words in text
    page = Page(read(f"{board}/replications/{namespace}/fan"))
    assert "<script>alert(1)</script>" in page.text
    assert page.all("script") == []
    with pytest.raises(urllib.error.HTTPError, match="405"):
        urllib.request.urlopen(urllib.request.Request(board, method="POST"), timeout=30)  # noqa: S310 - loopback
