"""From a column's name, type and sample to the rules that suit it, the best first, with a reason. Pure.

In doubt it takes the rule that gives less away. Which of the rules the column's keys can take is not decided here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from datareplication.jobs.model.masking import column_names, families
from datareplication.jobs.model.masking.evidence import Evidence, PathEvidence, is_form
from datareplication.jobs.model.masking.facts import ColumnFacts
from datareplication.jobs.model.masking.families import Family, ValueType
from datareplication.jobs.model.masking.rules import Rule
from datareplication.jobs.model.masking.topics import (
    INTEGERS,
    KEEP,
    LAST_TEXTS,
    NAMES,
    NULL,
    NUMBERS,
    TEXT,
    TEXTS,
    Topic,
)

FEW = 20
"""A text column with at most so many different values is a list of choices, if the sample is much larger."""

SHORT = 40
ENOUGH = 50
UNKNOWN = "not recognised: decide"

Certainty = Literal["Personal", "Unknown", "Harmless"]

_OTHERS: Mapping[str, str] = {
    "tsvector": "",
    "xml": "",
    "hstore": "",
    "macaddr": "00:00:00:00:00:00",
    "cidr": "10.0.0.0/8",
    "point": "(0,0)",
    "bytea": "\\x",
}
"""Types that no rule masks but that may hold anything -> a value for columns that are NOT NULL."""

_PLAIN = column_names.words_of(
    """interval money bit oid "char" int4range int8range numrange daterange tsrange tstzrange int4multirange
    int8multirange nummultirange datemultirange tsmultirange tstzmultirange pg_lsn xid regclass"""
) | {"bit varying", "time without time zone", "time with time zone"}
"""Types of numbers, times and the like."""


@dataclass(frozen=True)
class Guess:
    """What a column seems to hold. rules: those that suit it, the best first; the last one fits everywhere."""

    rules: tuple[Rule, ...]
    reason: str
    certainty: Certainty
    comments: Mapping[str, str]
    """For JSON: path -> reason."""


def guess(table: str, column: ColumnFacts, evidence: Evidence, *, is_enum: bool = False) -> Guess:
    """Return what a column seems to hold. table: the table's name, which may say that its rows are persons."""
    named = column_names.topic(column.name, table) or _topic_of_domain(column)
    if is_enum:
        return _made((NULL,), "name", "Personal") if named == "Special" else _made((KEEP,), "enum", "Harmless")
    family = column.values.family
    if family == "Text":
        return of_text(named, evidence)
    if family in {"Integer", "Number"}:
        return _of_number(named, evidence, family)
    if family in {"Date", "Timestamp"}:
        return _of_moment(column.name, named)
    if family == "Json":
        return _of_json(evidence)
    return _of_type(column.values, named)


def _topic_of_domain(column: ColumnFacts) -> Topic | None:
    """Return the topic that the name of the column's type stands for, if the type is a domain (`email_address`)."""
    return None if families.parsed(column.type) == column.values else column_names.topic(column.type.rpartition(".")[2])


def _made(
    rules: tuple[Rule, ...], reason: str, certainty: Certainty, comments: Mapping[str, str] | None = None
) -> Guess:
    return Guess(_distinct((*rules, KEEP)), reason, certainty, comments or {})


def _distinct(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """Return the rules without repetitions; they cannot be hashed."""
    return tuple(one for place, one in enumerate(rules) if one not in rules[:place])


def of_text(named: Topic | None, evidence: Evidence) -> Guess:
    """Return what a text seems to hold, by its name's topic and its values."""
    seen, trace = evidence.topic(), evidence.trace()
    meant = named if named != "Harmless" else None
    if meant == "Secret":
        return _text(meant, "name")
    if seen == "Uuid" and not meant:
        return _made(TEXTS[seen], _counted(evidence.found[seen], evidence, seen), "Harmless")
    if seen and not (meant and is_form(seen)):
        return _text(seen, _counted(evidence.found[seen], evidence, seen))
    if trace:
        reason = f"{evidence.traces[trace]} of {_number(evidence.values, 'value')} contain {NAMES[trace]}"
        return _text(meant or "Prose", reason)
    if meant:
        return _text(meant, "name")
    return _of_choices(named, evidence)


def _of_choices(named: Topic | None, evidence: Evidence) -> Guess:
    """Return whether a text without a topic is one of a few choices."""
    is_few = evidence.distinct <= FEW and evidence.values >= ENOUGH and evidence.has_codes
    if 0 < evidence.longest <= SHORT and (named == "Harmless" or is_few):
        return _made((KEEP,), f"looks harmless: {_number(evidence.distinct, 'value')}", "Harmless")
    return _made((TEXT, *LAST_TEXTS), UNKNOWN, "Unknown")


def _text(topic: Topic, reason: str) -> Guess:
    return _made((*TEXTS[topic], *LAST_TEXTS), reason, "Personal")


def _counted(count: int, evidence: Evidence, topic: Topic) -> str:
    return f"{count} of {_number(evidence.values, 'value')}: {NAMES[topic]}"


def _number(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _of_number(named: Topic | None, evidence: Evidence, family: Family) -> Guess:
    rules, seen = (INTEGERS if family == "Integer" else NUMBERS), evidence.topic()
    if seen is not None and seen in rules:
        return _made(rules[seen], _counted(evidence.found[seen], evidence, seen), "Personal")
    if named is not None and named in rules:
        return _made(rules[named], "name", "Personal")
    return _made((KEEP,), "number", "Harmless")


def _of_moment(name: str, named: Topic | None) -> Guess:
    shifted = (Rule("ShiftDate"), NULL)
    if named == "Birth":
        return _made(shifted, "name", "Personal")
    if column_names.is_of_moment(name):
        return _made((KEEP,), "time", "Harmless")
    return _made(shifted, UNKNOWN, "Unknown")


def _of_type(values: ValueType, named: Topic | None) -> Guess:
    name = values.name.rpartition(".")[2]
    if values.family == "Uuid":
        if named == "Secret":
            return _made((NULL, Rule("Uuid")), "name", "Personal")
        return _made((KEEP,), "UUID", "Harmless")
    if values.family == "Address":
        return _made((Rule("IpAddress"), NULL), f"type {name}", "Personal")
    if values.family == "Boolean" or name in _PLAIN:
        return _made((KEEP,), f"type {name}", "Harmless")
    fixed = (Rule("Fixed", {"value": _OTHERS[name]}),) if name in _OTHERS else ()
    return _made((NULL, *fixed), f"type {name}: decide", "Unknown")


def _of_json(evidence: Evidence) -> Guess:
    guesses = {path: _of_path(path, one) for path, one in evidence.paths.items()}
    empty = Rule("Fixed", {"value": "{}"})
    if not guesses:
        return _made((NULL, empty), "JSON without known fields: decide", "Unknown")
    rule = Rule("Json", {"paths": {path: one.rules[0] for path, one in guesses.items()}, "unlisted": "Null"})
    comments = {path: one.reason for path, one in guesses.items()}
    return _made((rule, NULL, empty), f"{_number(evidence.values, 'document')}", "Personal", comments)


def _of_path(path: str, found: PathEvidence) -> Guess:
    """Return what is at a path in JSON, where no key, length or NOT NULL matters."""
    name = path.replace("[]", "").rpartition(".")[2]
    named = column_names.topic(name)
    if found.kind == "boolean":
        return _made((KEEP,), "boolean", "Harmless")
    if found.kind == "number":
        return _of_number(named, found.evidence, "Number")
    return of_text(named, found.evidence)
