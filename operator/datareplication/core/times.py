"""Kubernetes timestamps as text and as aware datetimes. It refuses to know what time it is."""

from datetime import UTC, datetime, timedelta


def to_text(moment: datetime) -> str:
    """Return RFC 3339 in UTC with whole seconds, as Kubernetes writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(9000, 1, 1, tzinfo=UTC)
"""What lies outside is nobody's time, and adding a year to it must not be too much for a datetime."""


def from_text(text: str) -> datetime:
    """Return the aware datetime of an RFC 3339 text; ValueError when it is none, has no offset or is out of bounds."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    if not EARLIEST.year <= moment.year < LATEST.year:
        raise ValueError(f"{text!r} is not a time of ours")
    return moment.astimezone(UTC)


def optional(text: str | None) -> datetime | None:
    """Return the aware datetime of a field that may be absent; None too where it cannot be read."""
    try:
        return from_text(text) if text else None
    except (ValueError, TypeError):
        return None


def checked(moment: datetime) -> datetime:
    """Return a moment; ValueError for one that lies beyond the bounds, which is nobody's time."""
    if not EARLIEST <= moment < LATEST:
        raise ValueError("must lie between the years 1970 and 9000")
    return moment


def past(moment: datetime | None, now: datetime) -> datetime | None:
    """Return a moment that is told as past, by a node's clock perhaps: no later than now."""
    return min(moment, now) if moment else None


CLOCKS_PART = timedelta(days=1)
"""How far a clock may be set back without what it has shown being doubted."""


def is_believed(past: datetime, now: datetime) -> bool:
    """Whether what was recorded as past can be so; else a clock was wrong, and all would wait for it to be reached."""
    return past <= now + CLOCKS_PART


def bounded(moment: datetime) -> datetime:
    """Return a moment, or the bound that it lies beyond."""
    return min(max(moment, EARLIEST), LATEST)
