"""Kubernetes timestamps as text and as aware datetimes. No function here reads a clock."""

from datetime import UTC, datetime, timedelta


def to_text(moment: datetime) -> str:
    """Return RFC 3339 in UTC with whole seconds, as Kubernetes writes it."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"


EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(9000, 1, 1, tzinfo=UTC)
"""No real time lies outside of these bounds. A year can be added to either without an overflow."""


def from_text(text: str) -> datetime:
    """Return the aware datetime of an RFC 3339 text; ValueError when it is none, has no offset or is out of bounds."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    if not EARLIEST.year <= moment.year < LATEST.year:
        raise ValueError(f"{text!r} does not lie between the years 1970 and 9000")
    return moment.astimezone(UTC)


def optional(text: str | None) -> datetime | None:
    """Return the aware datetime of a field; None if the field is absent or cannot be read."""
    try:
        return from_text(text) if text else None
    except (ValueError, TypeError):
        return None


def checked(moment: datetime) -> datetime:
    """Return a moment; ValueError if it lies outside of the bounds."""
    if not EARLIEST <= moment < LATEST:
        raise ValueError("must lie between the years 1970 and 9000")
    return moment


def past(moment: datetime | None, now: datetime) -> datetime | None:
    """Return a moment that was reported as past, but never later than now: a node's clock may be ahead."""
    return min(moment, now) if moment else None


CLOCKS_PART = timedelta(days=1)
"""How far a clock may be set back before times that were recorded earlier are doubted."""


def is_believed(past: datetime, now: datetime) -> bool:
    """Whether a time that was recorded as past is credible; otherwise a clock was wrong, and the time is ignored."""
    return past <= now + CLOCKS_PART


def bounded(moment: datetime) -> datetime:
    """Return a moment, or the nearer bound if the moment lies outside of them."""
    return moment if EARLIEST <= moment <= LATEST else min(max(moment, EARLIEST), LATEST)
