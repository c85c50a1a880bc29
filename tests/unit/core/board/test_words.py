"""How durations, moments, sizes and names are said."""

from datetime import UTC, datetime, timedelta

import pytest

from datareplication.core.board import words

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-5, "0 s"),
        (0.4, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (18_720, "5 h 12 min"),
        (93_600, "26 h"),
        (2 * 86_400 - 1, "47 h 59 min"),
        (2 * 86_400, "2 d"),
        (273_600, "3 d 4 h"),
        (400 * 86_400, "400 d"),
    ],
)
def test_a_duration_has_at_most_two_units(seconds: float, said: str) -> None:
    assert words.duration(seconds) == said


@pytest.mark.parametrize(
    ("delta", "said"),
    [
        (timedelta(), "now"),
        (timedelta(minutes=-5), "5 min ago"),
        (timedelta(hours=6, minutes=12), "in 6 h 12 min"),
    ],
)
def test_a_moment_is_seen_from_now(delta: timedelta, said: str) -> None:
    assert words.relative(NOON + delta, NOON) == said


@pytest.mark.parametrize(
    ("moment", "zone", "said"),
    [
        pytest.param(NOON, "Europe/Zurich", "13:00 Europe/Zurich", id="the same day"),
        pytest.param(NOON, "Pacific/Auckland", "Tue 2026-12-01 01:00 Pacific/Auckland", id="another day"),
        pytest.param(NOON, "Etc/UTC", "", id="UTC says nothing new"),
        pytest.param(NOON, "Europe/London", "12:00 Europe/London", id="as in UTC, but not always"),
        pytest.param(NOON, "Atlantis/City", "", id="a zone that nobody knows"),
        pytest.param(NOON, "../../etc/passwd", "", id="no zone at all"),
        pytest.param(NOON, "", "", id="none"),
    ],
)
def test_a_moment_in_the_schedules_time_zone(moment: datetime, zone: str, said: str) -> None:
    assert words.local(moment, zone) == said


def test_a_moment_in_utc_has_its_day() -> None:
    assert words.utc(NOON.astimezone()) == "Mon 2026-11-30 12:00 UTC"


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (31_400_000, "31.4 MB"),
        (999_600, "1.0 MB"),
        (123_456_789_012, "123 GB"),
        (2**63 - 1, "9.2 EB"),
    ],
)
def test_a_size_has_two_or_three_digits(count: int, said: str) -> None:
    assert words.size(count) == said


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
    assert words.spans(text) == parts
