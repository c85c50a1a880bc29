"""Which materialized views are filled; tests/postgres/test_materialized_views.py tries it on servers."""

from collections.abc import Collection
from dataclasses import replace

import pytest

from datareplication.jobs.model import filling, omission
from datareplication.jobs.model.filling import View
from datareplication.jobs.model.manifest import Omitted


def view(oid: int, *reads: int, is_filled: bool = True) -> View:
    return View(oid, "s", f"v{oid}", is_filled, True, frozenset(reads))


@pytest.mark.parametrize(
    ("views", "rowless", "filled", "unfilled"),
    [
        pytest.param([view(1, 2, 3), view(2, 3), view(3)], (), ["v3", "v2", "v1"], (), id="each after what it reads"),
        pytest.param([view(2), view(1)], (), ["v1", "v2"], (), id="by name, where none reads another"),
        pytest.param([view(1, is_filled=False)], (), [], (), id="one that is empty at the source is not told"),
        pytest.param([view(1)], (1,), [], (), id="one that is copied without rows is told by the selection"),
        pytest.param(
            [view(1), view(2, 1), view(3, 1, 2)], (1,), [], ("s.v2", "s.v3"), id="what reads one without rows"
        ),
        pytest.param(
            [view(1, is_filled=False), view(2, 1), view(3)], (), ["v3"], ("s.v2",), id="one that is not filled"
        ),
        pytest.param(
            [replace(view(1), is_refreshed=False), view(2, 1)],
            (),
            ["v2"],
            (),
            id="an extension's is filled by its script",
        ),
        pytest.param([view(1, 2), view(2, 1)], (), ["v1", "v2"], (), id="two that read each other, by a function"),
    ],
)
def test_what_is_filled(
    views: list[View], rowless: Collection[int], filled: list[str], unfilled: tuple[str, ...]
) -> None:
    found = filling.decide(views, rowless)
    assert [one.name for one in found.filled] == filled
    assert found.unfilled == unfilled


def test_a_load_tells_of_the_views_alone_and_a_dump_of_all_that_is_not_copied() -> None:
    omitted = Omitted(without_rows=("s.t",), unfilled=("s.v",))
    text = "materialized views left empty, because they read one without rows: 1 (s.v)"
    assert omission.describe_unfilled(omitted) == text
    assert omission.describe(omitted) == f"without rows: 1 (s.t); {text}"
    assert omission.describe_unfilled(Omitted(without_rows=("s.t",))) == ""
