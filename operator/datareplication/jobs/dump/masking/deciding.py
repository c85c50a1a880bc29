"""Checks the rules' file against the source before any row is copied: a Masking, or one error with all problems."""

from collections.abc import Collection

from datareplication.errors import DataError
from datareplication.jobs.dump.masking import rules_file
from datareplication.jobs.model.masking import decisions, masking
from datareplication.jobs.model.masking.decisions import Decided
from datareplication.jobs.model.masking.masking import Masking
from datareplication.jobs.model.omission import shortened
from datareplication.jobs.model.settings import MaskingSettings
from datareplication.jobs.postgres import mask_facts
from datareplication.jobs.postgres.connection import Session
from datareplication.jobs.postgres.source import Exported


def decided(
    session: Session, given: MaskingSettings | None, exported: Exported, unplanned: Collection[int]
) -> Masking | None:
    """Return what is masked; None without rules. session: the one that holds the snapshot. unplanned: oids of tables.

    Raises UsageError for a file that is wrong in itself, DataError for a column without a rule and for a rule that the
    source's types, keys and references cannot take.
    """
    if given is None:
        return None
    rules = rules_file.read(given.rules)
    tables = [table for table in exported.tables if table.oid not in exported.selection.rowless_oids]
    facts = mask_facts.read(session, tables)
    found = decisions.decide(rules, facts)
    check(found)
    made = masking.planned(rules, facts, found, given.key)
    calling = [f"{table.schema}.{table.name}" for table in tables if table.oid in unplanned and made.of(table.oid)]
    if calling:
        text = f"an index or statistics object calls functions of users, which a masked copy would run: {calling[0]}"
        remedy = "mask no column of it, leave its rows out (schemaOnly), or drop that index"
        raise DataError(f"{text}; {remedy}", reason="MaskingRefused")
    return made


def check(found: Decided) -> None:
    """Raise DataError if a column has no rule, or a rule does not fit."""
    if found.missing:
        count = sum(len(columns) for columns in found.missing.values())
        text = f"{count} columns have no masking rule; add each with the rule that it needs"
        raise DataError(f"{text}: {decisions.snippet(found.missing)}", reason="ColumnsWithoutRule")
    if found.problems:
        raise DataError(shortened(found.problems), reason="MaskingRefused")
