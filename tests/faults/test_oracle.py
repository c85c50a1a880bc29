"""The oracle finds the faults that it looks for in traces and objects."""

from dataclasses import replace
from typing import Any

import pytest

from datareplication.core import names
from faultlab.kubelet import Work
from faultlab.oracle import difference, violations
from faultlab.proxy import Request

SPACE = "replay"


def request(
    verb: str, plural: str, name: str, began: float, body: Any = None, status: int = 201, process: int = 1
) -> Request:
    return Request(verb, plural, SPACE, name, "", body, {}, began, process, status=status, ended=began + 0.1)


def load(began: float, **more: Any) -> Request:
    labels = {names.ROLE_LABEL: names.LOAD, names.RUN_LABEL: "daily-1"}
    return request("create", "jobs", "daily-1-load-dev", began, {"metadata": {"labels": labels}}, **more)


def lease(began: float, holder: str = "somebody", process: int = 1) -> Request:
    spec = {"holderIdentity": holder, "leaseDurationSeconds": 10}
    return request("update", "leases", "operator", began, {"spec": spec}, status=200, process=process)


@pytest.mark.parametrize(
    ("trace", "told"),
    [
        ([load(2)], []),
        ([load(0.5)], ["daily-1-load-dev was created before its snapshot was published"]),
        ([load(2), load(3, status=409)], []),
        ([load(2), load(3)], ["jobs/daily-1-load-dev was created 2 times"]),
        ([lease(1), load(2), load(3, status=409)], []),
        ([lease(1), replace(load(12), late=1.5)], []),
    ],
)
def test_traces_are_judged(trace: list[Request], told: list[str]) -> None:
    assert violations(trace, {Work(SPACE, "daily-1", names.DUMP): 1.0}, SPACE) == told


@pytest.mark.parametrize(
    "trace",
    [
        pytest.param([lease(1), load(12)], id="the lease is over"),
        pytest.param([lease(1), replace(load(14), late=1.5)], id="over, though the proxy was late"),
        pytest.param([lease(1), load(2, process=2)], id="another process"),
        pytest.param([lease(1), lease(3, holder=""), load(4)], id="given back"),
        pytest.param([load(1), lease(2)], id="not yet"),
    ],
)
def test_a_write_without_the_lease_is_seen(trace: list[Request]) -> None:
    told = violations(trace, {Work(SPACE, "daily-1", names.DUMP): 0.5}, SPACE)
    assert [line.partition(":")[0] for line in told] == ["written without the lease"]


def test_ends_are_compared_field_by_field() -> None:
    clean = {"jobs/a": {"spec": {"suspend": False, "list": [1, 2]}}}
    found = {"jobs/a": {"spec": {"suspend": True, "list": [1, 3], "more": 1}}, "jobs/b": {}}
    assert difference(clean, clean) == []
    assert difference(clean, found) == [
        "jobs/a.spec.list[1]: 3 instead of 2",
        "jobs/a.spec.more is there: 1",
        "jobs/a.spec.suspend: true instead of false",
        "jobs/b is there: {}",
    ]
