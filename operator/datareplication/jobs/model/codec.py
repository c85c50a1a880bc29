"""Dataclasses <-> JSON's values, with names in camelCase. It checks shapes and ranges, and knows no meaning."""

import json
import re
import types
import typing
from collections.abc import Callable, Iterable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from typing import Any

from datareplication.core.words import camel
from datareplication.errors import DataError


@dataclass(frozen=True)
class Range:
    """The limits of a number: from `least` to `most`."""

    least: float
    most: float

    def allows(self, value: Any) -> bool:
        """Whether a number is within the limits; NaN never is."""
        return bool(self.least <= value <= self.most)


@dataclass(frozen=True)
class Form:
    """The form of a text: a regular expression that the whole text must match."""

    pattern: str

    def allows(self, value: Any) -> bool:
        """Whether a text matches."""
        return bool(re.fullmatch(self.pattern, value))


@dataclass(frozen=True)
class Length:
    """The length of a text: at most `most` characters."""

    most: int

    def allows(self, value: Any) -> bool:
        """Whether a text is short enough."""
        return len(value) <= self.most


DEEPEST = 16
"""Levels of nested containers. A manifest has five; the interpreter's stack bears far more on every platform."""

FREE_MARKS = 100_000
BYTES_PER_MARK = 6
"""Bytes of text that must stand for each container or comma beyond the first FREE_MARKS. An empty list takes 64 bytes
of memory, so parsing a file of empty lists takes twenty times its size. A dump's manifests have twice as much text."""


def canonical(content: Any) -> bytes:
    """Return JSON that does not depend on the order of the fields; checksums are computed from it."""
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def is_within(value: Any) -> bool:
    """Whether the value of each field of a dataclass is within the limits of the field's type."""
    kind: Any = type(value)
    limits = {name: typing.get_args(hint)[1:] for name, hint in _hints(kind).items()}
    return all(limit.allows(getattr(value, name)) for name, found in limits.items() for limit in found)


def encoded(value: Any) -> Any:
    """Return a dataclass, and all that it holds, as JSON's values."""
    if is_dataclass(value):
        return {camel(field.name): encoded(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [encoded(item) for item in value]
    return value


def parsed(text: str) -> Any:
    """Return JSON's values; ValueError if the text is no JSON, nested too deeply, too dense, or has NaN or Infinity."""
    if is_too_dense(text):
        raise ValueError("too many values for so little text")
    try:
        found = json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if _is_too_deep(found):
        raise ValueError("nested too deeply")
    return found


def is_too_dense(text: str) -> bool:
    """Whether parsing a text would take far more memory than the text. Marks inside strings count as well."""
    marks = sum(text.count(mark) for mark in "[{,")
    return marks > FREE_MARKS + len(text) // BYTES_PER_MARK


def _is_too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for outer in level for inner in _inner(outer) if isinstance(inner, dict | list)]
        if not level:
            return False
    return True


def _inner(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")


def decoded(kind: Any, value: Any, where: str) -> Any:
    """Return `kind` from JSON; a wrong shape is a DataError.

    kind: a dataclass, tuple[X, ...], X | None, a plain type, or Annotated[plain type, Range, Form or Length]. A field
    with a default may be missing: older files do not have it. where: the place, for error messages.
    """
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        return None if value is None else decoded(typing.get_args(kind)[0], value, where)
    if typing.get_origin(kind) is typing.Annotated:
        plain, limit = typing.get_args(kind)
        found = decoded(plain, value, where)
        if limit.allows(found):
            return found
        raise DataError(f"{where} is {_shown(value)}, which no dump writes", reason="SnapshotCorrupt")
    if isinstance(kind, types.GenericAlias):
        if isinstance(value, list):
            item_kind = typing.get_args(kind)[0]
            return tuple(decoded(item_kind, item, f"{where}[{index}]") for index, item in enumerate(value))
    elif is_dataclass(kind):
        found = _fields(kind, value, where)
        if found is not None:
            return kind(**found)  # type: ignore[operator]
    elif _PLAIN[kind](value):
        return value
    raise DataError(f"{where} is missing a field or has a wrong type", reason="SnapshotCorrupt")


@cache
def _hints(kind: Any) -> dict[str, Any]:
    """Return the types of a dataclass' fields, with their limits. Finding them takes longer than checking a value."""
    return typing.get_type_hints(kind, include_extras=True)


def _fields(kind: Any, value: Any, where: str) -> dict[str, Any] | None:
    """Return a dataclass' fields; None if a field without a default is missing."""
    if not isinstance(value, dict):
        return None
    hints = _hints(kind)
    known = {field.name: camel(field.name) for field in fields(kind)}
    given = {name: key for name, key in known.items() if key in value}
    if not given.keys() >= {field.name for field in fields(kind) if field.default is MISSING}:
        return None
    return {name: decoded(hints[name], value[key], f"{where}.{key}") for name, key in given.items()}


_PLAIN: dict[type, Callable[[Any], bool]] = {
    bool: lambda value: isinstance(value, bool),
    int: lambda value: type(value) is int,
    float: lambda value: type(value) in (int, float),
    str: lambda value: isinstance(value, str) and _is_text(value),
}
"""`type()` and not isinstance() for numbers: to Python, True is an int."""


def _is_text(value: str) -> bool:
    """Whether PostgreSQL can have sent this text: it has no NUL and no half of a character (a lone surrogate)."""
    return "\0" not in value and not any("\ud800" <= character <= "\udfff" for character in value)


def _shown(value: Any) -> str:
    return repr(value)[:100]
