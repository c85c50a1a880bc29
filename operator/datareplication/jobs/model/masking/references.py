"""Whether a foreign key's columns get the values that the referenced key gets. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from datareplication.jobs.model.masking.facts import ColumnFacts, ReferenceFacts, TableFacts, TableName
from datareplication.jobs.model.masking.families import BITS
from datareplication.jobs.model.masking.rules import Rule


def located(table: TableFacts, column: str, rule: Rule) -> str:
    """Return a column and its rule, with the rule's line, for messages."""
    line = f" (line {rule.line})" if rule.line else ""
    return f"{table.schema}.{table.name}.{column}: rule {rule.kind}{line}"


def with_range(rule: Rule, column: ColumnFacts) -> Rule:
    """Return an Integer rule with its range for this column, any other rule unchanged."""
    if rule.kind != "Integer" or column.values.name not in BITS:
        return rule
    return replace(rule, options={"from": 0, "to": 2 ** BITS[column.values.name] - 1, **rule.options})


def of_references(
    references: Iterable[ReferenceFacts],
    tables: Mapping[TableName, TableFacts],
    masks: Mapping[TableName, Mapping[str, Rule]],
) -> Iterator[str]:
    """Yield what is wrong with the rules of referring columns. masks: the rule of each column."""
    for one in references:
        if one.table not in tables or one.referenced not in tables:
            continue
        for column, key in zip(one.columns, one.referenced_columns, strict=True):
            mine, theirs = masks[one.table].get(column), masks[one.referenced].get(key)
            if mine is None or theirs is None or mine.kind == "Null":
                continue
            here = next(c for c in tables[one.table].columns if c.name == column)
            there = next(c for c in tables[one.referenced].columns if c.name == key)
            if theirs.by:
                where = located(tables[one.referenced], key, theirs)
                yield f"{where} has `by`, but foreign key {one.name} refers to the column: leave out `by`"
            elif _effect(mine, here) != _effect(theirs, there):
                name = ".".join(one.referenced)
                yield (
                    f"{located(tables[one.table], column, mine)} differs from rule {theirs.kind} of {name}.{key}, to "
                    f"which foreign key {one.name} refers: leave the rule out here, or give both the same options"
                )
            elif _room(mine, here) != _room(theirs, there):
                yield (
                    f"{located(tables[one.table], column, mine)} gives other values in {here.type} than in the "
                    f"{there.type} to which foreign key {one.name} refers: use Digits, or make them equally long"
                )


ROOMY = 100
"""Characters: no e-mail address of the word lists is longer, unless its host is."""


def _room(rule: Rule, column: ColumnFacts) -> int | None:
    """Return the column's length as far as the rule's result depends on it; None if it does not."""
    length = column.values.length
    if rule.kind == "Hash":
        return min(int(str(rule.options.get("length", 32))), length or 64)
    return length if rule.kind == "Email" and length is not None and length < ROOMY else None


def _effect(rule: Rule, column: ColumnFacts) -> tuple[object, ...]:
    full = with_range(rule, column)
    options = {name: value for name, value in full.options.items() if name != "domain"}
    return rule.kind, full.options.get("domain", rule.kind), tuple(sorted((k, str(v)) for k, v in options.items()))
