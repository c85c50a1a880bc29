"""Durations, ages, sizes and moments in words for people."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

MINUTE, HOUR, DAY = 60, 3600, 86_400

UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")


def duration(seconds: float) -> str:
    """Return a duration in at most two units: `42 s`, `3 min`, `5 h 12 min`, `3 d 4 h`; hours up to two days."""
    whole = max(0, round(seconds))
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min"
    if whole < 2 * DAY:
        return _two(whole // HOUR, "h", whole % HOUR // MINUTE, "min")
    return _two(whole // DAY, "d", whole % DAY // HOUR, "h")


def _two(large: int, unit: str, small: int, small_unit: str) -> str:
    return f"{large} {unit} {small} {small_unit}" if small else f"{large} {unit}"


def relative(moment: datetime, now: datetime) -> str:
    """Return a moment as seen from now: `5 min ago`, `in 6 h 12 min`, `now`."""
    seconds = (moment - now).total_seconds()
    if abs(seconds) < 1:
        return "now"
    return f"in {duration(seconds)}" if seconds > 0 else f"{duration(-seconds)} ago"


def utc(moment: datetime) -> str:
    """Return a moment in UTC: `Mon 2026-11-30 02:00 UTC`."""
    return f"{moment.astimezone(UTC):%a %Y-%m-%d %H:%M} UTC"


def local(moment: datetime, time_zone: str) -> str:
    """Return a moment in another time zone, `03:00 Europe/Zurich`; empty for UTC, and for a zone that is unknown.

    The day stands with it where it is another day than in UTC.
    """
    try:
        there = moment.astimezone(ZoneInfo(time_zone))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ""
    if there.utcoffset() == UTC.utcoffset(None) and "UTC" in time_zone:
        return ""
    day = "" if there.date() == moment.astimezone(UTC).date() else f"{there:%a %Y-%m-%d} "
    return f"{day}{there:%H:%M} {time_zone}"


def size(count: float) -> str:
    """Return a number of bytes: `950 B`, `1.2 GB`."""
    power = 0
    while count >= 999.5 and power < len(UNITS) - 1:  # noqa: PLR2004 - what would be rounded up to a thousand
        count, power = count / 1000, power + 1
    digits = 0 if power == 0 or count >= 99.5 else 1  # noqa: PLR2004 - three digits are enough
    return f"{count:.{digits}f} {UNITS[power]}"


def number(count: int) -> str:
    """Return a count with its thousands apart."""
    return f"{count:,}"


def listed(names: tuple[str, ...]) -> str:
    """Return names as in a sentence: `a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def spans(text: str) -> tuple[tuple[bool, str], ...]:
    """Return a text in parts: whether the part is code (it stood between backticks), and the part."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return ((False, text),)
    return tuple((bool(place % 2), part) for place, part in enumerate(parts) if part)
