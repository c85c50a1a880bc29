"""How durations, moments, sizes and names are said."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datareplication.controller.board.rendering import spans
from datareplication.core import words

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


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
    assert words.duration(seconds) == said


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("30m", 1800), ("2h", 7200), ("1h30m", 5400), ("1h1m1s", 3661)],
)
def test_a_limit_is_read(text: str, seconds: int) -> None:
    assert words.limit(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "0", "0s", "-5", "5d", "1m1h", "s", "1.5h", "\uff190s", "9" * 50 + "h", "1 h"])
def test_no_limit_is_read_out_of_other_words(text: str) -> None:
    assert words.limit(text) is None


@given(st.text())
def test_a_limit_is_a_time_that_can_be_waited_for(text: str) -> None:
    found = words.limit(text)
    assert found is None or timedelta(0) < found <= timedelta(days=366)


def test_what_is_due_is_not_in_the_past() -> None:
    assert words.ahead(NOW - timedelta(seconds=1), NOW) == "due"
    assert words.ahead(NOW - timedelta(hours=3), NOW) == "due for 3h"
    assert words.ahead(None, NOW) == ""


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (310_000_000, "295.6 MiB"),
        (1_048_524, "1023.9 KiB"),
        (1_048_560, "1.0 MiB"),
        (2**63, "8.0 EiB"),
    ],
)
def test_a_size_is_said_in_its_unit(number: int, said: str) -> None:
    assert words.size(number) == said


@pytest.mark.parametrize(
    ("moment", "zone", "said"),
    [
        pytest.param(NOW, "Europe/Zurich", "13:00 Europe/Zurich", id="the same day"),
        pytest.param(NOW, "Pacific/Auckland", "Tue 2026-12-01 01:00 Pacific/Auckland", id="another day"),
        pytest.param(NOW, "Etc/UTC", "", id="UTC says nothing new"),
        pytest.param(NOW, "Europe/London", "12:00 Europe/London", id="as in UTC, but not always"),
        pytest.param(NOW, "Atlantis/City", "", id="a zone that nobody knows"),
        pytest.param(NOW, "../../etc/passwd", "", id="no zone at all"),
        pytest.param(NOW, "", "", id="none"),
    ],
)
def test_a_moment_in_the_schedules_time_zone(moment: datetime, zone: str, said: str) -> None:
    assert words.local(moment, zone) == said


def test_names_are_listed_as_in_a_sentence() -> None:
    lists = [(), ("a",), ("a", "b"), ("a", "b", "c")]
    assert [words.listed(names) for names in lists] == ["", "a", "a and b", "a, b and c"]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Set `suspend: false` now.", ((False, "Set "), (True, "suspend: false"), (False, " now."))),
        ("`a``b`", ((True, "a"), (True, "b"))),
        ("one ` alone", ((False, "one ` alone"),)),
        ("", ()),
    ],
)
def test_text_between_backticks_is_code(text: str, parts: tuple[tuple[bool, str], ...]) -> None:
    assert spans(text) == parts
