"""What follows from a sink's answer: (answer, when it was due, now) -> what becomes of the delivery. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from datareplication.core.outbox import Delivery, DeliveryState

FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS = 1.0, 300.0
LONGEST_WISH_SECONDS = 3600.0
"""Longest `Retry-After` that is heeded."""

GIVE_UP_AFTER = timedelta(days=1)

TRIED_AGAIN = (408, 429)
"""Besides 5xx. Any other 4xx says that the request itself is wrong, a 3xx that the address is."""


@dataclass(frozen=True)
class Answer:
    """How a sink answered. status: of HTTP; 0 when there was no answer, then `problem` says why."""

    status: int = 0
    problem: str = ""
    retry_after_seconds: float | None = None

    @property
    def told(self) -> str:
        """Return the answer in words, without anything that the sink wrote."""
        if not self.status:
            return self.problem
        return f"answered {self.status}" + (", a redirect, which is not followed" if 300 <= self.status < 400 else "")  # noqa: PLR2004 - HTTP's own


def after(answer: Answer, sink: str, since: datetime, now: datetime) -> Delivery:
    """Return how far a delivery is after an attempt. since: when it was to be told."""
    if 200 <= answer.status < 300:  # noqa: PLR2004 - HTTP's own boundaries
        return Delivery(sink=sink, state="Delivered", time=now)
    if answer.status and answer.status < 500 and answer.status not in TRIED_AGAIN:  # noqa: PLR2004
        return Delivery(sink=sink, state="Refused", message=answer.told, time=now)
    state: DeliveryState = "GivenUp" if is_over(since, now) else "Pending"
    return Delivery(sink=sink, state=state, message=answer.told, time=now if state == "GivenUp" else None)


def is_over(since: datetime, now: datetime) -> bool:
    """Whether a delivery has been tried for long enough."""
    return now - since >= GIVE_UP_AFTER


def delay_seconds(failures: int, answer: Answer, share: float) -> float:
    """Return how long to wait before the next attempt. share: from 0 to 1, by chance, so that sinks are not stormed."""
    longest = min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2.0 ** min(failures - 1, 20))
    wish = min(answer.retry_after_seconds or 0.0, LONGEST_WISH_SECONDS)
    return max(wish, longest * (0.5 + share / 2))


def wish_seconds(retry_after: str, now: datetime) -> float | None:
    """Return how long a sink asks to wait by its header `Retry-After`: seconds, or a date; None if it does not.

    Whatever stands there raises nothing: the message may have been taken.
    """
    if retry_after.isdecimal() and retry_after.isascii():
        return float(retry_after[:9])
    try:
        moment = parsedate_to_datetime(retry_after)
        return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds())
    except (ValueError, TypeError, LookupError, ArithmeticError):
        return None
