"""A cluster that has no operator."""

from collections.abc import Iterator

import pytest

from faultlab import controlplane
from support.plane import Place, Plane


@pytest.fixture
def bare(plane: Plane) -> Iterator[Plane]:
    """The control plane of all, without our kinds for the duration of a test."""
    plane.do(controlplane.undefine(plane.plane.api))
    yield plane
    plane.do(controlplane.define(plane.plane.api))


def test_a_cluster_without_our_kinds_is_told_so(bare: Plane) -> None:
    place = Place(bare, "default")
    for arguments in (["status"], ["why", "-A"], ["run", "fan"]):
        ended = place.called(*arguments)
        assert ended.returncode == 69, ended.stderr
        assert ended.stderr.startswith("error: this cluster knows no resources of datareplication.dev: install the ")
        assert ended.stderr.count("\n") == 1
