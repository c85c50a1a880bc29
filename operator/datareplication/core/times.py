"""Kubernetes timestamps as text and as aware datetimes. It refuses to know what time it is."""

from datetime import UTC, datetime


def to_text(moment: datetime) -> str:
    """Return RFC 3339 in UTC with whole seconds, as Kubernetes writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def from_text(text: str) -> datetime:
    """Return the aware datetime of an RFC 3339 text; ValueError when it is none or has no offset."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return moment.astimezone(UTC)


def optional(text: str | None) -> datetime | None:
    """Return the aware datetime of a field that may be absent."""
    return from_text(text) if text else None
