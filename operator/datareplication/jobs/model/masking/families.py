"""The family of a column's type, as far as the rules need it. Pure: format_type's text in, a family out."""

import re
from dataclasses import dataclass
from typing import Literal

Family = Literal[
    "Text", "Integer", "Number", "Date", "Timestamp", "Uuid", "Address", "Json", "Boolean", "Bytes", "Other"
]

_FAMILIES: dict[str, Family] = {
    "text": "Text",
    "character varying": "Text",
    "character": "Text",
    "citext": "Text",
    "name": "Text",
    "smallint": "Integer",
    "integer": "Integer",
    "bigint": "Integer",
    "numeric": "Number",
    "real": "Number",
    "double precision": "Number",
    "date": "Date",
    "timestamp without time zone": "Timestamp",
    "timestamp with time zone": "Timestamp",
    "uuid": "Uuid",
    "inet": "Address",
    "json": "Json",
    "jsonb": "Json",
    "boolean": "Boolean",
    "bytea": "Bytes",
}

_TYPE = re.compile(r"(?P<name>[^(\[]+?)(?:\((?P<size>[\d,]+)\))?(?P<rest> with(?:out)? time zone)?(?P<array>(?:\[\])*)")

BITS = {"smallint": 15, "integer": 31, "bigint": 62}
"""How many bits the values have that Integer exchanges, from 0 up. A larger bigint ends the dump when it is met: the
sum of two values must fit into a bigint."""


@dataclass(frozen=True)
class ValueType:
    """The type of a column's values. A domain counts as its base type."""

    family: Family
    name: str
    """As format_type() names it, without size and brackets."""

    sql: str = ""
    """As format_type() names the element's type, with its size."""

    largest: str | None = None
    """The largest number that a numeric with a size holds."""

    length: int | None = None
    """The most characters that a value may have; None if there is no limit."""

    is_array: bool = False


def parsed(type_name: str) -> ValueType:
    """Return the type for a name from format_type() under an empty search_path; an unknown type is of family Other."""
    match = _TYPE.fullmatch(type_name)
    if match is None:
        return ValueType("Other", type_name, type_name)
    name = (match["name"] + (match["rest"] or "")).removeprefix("public.")
    family = _FAMILIES.get(name.rpartition(".")[2] if name.endswith("citext") else name, "Other")
    size = match["size"]
    largest = _largest(size) if size and name == "numeric" else None
    length = int(size) if size and family == "Text" and name.startswith("character") else None
    element = type_name.removesuffix(match["array"])
    return ValueType(family, name, element, largest, length, bool(match["array"]))


def _largest(size: str) -> str:
    """Return the largest value of numeric(precision,scale) as SQL has it."""
    precision, _, scale = size.partition(",")
    return f"{10 ** int(precision) - 1}::numeric / 1{'0' * int(scale or 0)}"
