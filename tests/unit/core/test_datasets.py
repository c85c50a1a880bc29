"""How lineage names the databases of a spec, even of one that cannot be carried out."""

from typing import Any

import pytest

from datareplication.core import datasets
from datareplication.core.datasets import Dataset
from support.samples import MINIMAL


def test_databases_are_named_by_server_and_name() -> None:
    assert datasets.source(MINIMAL) == Dataset("postgres://prod-db.prod.svc:5432", "app")
    assert datasets.targets(MINIMAL) == {"dev": Dataset("postgres://dev-db.dev.svc:5432", "app")}
    assert datasets.source({"source": {"host": "::1", "port": 6000, "database": "a"}}) == Dataset(
        "postgres://[::1]:6000", "a"
    )


@pytest.mark.parametrize("spec", [{}, {"source": [], "targets": {}}, {"source": {"host": 1}, "targets": [1, None, {}]}])
def test_what_cannot_be_read_has_no_name(spec: dict[str, Any]) -> None:
    assert (datasets.source(spec), datasets.targets(spec)) == (None, {})


def test_a_rollback_reads_each_targets_previous_database() -> None:
    assert datasets.inputs(MINIMAL, "", ["dev"]) == (datasets.source(MINIMAL),)
    previous = Dataset("postgres://dev-db.dev.svc:5432", "app__previous")
    assert datasets.inputs(MINIMAL, "Rollback", ["dev", "gone"]) == (previous,)
    assert datasets.inputs({}, "", []) == ()


def test_a_cluster_has_the_name_of_its_server() -> None:
    of_cluster = {"clusterRef": {"kind": "Cluster", "name": "shop", "service": "Replica"}, "database": "app"}
    assert datasets.source({"source": of_cluster}) == Dataset("postgres://shop-ro:5432", "app")
    assert (
        datasets.targets({"targets": [{"name": "dev", "clusterRef": {"kind": [], "name": 1}, "database": "a"}]}) == {}
    )
