"""Settings of a database, written so that SET stores the same value again."""

import pytest

from datareplication.jobs.postgres.carry import values_of


@pytest.mark.parametrize(
    ("name", "stored", "values"),
    [
        ("work_mem", "8MB", ["8MB"]),
        ("my.own", "a, b", ["a, b"]),
        ("search_path", '"$user", public', ["$user", "public"]),
        ("search_path", '"a, ""b""", c', ['a, "b"', "c"]),
        ("search_path", '""', [""]),
        ("search_path", "", [""]),
        ("Search_Path", "one", ["one"]),
        ("temp_tablespaces", 'fast, "very fast"', ["fast", "very fast"]),
    ],
)
def test_values(name: str, stored: str, values: list[str]) -> None:
    assert values_of(name, stored) == values
