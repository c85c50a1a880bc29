"""What every test on a cluster starts from: a cluster that is up, and a namespace of its own.

Most of a test's time is waiting, so several processes run the tests at once, each process whole files. A test that
changes what all tests share (the operator's release) is marked `alone` and runs after the others.
"""

import uuid
from collections.abc import Iterator

import pytest

from harness import cache, images, lifecycle
from harness.cluster import Cluster
from lab import installation, replications
from lab.replications import Lab, Scene


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """Return the one-node cluster, brought up when it is not."""
    return lifecycle.up()


@pytest.fixture
def cluster3() -> Iterator[Cluster]:
    """Return the three-node cluster, brought up when it is not; paused afterwards: idle it takes a fifth of a core."""
    with cache.lock("three-nodes"):
        cluster = lifecycle.up(nodes=3)
        yield cluster
        cluster.pause()


@pytest.fixture(scope="session")
def shell_image(cluster: Cluster) -> str:
    """Return an image with a shell and no entry point in its way, held by the one-node cluster."""
    return images.ensure(cluster.engine, [cluster], ["postgres"])["postgres"]


@pytest.fixture(scope="session")
def lab(cluster: Cluster) -> Lab:
    """Return the four PostgreSQL servers, beside an installed operator."""
    installation.install(cluster)
    return replications.start(cluster)


@pytest.fixture
def scene(lab: Lab) -> Iterator[Scene]:
    """Return a namespace with Secrets and a claim, and a small database of its own on every server."""
    with replications.new_scene(lab) as scene:
        yield scene


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """Return a namespace of this test's own in the one-node cluster; it goes away after the test."""
    yield from _namespace(cluster)


@pytest.fixture
def namespace3(cluster3: Cluster) -> Iterator[str]:
    """Return a namespace of this test's own in the three-node cluster; it goes away after the test."""
    yield from _namespace(cluster3)


def _namespace(cluster: Cluster) -> Iterator[str]:
    name = f"test-{uuid.uuid4().hex[:8]}"
    cluster.kubectl("create", "namespace", name)
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")
