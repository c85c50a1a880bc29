"""Dataclasses <-> JSON's values, with names in camelCase. It knows shapes, and nothing of what they mean."""

import json
import types
import typing
from dataclasses import MISSING, fields, is_dataclass
from typing import Any

from datareplication.errors import DataError


def canonical(content: Any) -> bytes:
    """Return JSON that is the same whatever the order of its fields; it is what a checksum is of."""
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def encoded(value: Any) -> Any:
    """Return a dataclass and what it holds as JSON's values."""
    if is_dataclass(value):
        return {_camel(field.name): encoded(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [encoded(item) for item in value]
    return value


def decoded(kind: Any, value: Any, where: str) -> Any:
    """Return `kind` (a dataclass, tuple[X, ...], X | None or plain type) from JSON; a wrong shape is a DataError.

    A field that has a default may be missing: it came later. where: what an error says of the place.
    """
    if isinstance(kind, types.UnionType):
        return None if value is None else decoded(typing.get_args(kind)[0], value, where)
    if isinstance(kind, types.GenericAlias):
        if isinstance(value, list):
            item_kind = typing.get_args(kind)[0]
            return tuple(decoded(item_kind, item, f"{where}[{index}]") for index, item in enumerate(value))
    elif is_dataclass(kind):
        if isinstance(value, dict):
            hints = typing.get_type_hints(kind)
            known = {field.name: _camel(field.name) for field in fields(kind)}
            given = {name: key for name, key in known.items() if key in value}
            if given.keys() >= {field.name for field in fields(kind) if field.default is MISSING}:
                return kind(  # type: ignore[operator]
                    **{name: decoded(hints[name], value[key], f"{where}.{key}") for name, key in given.items()}
                )
    elif isinstance(value, kind) or (kind is float and isinstance(value, int)):
        return value
    raise DataError(f"{where} is missing a field or has a wrong type", reason="SnapshotCorrupt")
