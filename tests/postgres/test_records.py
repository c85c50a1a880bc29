"""Rows of catalogs are read by column names, so the order of a SELECT's columns does not matter."""

import contextlib
from dataclasses import dataclass

import pytest

from datareplication.jobs.postgres.connection import record, records
from support.programs import Programs


@dataclass(frozen=True)
class Pair:
    left: int
    right: tuple[int, ...]


@pytest.mark.parametrize("columns", ["1 AS left, ARRAY[2, 3] AS right", "ARRAY[2, 3] AS right, 1 AS left"])
def test_the_order_of_the_columns_does_not_matter(programs: Programs, columns: str) -> None:
    with contextlib.closing(programs.source.connect()) as session:
        assert record(session, f"SELECT {columns}", into=Pair, doing="x") == Pair(1, (2, 3))


@pytest.mark.parametrize("columns", ["1 AS left", "1 AS left, 2 AS wrong", "1 AS left, 2 AS right, 3 AS more", "1, 2"])
def test_a_column_that_is_no_field_and_a_field_without_a_column_are_refused(programs: Programs, columns: str) -> None:
    with contextlib.closing(programs.source.connect()) as session, pytest.raises(TypeError):
        records(session, f"SELECT {columns}", into=Pair, doing="x")


def test_no_row_is_no_record(programs: Programs) -> None:
    with contextlib.closing(programs.source.connect()) as session:
        assert records(session, "SELECT 1 AS left, '{}'::int[] AS right WHERE false", into=Pair, doing="x") == []
