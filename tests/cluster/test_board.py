"""The board of an operator in a cluster, through its Service, as a viewer with a port-forward sees it."""

import contextlib
import json
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from harness import tools
from harness.cluster import context
from lab import installation
from lab.replications import Lab, Scene, wait_for
from support.markup import Page
from support.ports import free_port

pytestmark = [pytest.mark.cluster, pytest.mark.alone]

SOON_SECONDS = 60
SERVICE = f"{installation.RELEASE}-board"


@pytest.fixture
def board(lab: Lab) -> Iterator[str]:
    """Return the address of the board of two pods; afterwards the operator is as by default."""
    installation.install(lab.cluster, "board.enabled=true", "replicas=2")
    try:
        with forwarded(lab) as address:
            yield address
    finally:
        installation.install(lab.cluster)


@contextlib.contextmanager
def forwarded(lab: Lab) -> Iterator[str]:
    port = free_port()
    words = ["-n", installation.NAMESPACE, "port-forward", f"service/{SERVICE}", f"{port}:8081"]
    where = ["--kubeconfig", str(lab.cluster.kubeconfig), "--context", context(lab.cluster.name)]
    process = subprocess.Popen([tools.kubectl(), *where, *words], stdout=subprocess.DEVNULL)
    try:
        until = time.monotonic() + SOON_SECONDS
        while time.monotonic() < until and not is_open(port):
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - loopback
        return str(answer.read().decode())


def test_a_viewer_sees_what_failed_and_why_and_then_that_it_is_in_order(board: str, scene: Scene) -> None:
    refused = {"name": "dev", **scene.connection(scene.lab.targets["dev"]), "database": "app__previous"}
    scene.apply(targets=[refused])
    scene.start_run()
    scene.finished_run()
    one = f"{board}/api/v1/replications/{scene.namespace}/{scene.name}"

    def told() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(read(one))
        return found

    failed = wait_for(told, lambda seen: bool(seen["problems"]), SOON_SECONDS)
    assert failed["health"]["failing"]
    text = " ".join(Page(read(f"{board}/?namespace={scene.namespace}")).text.split())
    assert "dev is without data because" in text
    assert failed["problems"][0]["cause"]["message"] in text
    page = Page(read(f"{board}/replications/{scene.namespace}/{scene.name}"))
    assert "load of dev" in page.text

    scene.apply(targets=[{"name": "dev", **scene.connection(scene.lab.targets["dev"])}])
    scene.start_run("again")
    assert scene.finished_run("again")["phase"] == "Succeeded"
    good = wait_for(told, lambda seen: not seen["problems"], SOON_SECONDS)
    (target,) = good["targets"]
    assert (target["freshness"], target["run"]) == ("fresh", "again")
    assert target["ageSeconds"] < 600
    assert [mark["symbol"] for mark in good["lastRuns"]] == ["✕", "✓"]
