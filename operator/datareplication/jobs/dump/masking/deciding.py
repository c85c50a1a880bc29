"""Checks the rules' file against the source before any row is copied: a Masking, or one error with all problems."""

from collections.abc import Collection
from dataclasses import dataclass

from datareplication.errors import DataError
from datareplication.jobs.dump.masking import rules_file
from datareplication.jobs.model.masking import decisions, masking
from datareplication.jobs.model.masking.decisions import Decided
from datareplication.jobs.model.masking.facts import Facts
from datareplication.jobs.model.masking.masking import Masking
from datareplication.jobs.model.masking.rules import Rules
from datareplication.jobs.model.omission import shortened
from datareplication.jobs.model.settings import MaskingSettings
from datareplication.jobs.postgres import mask_facts
from datareplication.jobs.postgres.connection import Session
from datareplication.jobs.postgres.source import Exported


@dataclass(frozen=True)
class Findings:
    """What the rules decide about the source, and all that is wrong."""

    facts: Facts
    found: Decided
    masking: Masking
    calling: tuple[str, ...]
    """Masked tables whose indexes or statistics objects call functions of users."""


def decided(
    session: Session, given: MaskingSettings | None, exported: Exported, unplanned: Collection[int]
) -> Masking | None:
    """Return what is masked; None without rules. session: the one that holds the snapshot. unplanned: oids of tables.

    Raises UsageError for a file that is wrong in itself, DataError for a column without a rule and for a rule that the
    source's types, keys and references cannot take.
    """
    if given is None:
        return None
    seen = findings(session, rules_file.read(given.rules), given.key, exported, unplanned)
    check(seen.found)
    if seen.calling:
        raise DataError(calls(seen.calling[0]), reason="MaskingRefused")
    return seen.masking


def facts_of(session: Session, exported: Exported) -> Facts:
    """Return the facts of the tables whose rows are copied."""
    return mask_facts.read(session, [one for one in exported.tables if one.oid not in exported.selection.rowless_oids])


def findings(session: Session, rules: Rules, key: bytes, exported: Exported, unplanned: Collection[int]) -> Findings:
    """Return what the rules decide about the source, and all that is wrong."""
    facts = facts_of(session, exported)
    found = decisions.decide(rules, facts)
    made = masking.planned(rules, facts, found, key)
    calling = (f"{one.schema}.{one.name}" for one in facts.tables if one.oid in unplanned and made.of(one.oid))
    return Findings(facts, found, made, tuple(calling))


def calls(table: str) -> str:
    """Return what is wrong with a masked table over which no query may be planned."""
    text = f"an index or statistics object calls functions of users, which a masked copy would run: {table}"
    return f"{text}; mask no column of it, leave its rows out (schemaOnly), or drop that index"


def check(found: Decided) -> None:
    """Raise DataError if a column has no rule, or a rule does not fit."""
    if found.missing:
        count = sum(len(columns) for columns in found.missing.values())
        text = f"{count} columns have no masking rule; add each with the rule that it needs"
        raise DataError(f"{text}: {decisions.snippet(found.missing)}", reason="ColumnsWithoutRule")
    if found.problems:
        raise DataError(shortened(found.problems), reason="MaskingRefused")
