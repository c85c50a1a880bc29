"""Times, counts and sizes as people say them. Pure."""

import re
from datetime import datetime, timedelta

UNITS = (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))

DAYS_FROM = 2 * 86_400
"""As in kubectl, days are counted from the second on: `26h` is easier to compare with than `1d2h`."""

AT_ONCE = timedelta(minutes=1)
"""What has been due for less is about to begin."""

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


def count(number: int) -> str:
    """Return a count with its thousands set apart."""
    return f"{number:,}"


def size(number: float) -> str:
    """Return a number of bytes in the largest binary unit of which there is at least one."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024:  # noqa: PLR2004 - the units' own factor
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} TiB"


def limit(text: str) -> timedelta | None:
    """Return the duration that a person wrote (`90`, `90s`, `30m`, `1h30m`); None if it is none, or over a year."""
    match = _LIMIT.fullmatch(text)
    if match is None:
        return None
    hours, minutes, seconds = (int((part or "0")[:9]) for part in match.groups())
    found = timedelta(hours=min(hours, 10_000), minutes=min(minutes, 600_000), seconds=min(seconds, 40_000_000))
    return found if timedelta(0) < found <= timedelta(days=366) else None
