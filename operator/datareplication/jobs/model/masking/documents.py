"""JSON documents of a sample -> the paths in them with their values. Pure.

A key that may itself be data is left out: one of a map (`{"ann@example.com": 1}`), one that hardly any document has,
one that looks like no name of a field. What is left out gets no path, so that the rule leaves it out too.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

Scalar = str | int | float | bool

DEEPEST = 8
MOST_FIELDS = 60
"""An object with more fields than this is taken for a map."""

_FIELD = re.compile(r"(?!.*\d{3})[^\W\d]\w*(?:-\w+)*", re.UNICODE)
_LONGEST_FIELD = 40


@dataclass
class Place:
    """A place in the documents."""

    objects: int = 0
    fields: dict[str, "Place"] = field(default_factory=dict)
    met: int = 0
    """How many objects have the field."""
    items: "Place | None" = None
    scalars: list[Scalar] = field(default_factory=list)


def paths(documents: Iterable[object], data: frozenset[str] = frozenset()) -> Mapping[str, list[Scalar]]:
    """Return path -> values. data: words in lower case that are data wherever they stand, such as first names."""
    root = Place()
    for one in documents:
        _meet(root, one, 0)
    return {path: place.scalars for path, place in _below(root, "", data) if place.scalars}


def _meet(place: Place, value: object, depth: int) -> None:
    if depth > DEEPEST or value is None:
        return
    if isinstance(value, dict):
        place.objects += 1
        for key, below in value.items():
            there = place.fields.setdefault(key, Place())
            there.met += 1
            _meet(there, below, depth + 1)
    elif isinstance(value, list):
        place.items = place.items or Place()
        for item in value:
            _meet(place.items, item, depth + 1)
    elif isinstance(value, str | int | float):
        place.scalars.append(value)


def _below(place: Place, path: str, data: frozenset[str]) -> Iterable[tuple[str, Place]]:
    """Yield the places that hold values. Where there are objects or arrays too, only what is in them counts."""
    known = [name for name in place.fields if _is_field(place, name, data)]
    for name in known if len(known) <= MOST_FIELDS else ():
        yield from _below(place.fields[name], f"{path}.{name}" if path else name, data)
    if place.items is not None:
        yield from _below(place.items, f"{path}[]", data)
    if path and not place.fields and place.items is None:
        yield path, place


def _is_field(place: Place, name: str, data: frozenset[str]) -> bool:
    met = place.fields[name].met
    is_name = len(name) <= _LONGEST_FIELD and _FIELD.fullmatch(name) is not None and name.lower() not in data
    return is_name and met >= 2 and met * 20 >= place.objects  # noqa: PLR2004 - two documents, a twentieth of all
