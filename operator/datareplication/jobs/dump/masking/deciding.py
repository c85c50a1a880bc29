"""Checks the rules' file against the source before any row is copied: a Masking, or one error with all problems."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from datareplication.errors import DataError
from datareplication.jobs.dump.masking import rules_file, trying
from datareplication.jobs.dump.masking.trying import Opened
from datareplication.jobs.frame.log import Log
from datareplication.jobs.model.masking import decisions, masking, trials, unmasked
from datareplication.jobs.model.masking.decisions import Decided
from datareplication.jobs.model.masking.masking import Masking
from datareplication.jobs.model.omission import shortened
from datareplication.jobs.model.settings import MaskingSettings
from datareplication.jobs.model.tables import Table
from datareplication.jobs.postgres import mask_facts, mask_literals
from datareplication.jobs.postgres.connection import Session
from datareplication.jobs.postgres.source import Exported


@dataclass(frozen=True)
class Source:
    """The source that the rules are checked against."""

    session: Session
    """The one that holds the snapshot."""

    exported: Exported
    unplanned: Collection[int]
    """Oids of tables over which no query may be planned."""

    opened: Opened

    @property
    def tables(self) -> Sequence[Table]:
        """The tables whose rows are copied."""
        return [table for table in self.exported.tables if table.oid not in self.exported.selection.rowless_oids]


def decided(given: MaskingSettings | None, source: Source, log: Log) -> Masking | None:
    """Return what is masked; None without rules. Text that no rule masks, and what could not be tried, is logged.

    Raises UsageError for a file that is wrong in itself, DataError for a column without a rule and for a rule that the
    source's types, keys, references, constraints or rows cannot take.
    """
    if given is None:
        return None
    rules = rules_file.read(given.rules)
    facts = mask_facts.read(source.session, source.tables)
    found = decisions.decide(rules, facts)
    _refuse_missing(found)
    made = masking.planned(rules, facts, found, given.key)
    check([*found.problems, *_calling(made, source), *_on_samples(made, source, found.problems, log)], log)
    carried = mask_literals.read(source.session, source.exported.selection.left_out_oids)
    _log_unmasked(carried, log)
    return replace(made, unmasked=unmasked.listed(carried))


def check(problems: Sequence[str], log: Log) -> None:
    """Raise DataError if there are problems; the message has the first ones, the log has all."""
    if problems:
        log.warning("what the masking rules do not fit", problems=problems)
        raise DataError(shortened(problems), reason="MaskingRefused")


def _refuse_missing(found: Decided) -> None:
    if found.missing:
        count = sum(len(columns) for columns in found.missing.values())
        text = f"{count} columns have no masking rule; add each with the rule that it needs"
        raise DataError(f"{text}: {decisions.snippet(found.missing)}", reason="ColumnsWithoutRule")


def _calling(made: Masking, source: Source) -> Sequence[str]:
    text = "an index or statistics object calls functions of users, which a masked copy would run"
    remedy = "mask no column of it, leave its rows out (schemaOnly), or drop that index"
    tables = (table for table in source.tables if table.oid in source.unplanned and made.of(table.oid))
    return [f"{text}: {table.schema}.{table.name}; {remedy}" for table in tables]


def _on_samples(made: Masking, source: Source, problems: Collection[str], log: Log) -> Sequence[str]:
    """Return what samples show. Not tried: a table that takes no query, and one that has a problem already."""
    fine = [one for one in source.tables if one.oid not in source.unplanned and trials.is_clear(one, problems)]
    tried = trying.on_samples(source.opened, source.exported.snapshot.id, made, fine)
    if tried.untried:
        log.warning("not tried on masked rows, so the load may refuse them", what=tried.untried)
    return tried.problems


def _log_unmasked(carried: Mapping[str, Sequence[str]], log: Log) -> None:
    for kind, names in carried.items():
        log.warning("not masked: text in the schema", kind=kind, names=names)
