"""Text that gets into a copy past the masking rules: where the schema carries it. Names only, never the text. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from datareplication.jobs.model import ranges

MOST_NAMES = 100
"""Names of one kind in a manifest."""

KINDS: Mapping[str, str] = {
    "defaults": "default",
    "comments": "comment",
    "CHECK constraints": "CHECK constraint",
    "domain defaults": "domain default",
    "generated columns": "generated column",
    "partition bounds": "partition bound",
    "functions": "function",
    "views": "view",
    "materialized views": "materialized view",
    "rules": "rule",
    "enum types": "enum type",
    "indexes": "index",
    "statistics objects": "statistics object",
    "policies": "policy",
    "triggers": "trigger",
    "foreign data options": "foreign data option",
    "security labels": "security label",
}
"""Kinds of places, in the order in which they are told, and the word for one."""


@dataclass(frozen=True)
class Unmasked:
    """The places of one kind that carry text."""

    kind: ranges.Text
    count: ranges.Count
    names: tuple[ranges.Text, ...]
    """The first of them."""


def listed(found: Mapping[str, Sequence[str]]) -> tuple[Unmasked, ...]:
    """Return what a manifest says of the names found by kind."""
    return tuple(
        Unmasked(kind, len(names), tuple(name[: ranges.LONGEST] for name in names[:MOST_NAMES]))
        for kind in KINDS
        if (names := found.get(kind, ()))
    )


def describe(found: Sequence[Unmasked]) -> str:
    """Return in words how much there is: `text in 3 defaults, 1 function`; empty if there is none."""
    parts = (f"{one.count} {one.kind if one.count != 1 else KINDS.get(one.kind, one.kind)}" for one in found)
    return f"text in {', '.join(parts)}" if found else ""
