"""What follows from a sink's answer."""

from datetime import timedelta

import pytest

from datareplication.core import delivery
from datareplication.core.delivery import Answer
from support.samples import NOON

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("answer", "age", "state", "message"),
    [
        (Answer(200), timedelta(), "Delivered", ""),
        (Answer(204), 2 * DAY, "Delivered", ""),
        (Answer(301), timedelta(), "Refused", "answered 301, a redirect, which is not followed"),
        (Answer(401), timedelta(), "Refused", "answered 401"),
        (Answer(410), timedelta(), "Refused", "answered 410"),
        (Answer(408), timedelta(), "Pending", "answered 408"),
        (Answer(429), timedelta(), "Pending", "answered 429"),
        (Answer(503), DAY - timedelta(seconds=1), "Pending", "answered 503"),
        (Answer(503), DAY, "GivenUp", "answered 503"),
        (Answer(problem="no answer within 10s"), timedelta(), "Pending", "no answer within 10s"),
        (Answer(problem="no answer within 10s"), DAY, "GivenUp", "no answer within 10s"),
    ],
)
def test_what_becomes_of_a_delivery(answer: Answer, age: timedelta, state: str, message: str) -> None:
    found = delivery.after(answer, "ops", NOON - age, NOON)
    assert (found.sink, found.state, found.message) == ("ops", state, message)
    assert (found.time is None) == (state == "Pending")


def test_delays_double_up_to_five_minutes_and_differ_by_chance() -> None:
    assert [delivery.delay_seconds(failures, Answer(500), 1.0) for failures in (1, 2, 3, 9, 10, 99)] == [
        1,
        2,
        4,
        256,
        300,
        300,
    ]
    assert delivery.delay_seconds(3, Answer(500), 0.0) == 2.0


def test_a_sinks_wish_is_heeded_up_to_an_hour() -> None:
    assert delivery.delay_seconds(1, Answer(429, retry_after_seconds=120), 1.0) == 120
    assert delivery.delay_seconds(1, Answer(429, retry_after_seconds=1e9), 1.0) == 3600
    assert delivery.delay_seconds(9, Answer(429, retry_after_seconds=1), 1.0) == 256


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        ("9" * 5000, 999_999_999.0),
        ("Mon, 02 Mar 2026 12:02:00 GMT", 120.0),
        ("Mon, 02 Mar 2026 11:00:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        (f"Mon, 02 Mar {'9' * 20} 12:00:00 GMT", None),
        (f"Mon, 02 Mar 2026 {'9' * 20}:00:00 GMT", None),
        (f"Mon, 02 Mar 2026 12:00:00 +{'9' * 20}", None),
        ("٣", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str, seconds: float | None) -> None:
    assert delivery.wish_seconds(header, NOON) == seconds
