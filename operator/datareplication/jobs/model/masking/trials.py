"""What is tried on masked samples before the first row is copied, and what the result means. Pure.

It decides which constraints and generated columns a mask reaches, which of them may be tried at all, how large the
samples are, and the words of every problem. `postgres/mask_conditions` reads the conditions, `postgres/mask_samples`
tries them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from datareplication.jobs.model.masking.masking import Mask
from datareplication.jobs.model.masking.rules import Rule
from datareplication.jobs.model.tables import Table

ROWS = 1000
LEAST_ROWS = 50
VALUES = 100_000
"""Masked values of all samples together: one to three seconds of the source's CPU with the dearest rules."""

BLOCKS = 10
"""Blocks that a sample reads at least: the rows of one block are often alike."""

Kind = Literal["Check", "Domain", "Made", "Cast", "Generated"]

_HINTS: Mapping[str, str] = {
    "Json": "a document may hold what no path names: add a path or `unlisted: Null`",
    "Integer": "a number may be outside of `from` and `to`: widen them",
}


@dataclass(frozen=True)
class Condition:
    """A constraint or expression of the catalogs, and the columns that it reads."""

    oid: int
    """The table's."""

    kind: Kind
    """Check: of the table. Domain: a CHECK of a column's domain. Made: a CHECK of a domain inside a column's type,
    which runs as the masked value is made. Cast: a cast of the column's type that calls a function of users.
    Generated: a generated column's expression."""

    name: str
    """The constraint's, or the generated column's."""

    owner: str
    """The domain or type, for messages; empty for the table's own."""

    expression: str
    type: str
    """A generated column's type."""

    reads: tuple[str, ...]
    is_safe: bool
    """Whether it runs no code of users, whatever the values are."""


@dataclass(frozen=True)
class Target:
    """One thing that is tried: a masked column, or a condition that masked columns reach."""

    column: str = ""
    condition: Condition | None = None


@dataclass(frozen=True)
class Trial:
    """What is tried on a sample of one table."""

    table: Table
    masks: tuple[Mask, ...]
    generated: tuple[Condition, ...] = ()
    """Generated columns that are computed of masked values."""

    stored: tuple[str, ...] = ()
    """Generated columns that no masked value reaches."""

    checks: tuple[Condition, ...] = ()
    untried: tuple[Condition, ...] = ()
    """What a mask reaches and must not be tried."""

    refused: tuple[tuple[Mask, Condition], ...] = ()
    """Columns whose masked values cannot be made without running code of users."""

    @property
    def targets(self) -> tuple[Target, ...]:
        """Return all that is tried, the masked columns first."""
        columns = (Target(column=mask.column) for mask in self.masks if mask.rule.kind != "Keep")
        return (*columns, *(Target(condition=one) for one in (*self.generated, *self.checks)))


@dataclass(frozen=True)
class Sample:
    """How many rows of a table are tried. percent: of its blocks; None for its first rows."""

    rows: int
    percent: float | None = None


def rows_of_each(trials: Sequence[Trial]) -> int:
    """Return how many rows of each table are tried, so that all samples together stay small."""
    columns = sum(mask.rule.kind != "Keep" for trial in trials for mask in trial.masks)
    return max(LEAST_ROWS, min(ROWS, VALUES // max(columns, 1)))


def sample(table: Table, rows: int) -> Sample:
    """Return a sample of about so many rows."""
    per_block = table.estimated_rows / table.blocks if table.blocks else 0
    wanted = max(BLOCKS, 1.2 * rows / per_block if per_block else rows / 10)
    return Sample(rows, 100 * wanted / table.blocks) if table.blocks > 2 * wanted else Sample(rows)


def planned(table: Table, masks: tuple[Mask, ...], conditions: Iterable[Condition]) -> Trial:
    """Return what is tried on a table. conditions: the table's."""
    every = tuple(conditions)
    rules = {mask.column: mask for mask in masks if mask.rule.kind != "Keep"}
    generated = [one for one in every if one.kind == "Generated"]
    reached = [one for one in generated if rules.keys() & set(one.reads)]
    changed = rules.keys() | {one.name for one in reached}
    forbidden = {one.name for one in reached if not one.is_safe}
    found = [one for one in every if one.kind in {"Check", "Domain"} and changed & set(one.reads)]
    fine = [one for one in found if one.is_safe and not forbidden & set(one.reads)]
    return Trial(
        table=table,
        masks=masks,
        generated=tuple(one for one in reached if one.is_safe),
        stored=tuple(one.name for one in generated if one not in reached),
        checks=tuple(fine),
        untried=(*(one for one in reached if not one.is_safe), *(one for one in found if one not in fine)),
        refused=tuple(refused(masks, every)),
    )


def refused(masks: Iterable[Mask], conditions: Iterable[Condition]) -> Iterator[tuple[Mask, Condition]]:
    """Yield each column whose masked values cannot be made without running code of users, and what would run it."""
    made_of_values = [mask for mask in masks if mask.rule.kind not in {"Keep", "Null"}]
    for one in conditions:
        for mask in made_of_values:
            if one.is_safe:
                continue
            made, cast = one.kind == "Made", one.kind == "Cast"
            if (made and mask.column in one.reads) or (cast and {mask.column, *mask.rule.by} & set(one.reads)):
                yield mask, one


def may_be_cast(masks: Iterable[Mask]) -> bool:
    """Return whether a masked value may have a type of users, for which anybody who owns the type may create a cast."""
    made = (mask.values for mask in masks if mask.rule.kind not in {"Keep", "Null"})
    return any(values.family == "Other" or values.name.endswith("citext") for values in made)


def cast(conditions: Iterable[Condition]) -> frozenset[str]:
    """Return the columns of which no text may be made: a cast of their types calls a function of users."""
    return frozenset(name for one in conditions if one.kind == "Cast" for name in one.reads)


def is_clear(table: Table, problems: Iterable[str]) -> bool:
    """Return whether no problem is about this table; otherwise a rule may not even fit its column's type."""
    return not any(text.startswith(f"{table.schema}.{table.name}.") for text in problems)


def refusals(trial: Trial) -> Iterator[str]:
    """Yield a problem for each column whose masked values would run code of users in the source."""
    for mask, one in trial.refused:
        what = f"CHECK {one.name} of domain {one.owner}" if one.kind == "Made" else f"a cast of type {one.owner}"
        text = f"would run {what} as the dump's role, and that may be code of users"
        yield f"{_where(trial.table, mask)} {text}: use Null or Keep"


def failed(trial: Trial, target: Target, state: str) -> str:
    """Return the problem of a target that raised an error. state: the error's name and SQLSTATE, never its text."""
    one = target.condition
    if one is None:
        mask = next(mask for mask in trial.masks if mask.column == target.column)
        hint = _HINTS.get(mask.rule.kind, "correct it, use another rule, or Keep")
        return f"{_where(trial.table, mask)} cannot be computed for rows of the table ({state}): {hint}"
    cannot = f"cannot be computed of masked rows ({state})"
    return f"{_named(trial, one)} {cannot}; it reads {_read(trial, one)}: use another rule, or Keep"


def violated(trial: Trial, one: Condition) -> str:
    """Return the problem of a constraint that a masked row violates."""
    return f"{_named(trial, one)} is violated by masked rows; it reads {_read(trial, one)}: use another rule, or Keep"


def untried(trial: Trial) -> Iterator[str]:
    """Yield the names of what is not tried because it might run code of users, or reads more than columns."""
    return (_named(trial, one) for one in trial.untried)


def made(target: Target) -> str:
    """Return the column that a target makes; empty for a constraint."""
    one = target.condition
    if one is None:
        return target.column
    return one.name if one.kind == "Generated" else ""


def depends(target: Target, failing: Iterable[Target]) -> bool:
    """Return whether a target reads something that has failed already."""
    names = {made(one) for one in failing}
    return target.condition is not None and bool(names & set(target.condition.reads))


def _named(trial: Trial, one: Condition) -> str:
    table = f"{trial.table.schema}.{trial.table.name}"
    if one.kind == "Generated":
        return f"{table}: generated column {one.name}"
    return f"{table}: CHECK {one.name}" + (f" of domain {one.owner}" if one.owner else "")


def _read(trial: Trial, one: Condition) -> str:
    """Return the masked columns that a condition reads, also by way of a generated column, with their rules."""
    by_name = {condition.name: condition.reads for condition in trial.generated}
    names = {base for name in one.reads for base in by_name.get(name, (name,))}
    found = (mask for mask in trial.masks if mask.column in names and mask.rule.kind != "Keep")
    return ", ".join(f"{mask.column} (rule {mask.rule.kind}{_line(mask.rule, ', line ')})" for mask in found)


def _where(table: Table, mask: Mask) -> str:
    line = f" ({_line(mask.rule, 'line ')})" if mask.rule.line else ""
    return f"{table.schema}.{table.name}.{mask.column}: rule {mask.rule.kind}{line}"


def _line(rule: Rule, before: str) -> str:
    return f"{before}{rule.line}" if rule.line else ""
