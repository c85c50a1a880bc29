"""Checks the rules' file against the source before any row is copied: a Masking, or one error with all problems."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from datareplication.errors import DataError
from datareplication.jobs.dump.masking import rules_file, trying
from datareplication.jobs.dump.masking.trying import Opened, Tried
from datareplication.jobs.frame.log import Log
from datareplication.jobs.model.masking import decisions, masking, trials, unmasked
from datareplication.jobs.model.masking.decisions import Decided
from datareplication.jobs.model.masking.facts import Facts
from datareplication.jobs.model.masking.masking import Masking
from datareplication.jobs.model.masking.rules import Rules
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


@dataclass(frozen=True)
class Findings:
    """What the rules decide about the source, and what is wrong by its catalogs."""

    facts: Facts
    found: Decided
    masking: Masking
    calling: tuple[str, ...]
    """Masked tables whose indexes or statistics objects call functions of users."""

    @property
    def problems(self) -> tuple[str, ...]:
        """All that is wrong, but for columns without a rule."""
        return (*self.found.problems, *map(calls, self.calling))


def decided(given: MaskingSettings | None, source: Source, log: Log) -> Masking | None:
    """Return what is masked; None without rules. Text that no rule masks, and what could not be tried, is logged.

    Raises UsageError for a file that is wrong in itself, DataError for a column without a rule and for a rule that the
    source's types, keys, references, constraints or rows cannot take.
    """
    if given is None:
        return None
    seen = findings(source, rules_file.read(given.rules), given.key)
    _refuse_missing(seen.found)
    samples = tried(source, seen)
    if samples.untried:
        log.warning("not tried on masked rows, so the load may refuse them", what=samples.untried)
    check([*seen.problems, *samples.problems], log)
    carried = literals(source)
    for kind, names in carried.items():
        log.warning("not masked: text in the schema", kind=kind, names=names)
    return replace(seen.masking, unmasked=unmasked.listed(carried))


def facts_of(source: Source) -> Facts:
    """Return the facts of the tables whose rows are copied."""
    return mask_facts.read(source.session, source.tables)


def findings(source: Source, rules: Rules, key: bytes) -> Findings:
    """Return what the rules decide about the source, and all that is wrong by its catalogs."""
    facts = facts_of(source)
    found = decisions.decide(rules, facts)
    made = masking.planned(rules, facts, found, key)
    calling = (f"{one.schema}.{one.name}" for one in facts.tables if one.oid in source.unplanned and made.of(one.oid))
    return Findings(facts, found, made, tuple(calling))


def tried(source: Source, seen: Findings) -> Tried:
    """Return what samples show. Not tried: a table that takes no query, and one that has a problem already."""
    fine = [one for one in source.tables if one.oid not in source.unplanned and trials.is_clear(one, seen.problems)]
    return trying.on_samples(source.opened, source.exported.snapshot.id, seen.masking, fine)


def literals(source: Source) -> Mapping[str, Sequence[str]]:
    """Return where the schema carries text that no rule masks, by kind of object."""
    return mask_literals.read(source.session, source.exported.selection.left_out_oids)


def calls(table: str) -> str:
    """Return what is wrong with a masked table over which no query may be planned."""
    text = f"an index or statistics object calls functions of users, which a masked copy would run: {table}"
    return f"{text}; mask no column of it, leave its rows out (schemaOnly), or drop that index"


def check(problems: Sequence[str], log: Log) -> None:
    """Raise DataError if there are problems; the message has the first ones, the log has all."""
    if problems:
        log.warning("what the masking rules do not fit", problems=problems)
        raise DataError(shortened(problems), reason="MaskingRefused")


def _refuse_missing(found: Decided) -> None:
    if found.missing:
        count = sum(len(columns) for columns in found.missing.values())
        what = "1 column has" if count == 1 else f"{count} columns have"
        text = f"{what} no masking rule; add each with the rule that it needs"
        raise DataError(f"{text}: {decisions.snippet(found.missing)}", reason="ColumnsWithoutRule")
