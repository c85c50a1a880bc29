"""Durations, counts and sizes as people say them."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datareplication.cli.view import amounts
from support.plugin import NOW


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-5, "0s"),
        (0.9, "0s"),
        (42, "42s"),
        (60, "1m"),
        (185, "3m5s"),
        (3600, "1h"),
        (7800, "2h10m"),
        (7801, "2h10m"),
        (93_600, "26h"),
        (172_799, "47h59m"),
        (172_800, "2d"),
        (273_600, "3d4h"),
    ],
)
def test_a_duration_has_its_two_largest_units(seconds: float, said: str) -> None:
    assert amounts.duration(seconds) == said


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("30m", 1800), ("2h", 7200), ("1h30m", 5400), ("1h1m1s", 3661)],
)
def test_a_limit_is_read(text: str, seconds: int) -> None:
    assert amounts.limit(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "0", "0s", "-5", "5d", "1m1h", "s", "1.5h", "\uff190s", "9" * 50 + "h", "1 h"])
def test_no_limit_is_read_out_of_other_words(text: str) -> None:
    assert amounts.limit(text) is None


@given(st.text())
def test_a_limit_is_a_time_that_can_be_waited_for(text: str) -> None:
    found = amounts.limit(text)
    assert found is None or timedelta(0) < found <= timedelta(days=366)


def test_what_is_due_is_not_in_the_past() -> None:
    assert amounts.ahead(NOW - timedelta(seconds=1), NOW) == "due"
    assert amounts.ahead(NOW - timedelta(hours=3), NOW) == "due for 3h"
    assert amounts.ahead(None, NOW) == ""


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (310_000_000, "295.6 MiB"), (2**63, "8388608.0 TiB")],
)
def test_a_size_is_said_in_its_unit(number: int, said: str) -> None:
    assert amounts.size(number) == said
