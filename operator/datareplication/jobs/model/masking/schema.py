"""The JSON schema of the rules' file, for editors: made from the list of rules. Pure."""

from collections.abc import Mapping
from typing import Any

from datareplication.jobs.model.masking.kinds import KINDS, SHARED, Kind, Option
from datareplication.jobs.model.masking.presets import PRESETS
from datareplication.jobs.model.masking.words import LANGUAGES

_TYPES: Mapping[str, Any] = {
    "text": {"type": ["string", "number", "boolean"]},
    "number": {"type": "integer"},
    "columns": {"type": ["string", "array"], "items": {"type": "string"}},
    "paths": {"type": "object", "additionalProperties": {"$ref": "#/$defs/rule"}},
}

_TEXTS = {"type": ["string", "array"], "items": {"type": "string"}}
_TABLE_NAMES = {"pattern": r".\.."}


def schema() -> dict[str, Any]:
    """Return the schema."""
    keep = {"enum": ["Keep"]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Masking rules of datareplication",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "unlisted": {"enum": ["Fail", "Null"]},
            "language": {"enum": list(LANGUAGES)},
            "presets": {"type": "array", "items": {"enum": list(PRESETS)}},
            "defaults": {"type": "array", "items": {"$ref": "#/$defs/default"}},
            "tables": {
                "type": "object",
                "propertyNames": _TABLE_NAMES,
                "additionalProperties": {"type": "object", "additionalProperties": {"$ref": "#/$defs/rule"}},
            },
            "largeObjects": {"enum": ["Keep", "Fail"]},
            "extensionTables": {"type": "object", "propertyNames": _TABLE_NAMES, "additionalProperties": keep},
            "leakGate": {
                "type": "object",
                "additionalProperties": False,
                "properties": {"hosts": _TEXTS, "ignore": _TEXTS},
            },
        },
        "$defs": {
            "rule": {
                "anyOf": [
                    {"type": ["string", "null"], "enum": [*_without_options(), None]},
                    *(_with_options(name, kind, {}) for name, kind in KINDS.items()),
                ]
            },
            "default": {
                "anyOf": [
                    _with_options(name, kind, {"column": {"type": "string"}, "type": {"type": "string"}})
                    for name, kind in KINDS.items()
                ]
            },
        },
    }


def _without_options() -> list[str]:
    return [name for name, kind in KINDS.items() if all(option.default for option in kind.options.values())]


def _with_options(name: str, kind: Kind, more: Mapping[str, Any]) -> dict[str, Any]:
    options: dict[str, Option] = {**kind.options, **(SHARED if kind.is_keyed else {})}
    needed = [key for key, option in kind.options.items() if not option.default]
    return {
        "type": "object",
        "description": kind.meaning,
        "additionalProperties": False,
        "required": ["rule", *(["column"] if more else []), *needed],
        "properties": {
            "rule": {"enum": [name, *([None] if name == "Null" else [])]},
            **more,
            **{key: {**_TYPES[option.type], "description": option.meaning} for key, option in options.items()},
        },
    }
