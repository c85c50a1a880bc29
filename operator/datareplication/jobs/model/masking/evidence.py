"""What a sample of values says about a column: counts, and never a value. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from datareplication.jobs.model.masking.topics import Topic

_FORMS = frozenset({"Digits", "Digest", "Uuid"})
"""Topics of values that say nothing about their meaning."""

_WORDLIKE = frozenset({"FirstName", "LastName", "Name", "City"})
_TRACES = frozenset({"Email", "Phone", "Iban", "Card", "Identity"})
"""Topics that are recognised without doubt, so that one value among many counts."""


@dataclass(frozen=True)
class Evidence:
    """A sample of one column, or of one path in JSON."""

    values: int = 0
    """How many values were looked at, without NULL."""

    distinct: int = 0
    longest: int = 0
    """Characters of the longest value."""

    has_codes: bool = False
    """Whether all values are written like codes: one word, in lower or in upper case. Names of persons are not."""

    found: Mapping[Topic, int] = field(default_factory=dict)
    """How many values are about a topic."""

    traces: Mapping[Topic, int] = field(default_factory=dict)
    """How many values contain something that is, without doubt, about a topic."""

    paths: Mapping[str, "PathEvidence"] = field(default_factory=dict)
    """For JSON: each path with what was found there."""

    def topic(self) -> Topic | None:
        """Return the topic of most values, if there is one; lists of names know only some of the names."""
        for one, count in sorted(self.found.items(), key=_weight):
            if count * 100 >= self.values * (25 if one in _WORDLIKE else 60):
                return one
        return None

    def trace(self) -> Topic | None:
        """Return the most frequent topic of which the values have traces."""
        return max(self.traces, key=lambda one: self.traces[one], default=None)


@dataclass(frozen=True)
class PathEvidence:
    """What was found at a path in JSON. kind: of its values, if they all have one."""

    kind: str
    """`string`, `number`, `boolean`, or `mixed`."""

    evidence: Evidence


def _weight(found: tuple[Topic, int]) -> tuple[bool, bool, int]:
    """Return a key that sorts topics: the most exact first. Many numbers of persons could be telephone numbers too."""
    topic, count = found
    return topic in _FORMS, topic == "Phone", -count


def is_form(topic: Topic | None) -> bool:
    """Return whether a topic of values is only a form: the column's name knows more."""
    return topic in _FORMS
