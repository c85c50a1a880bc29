"""What a spec's fields may be set to by somebody who does not read the documentation: derived from the CRD's schema.

(schema, seed) -> values for each field. It knows nothing of what the operator makes of them.
"""

import copy
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Path = tuple[str | int, ...]

ABSENT = object()
"""Stands for a field that is removed."""

UNICODE = "Z\u00fcrich \u2603 \U0001f4be \u202e \u0000 \n'\"; DROP TABLE--"
HUGE = 2**62
LONG = "x" * 100_000
MANY = 1_000
DEPTH = 200


@dataclass(frozen=True)
class Mutation:
    """One field with one value. path: below spec."""

    path: Path
    value: Any

    def __str__(self) -> str:
        """Return the mutation in a form for people."""
        told = "absent" if self.value is ABSENT else repr(self.value)
        return f"{dotted(self.path)} = {told[:60]}"

    def of(self, spec: Any) -> Any:
        """Return a spec with the mutation."""
        if not self.path:
            return None if self.value is ABSENT else self.value
        changed = copy.deepcopy(spec)
        at = changed
        for part, inner in itertools.pairwise(self.path):
            if isinstance(part, str) and part not in at:
                at[part] = [{}] if isinstance(inner, int) else {}
            at = at[part]
        if self.value is not ABSENT:
            at[self.path[-1]] = copy.deepcopy(self.value)
        elif isinstance(at, dict):
            at.pop(self.path[-1], None)
        else:
            del at[int(self.path[-1])]
        return changed


def dotted(path: Path) -> str:
    """Return a path as messages have it."""
    return "spec" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)


def all_of(schema: dict[str, Any]) -> list[Mutation]:
    """Return all mutations of all fields of a schema, its own included."""
    return [Mutation(path, value) for path, field in _fields(schema, ()) for value in _values(field)]


def sample_of(schema: dict[str, Any], seed: int, count: int) -> list[Mutation]:
    """Return some of them."""
    return random.Random(seed).sample(all_of(schema), count)


def _fields(schema: dict[str, Any], path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    yield path, schema
    for name, field in (schema.get("properties") or {}).items():
        yield from _fields(field, (*path, name))
    if isinstance(items := schema.get("items"), dict):
        yield from _fields(items, (*path, 0))
    if isinstance(values := schema.get("additionalProperties"), dict):
        yield from _fields(values, (*path, "a-key"))


def _values(field: dict[str, Any]) -> list[Any]:
    """Return what is at the limits of a field, beyond them, and of another type."""
    others: dict[str, Any] = {
        "integer": 1,
        "string": "word",
        "boolean": True,
        "object": {"a": {"b": [1]}},
        "array": ["word"],
    }
    wrong = [value for kind, value in others.items() if kind != field.get("type")]
    return [ABSENT, None, *_limits(field), *wrong]


def _limits(field: dict[str, Any]) -> list[Any]:
    kind = field.get("type")
    if kind == "integer":
        least, most = int(field.get("minimum", 0)), int(field.get("maximum", HUGE))
        return [least, most, least - 1, most + 1, HUGE, -HUGE, 0.5, 1e300]
    if kind == "string":
        allowed = list(field.get("enum", ()))
        return ["", " ", UNICODE, LONG, "x" * int(field.get("maxLength", 63)), "-", "../..", "$(id)", *allowed]
    if kind == "array":
        return [[], [None], [[]], [{}], [1], ["word"] * MANY, [UNICODE]]
    if kind == "object":
        return [{}, {UNICODE: UNICODE}, {"word": None}, _nested(), {f"k{number}": "v" for number in range(MANY)}]
    return [True, False]


def _nested() -> Any:
    deep: Any = {}
    for _ in range(DEPTH):
        deep = {"a": deep}
    return deep
