"""What every test of the plugin starts from: a control plane that all share, and a namespace of its own."""

from collections.abc import Iterator

import pytest

from support.plane import Place, Plane, started


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    """A control plane that all tests share."""
    with started(tmp_path_factory.mktemp("plane")) as plane:
        yield plane


@pytest.fixture
def place(plane: Plane) -> Place:
    """A namespace of this test's own."""
    place = Place(plane)
    place.create_raw("/api/v1/namespaces", {"metadata": {"name": place.namespace}})
    return place
