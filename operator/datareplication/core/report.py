"""What a program says of its work: the termination message and the progress lines.

The programs write this form and the operator reads it. This module holds the JSON's field names and size limit. Anybody
may have written the text, so every type is checked: text with a field that cannot be read is ignored.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self, TypeVar

from datareplication.core import plain, times
from datareplication.core.phases import Activity, Outcome
from datareplication.core.reasons import Reason, Theirs, Word
from datareplication.core.words import camel

T = TypeVar("T")

ROLLED_BACK: Reason = "RolledBack"
"""Reason of a load Job that rolled its target back to the database before its last load."""

TERMINATION_MESSAGE_LIMIT_BYTES = 3000
"""Kubernetes cuts a termination message at 4,096 bytes, and JSON that is cut cannot be read."""


def _to_mapping(value: Any) -> dict[str, Any]:
    return {camel(name): field for name, field in asdict(value).items() if field not in ("", None, ())}


@dataclass(frozen=True)
class Report:
    """How one attempt of a dump or a load ended. What is read may hold other outcomes and reasons than ours."""

    outcome: Outcome | Theirs
    reason: Word = ""
    message: str = ""
    """For people; never holds a credential."""
    exit_code: int = 0
    snapshot: str = ""
    """Path of the snapshot, as the program was given it."""
    snapshot_time: str = ""
    """When the MVCC snapshot was taken: RFC 3339, UTC."""
    lsn: str = ""
    """The source's log position at that time."""
    tables: int = 0
    rows: int = 0
    """Rows moved; after a rollback, rows that the target now shows."""
    bytes: int = 0
    """The same in bytes of uncompressed CSV."""
    duration_seconds: float = 0.0
    """Wall time."""
    not_carried: tuple[str, ...] = ()
    """What a dump's source has and a copy leaves behind on purpose: a short text for each kind."""
    masked: str = ""
    """How many columns are masked, by which rules, and what no rule masks."""

    def to_json(self) -> str:
        """Return one line of JSON within the limit, shortened if needed.

        First the message is cut, then not_carried, then the longest of the other texts, some of which a target chooses.
        """
        report = self
        while len(text := json.dumps(_to_mapping(report), ensure_ascii=False)) and _too_long(text):
            report = _shortened(report)
        return text

    @classmethod
    def from_json(cls, text: str) -> Self | None:
        """Read a termination message; None when it is not ours (a kubelet's text, an empty string, a wrong type)."""
        report = _read(cls, lambda: json.loads(text), required="outcome")
        has_bad_time = report is not None and report.snapshot_time and times.optional(report.snapshot_time) is None
        return None if has_bad_time else report


@dataclass(frozen=True)
class Progress:
    """How far an attempt is. Bytes are those of uncompressed CSV; a total is 0 when it is not known."""

    phase: Activity | Theirs
    """What the program is doing; what is read may hold another word than ours."""
    tables_done: int = 0
    tables_total: int = 0
    rows_done: int = 0
    rows_total: int = 0
    bytes_done: int = 0
    bytes_total: int = 0
    note: str = ""
    """What holds the program or others up, for people."""
    note_reason: Word = ""
    """What holds the program or others up, as a reason."""
    bytes_per_second: int = 0
    """Over the last half minute."""
    seconds_left: int | None = None
    """How long copying the rest takes at that rate; None when it cannot be told."""

    def to_mapping(self) -> dict[str, Any]:
        """Return the JSON object that a progress line carries under `progress`."""
        return _to_mapping(self)

    @classmethod
    def from_log_line(cls, line: str) -> Self | None:
        """Read a log line; None when it is not one of progress."""
        return _read(cls, lambda: json.loads(line)["progress"], required="phase")


def _shortened(report: Report) -> Report:
    if len(report.message) > 1:
        return replace(report, message=report.message[: len(report.message) * 3 // 4] + "…")
    if report.not_carried:
        return replace(report, not_carried=report.not_carried[:-1])
    texts = {
        name: str(getattr(report, name)) for name in ("masked", "snapshot", "snapshot_time", "lsn", "reason", "outcome")
    }
    longest = max(texts, key=lambda name: len(texts[name]))
    return replace(report, **{longest: texts[longest][: len(texts[longest]) * 3 // 4]})  # type: ignore[arg-type]


def _too_long(text: str) -> bool:
    return len(text.encode()) > TERMINATION_MESSAGE_LIMIT_BYTES


LARGEST = 2**63 - 1
"""The largest integer that a status can hold."""

ITEMS_LIMIT = 100
"""Items of a list; the programs' own lists have a few."""


def _text(value: Any) -> Theirs:
    if not isinstance(value, str):
        raise TypeError("not text")
    return Theirs(plain.text(value))


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= LARGEST:  # True is an int as well
        raise TypeError("not a count")
    return value


def _seconds(value: Any) -> float:
    if type(value) not in (int, float) or not (math.isfinite(value) and 0 <= value <= LARGEST):
        raise TypeError("not a duration")
    return float(value)


def _list(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > ITEMS_LIMIT:
        raise TypeError("not a list")
    return tuple(map(_text, value))


READERS: dict[Any, Callable[[Any], Any]] = {
    str: _text,
    Word: _text,
    Outcome | Theirs: _text,
    Activity | Theirs: _text,
    int: _count,
    float: _seconds,
    int | None: lambda value: None if value is None else _count(value),
    tuple[str, ...]: _list,
}
"""A field's type -> the function that reads a value; TypeError if the value is of another type."""


def _read(cls: type[T], load: Callable[[], Any], required: str) -> T | None:
    try:
        data = load()
        if not isinstance(data, Mapping) or required not in data:
            return None
        known = {camel(field.name): field for field in fields(cls)}  # type: ignore[arg-type]
        found = {known[key].name: READERS[known[key].type](value) for key, value in data.items() if key in known}
        return cls(**found)
    except (ValueError, KeyError, TypeError, RecursionError):  # RecursionError: nested lists
        return None
