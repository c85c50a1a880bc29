"""What every test of an orchestrator starts from: a replication without a schedule, and an account with few rights.

A module shares both: an orchestrator takes half a minute to start.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import lifecycle
from harness.cluster import Cluster
from lab import installation, replications
from lab.replications import Lab, Scene
from orchestra import account, scenes


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """Return the one-node cluster, brought up when it is not."""
    return lifecycle.up()


@pytest.fixture(scope="session")
def lab(cluster: Cluster) -> Lab:
    """Return the four PostgreSQL servers, beside an installed operator."""
    installation.install(cluster)
    return replications.start(cluster)


@pytest.fixture(scope="module")
def scene(lab: Lab) -> Iterator[Scene]:
    """Return a namespace with a replication that has no schedule of its own, on databases of its own."""
    with replications.new_scene(lab) as made:
        made.apply(dump=scenes.PATIENT, history={"successful": 10, "failed": 10})
        yield made


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for all that the module's orchestrator keeps."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def kubeconfig(scene: Scene, home: Path) -> Path:
    """Return the kubeconfig of the orchestrator's account."""
    return account.kubeconfig(scene, home)
