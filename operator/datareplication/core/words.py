"""How everything the product says to people writes durations, sizes, counts, moments and lists of names. Pure.

One convention for the status, Events, notifications, the board, the plugin and the programs, which docs/status.md
tells. Programs get seconds, bytes and RFC 3339 times instead.
"""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

UNITS = (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))

DAYS_FROM = 2 * 86_400
"""As in kubectl, days are counted from the second on: `26h` is easier to compare with than `1d2h`."""

AT_ONCE = timedelta(minutes=1)
"""What has been due for less is about to begin."""

SIZES = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
"""Binary, as the volumes' own."""

_LIMIT = re.compile(r"(?=.)(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?", re.ASCII)


def duration(seconds: float) -> str:
    """Return a duration in its two largest units: `42s`, `3m5s`, `2h10m`, `3d4h`; a negative one counts as none."""
    rest = max(0, int(seconds))
    for place, (unit, length) in enumerate(UNITS):
        if rest >= (DAYS_FROM if unit == "d" else length):
            return f"{rest // length}{unit}{_part(rest % length, place + 1)}"
    return "0s"


def _part(rest: int, place: int) -> str:
    unit, length = UNITS[place] if place < len(UNITS) else ("", 0)
    return f"{rest // length}{unit}" if length and rest >= length else ""


def between(start: datetime, end: datetime) -> str:
    """Return the duration from start to end."""
    return duration((end - start).total_seconds())


def ago(moment: datetime | None, now: datetime) -> str:
    """Return how long ago something was; empty if it never was."""
    return f"{between(moment, now)} ago" if moment else ""


def ahead(moment: datetime | None, now: datetime) -> str:
    """Return in how long something is due, or for how long it has been; empty if it is not."""
    if moment is None:
        return ""
    if moment > now:
        return f"in {between(now, moment)}"
    return "due" if now - moment < AT_ONCE else f"due for {between(moment, now)}"


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
    """Return a number of bytes with a binary unit: `512 B`, `1.5 GiB`."""
    power = 0
    while round(count, 1) >= 1024 and power < len(SIZES) - 1:  # noqa: PLR2004 - the units' own
        count, power = count / 1024, power + 1
    return f"{count:.{min(power, 1)}f} {SIZES[power]}"


def count(number: int) -> str:
    """Return a count with its thousands apart: `1,240,312`."""
    return f"{number:,}"


def listed(names: tuple[str, ...]) -> str:
    """Return names as in a sentence: `a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def limit(text: str) -> timedelta | None:
    """Return the duration that a person wrote (`90`, `90s`, `30m`, `1h30m`); None if it is none, or over a year."""
    match = _LIMIT.fullmatch(text)
    if match is None:
        return None
    hours, minutes, seconds = (int((part or "0")[:9]) for part in match.groups())
    found = timedelta(hours=min(hours, 10_000), minutes=min(minutes, 600_000), seconds=min(seconds, 40_000_000))
    return found if timedelta(0) < found <= timedelta(days=366) else None


def camel(name: str) -> str:
    """Return a Python name in the spelling of the resources and of JSON: `rows_done` -> `rowsDone`."""
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)
