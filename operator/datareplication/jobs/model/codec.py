"""Dataclasses <-> JSON's values, with names in camelCase. It knows shapes and ranges, and nothing of what they mean."""

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
    """Of a number: from `least` to `most`."""

    least: float
    most: float

    def allows(self, value: Any) -> bool:
        """Whether a number is in it; NaN is in none."""
        return bool(self.least <= value <= self.most)


@dataclass(frozen=True)
class Form:
    """Of a text: a regular expression for all of it."""

    pattern: str

    def allows(self, value: Any) -> bool:
        """Whether a text has it."""
        return bool(re.fullmatch(self.pattern, value))


@dataclass(frozen=True)
class Length:
    """Of a text: at most so many characters."""

    most: int

    def allows(self, value: Any) -> bool:
        """Whether a text is no longer."""
        return len(value) <= self.most


DEEPEST = 16
"""Containers within containers; a manifest has five. Far below what the interpreter's stack bears anywhere."""

FREE_MARKS = 100_000
BYTES_PER_MARK = 6
"""Of text for each container or comma, beyond the first ones: a list of no characters takes 64 bytes of memory, so
that a file of nothing else takes twenty times its size. A dump's have twice as much text."""


def canonical(content: Any) -> bytes:
    """Return JSON that is the same whatever the order of its fields; it is what a checksum is of."""
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def is_within(value: Any) -> bool:
    """Whether what a dataclass holds is within the limits of its fields' types, one by one."""
    kind: Any = type(value)
    limits = {name: typing.get_args(hint)[1:] for name, hint in _hints(kind).items()}
    return all(limit.allows(getattr(value, name)) for name, found in limits.items() for limit in found)


def encoded(value: Any) -> Any:
    """Return a dataclass and what it holds as JSON's values."""
    if is_dataclass(value):
        return {camel(field.name): encoded(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [encoded(item) for item in value]
    return value


def parsed(text: str) -> Any:
    """Return JSON's values; ValueError for no JSON, one nested too deeply or too dense, and numbers that are none."""
    if is_too_dense(text):
        raise ValueError("more values than text")
    try:
        found = json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if _is_too_deep(found):
        raise ValueError("nested too deeply")
    return found


def is_too_dense(text: str) -> bool:
    """Whether a text would take more memory than its length lets expect. What stands in strings counts as well."""
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
    that has a default may be missing: it came later. where: what an error says of the place.
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
    """Return the types of a dataclass' fields, with their limits; to find them takes longer than to check a value."""
    return typing.get_type_hints(kind, include_extras=True)


def _fields(kind: Any, value: Any, where: str) -> dict[str, Any] | None:
    """Return a dataclass' fields, None when one is missing that has no default."""
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
"""Python takes True for 1."""


def _is_text(value: str) -> bool:
    """Whether PostgreSQL could have said it: no NUL and no half of a character."""
    return "\0" not in value and not any("\ud800" <= character <= "\udfff" for character in value)


def _shown(value: Any) -> str:
    return repr(value)[:100]
