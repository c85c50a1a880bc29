"""What the rules decide about a database before the first row is copied: a rule for each column, or problems. Pure.

It decides which rule a column gets and which rules a key can take. A column without a rule is a problem, unless the
file says `unlisted: Null`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from datareplication.jobs.model.masking.facts import (
    ColumnFacts,
    Facts,
    ReferenceFacts,
    TableFacts,
    TableName,
    UniqueFacts,
)
from datareplication.jobs.model.masking.kinds import KINDS
from datareplication.jobs.model.masking.references import located, of_references, with_range
from datareplication.jobs.model.masking.rules import Rule, Rules

KEEP, NULL = Rule("Keep"), Rule("Null")
LOWER_CASE = frozenset({"Hash", "Uuid", "Email", "Url"})
"""Rules whose results have no upper-case letters: lower() does not change them, so they stay distinct."""

_PLAIN = re.compile(r"[A-Za-z_][\w.]*")
_LOWER = re.compile(r'lower\(\(?"?\w+"?\)?(?:::text)?\)')

Column = tuple[TableName, str]


@dataclass(frozen=True)
class Decided:
    """The rule of every column, and the problems that end the dump."""

    masks: Mapping[TableName, Mapping[str, Rule]] = field(default_factory=dict)
    """Table -> column -> rule, for every column that is copied; Keep too."""

    problems: tuple[str, ...] = ()
    missing: Mapping[TableName, tuple[ColumnFacts, ...]] = field(default_factory=dict)
    """Columns without a rule. Not those of a partition that its parent has: one rule is for all of them."""


def decide(rules: Rules, facts: Facts) -> Decided:
    """Return the rule of each column and all problems at once."""
    tables = {table.qualified: table for table in facts.tables}
    found = _Deciding(rules, tables, facts.references)
    masks = {name: dict(found.of_table(table)) for name, table in tables.items()}
    problems = [
        *_unknown(rules, tables, facts.others),
        *found.problems,
        *(text for name, table in tables.items() for text in _of_keys(table, masks[name])),
        *of_references(facts.references, tables, masks),
        *_past_the_rules(rules, facts),
    ]
    missing = {name: columns for name in found.missing if (columns := found.of_its_own(tables[name]))}
    return Decided(masks, tuple(dict.fromkeys(problems)), missing)


@dataclass
class _Deciding:
    """The choice of rules for one database."""

    rules: Rules
    tables: Mapping[TableName, TableFacts]
    references: tuple[ReferenceFacts, ...]
    problems: list[str] = field(default_factory=list)
    missing: dict[TableName, list[ColumnFacts]] = field(default_factory=dict)

    def of_table(self, table: TableFacts) -> Iterator[tuple[str, Rule]]:
        """Yield each column with its rule, and note what is wrong with it."""
        for column in table.columns:
            rule = self._chosen(table.qualified, column.name, frozenset())
            if rule is None and self.rules.is_unlisted_null:
                rule = NULL
            if rule is None:
                self.missing.setdefault(table.qualified, []).append(column)
                continue
            above = (self.tables[one] for one in table.parents if one in self.tables)
            told = any(column.name in one.partition_key for one in above) and column.name not in self._own(table)
            self.problems += _misfits(replace(table, partition_key=()) if told else table, column, rule)
            yield column.name, rule

    def _own(self, table: TableFacts) -> Mapping[str, Rule]:
        return self.rules.tables.get(table.qualified, {})

    def of_its_own(self, table: TableFacts) -> tuple[ColumnFacts, ...]:
        """Return a table's columns without a rule, but for those that get the rule of a parent."""
        inherited = {one.name for parent in table.parents for one in self.missing.get(parent, ())}
        return tuple(one for one in self.missing[table.qualified] if one.name not in inherited)

    def _chosen(self, table: TableName, column: str, seen: frozenset[Column]) -> Rule | None:
        """Return the rule of a column: its own, its parent table's, the referenced key's, or a default."""
        if (table, column) in seen:
            return None
        seen |= {(table, column)}
        if own := self.rules.tables.get(table, {}).get(column):
            return own
        if table in self.rules.kept_extension_tables:
            return KEEP
        known = self.tables.get(table)
        for parent in known.parents if known else ():
            if inherited := self._chosen(parent, column, seen):
                return inherited
        for other, key in self._referred(table, column):
            if carried := self._chosen(other, key, seen):
                return self._carried(carried, other, key)
        facts = self._facts(table, column)
        return next(
            (one.rule for one in self.rules.defaults if facts and _fits(one.column, one.type, table, facts)), None
        )

    def _referred(self, table: TableName, column: str) -> Iterator[Column]:
        for one in self.references:
            if one.table == table and column in one.columns:
                yield one.referenced, one.referenced_columns[one.columns.index(column)]

    def _carried(self, rule: Rule, table: TableName, column: str) -> Rule:
        """Return the key's rule for the referring column: with the range of the key's type."""
        facts = self._facts(table, column)
        return with_range(rule, facts) if facts else rule

    def _facts(self, table: TableName, column: str) -> ColumnFacts | None:
        known = self.tables.get(table)
        return next((one for one in known.columns if one.name == column), None) if known else None


def snippet(missing: Mapping[TableName, Iterable[ColumnFacts]]) -> str:
    """Return what to put into the file for columns without a rule: one line of YAML.

    Each column gets a rule that gives nothing away, or Keep if no such rule fits a NOT NULL column of its type.
    """
    tables = (
        f"{_key('.'.join(name))}: {{{', '.join(f'{_key(one.name)}: {_proposed(one)}' for one in columns)}}}"
        for name, columns in missing.items()
    )
    return f"tables: {{{', '.join(tables)}}}"


def _proposed(column: ColumnFacts) -> str:
    if column.is_nullable:
        return "Null"
    if column.values.family == "Text":
        length = column.values.length
        return "Hash" if length is None or length >= KINDS["Hash"].shortest else "Text"
    return "{rule: Json, paths: {}, unlisted: Null}" if column.values.family == "Json" else "Keep"


def _key(name: str) -> str:
    """Return a name as a key of YAML."""
    return name if _PLAIN.fullmatch(name) else "'" + name.replace("'", "''") + "'"


def _fits(pattern: str, type_pattern: str, table: TableName, column: ColumnFacts) -> bool:
    name = ".".join((*table, column.name)) if "." in pattern else column.name
    return fnmatchcase(name, pattern) and fnmatchcase(column.values.name, type_pattern)


def _misfits(table: TableFacts, column: ColumnFacts, rule: Rule) -> Iterator[str]:
    kind, where = KINDS[rule.kind], located(table, column.name, rule)
    if rule.kind == "Null" and not column.is_nullable:
        yield f"{where} gives NULL, which the column does not take (NOT NULL): use {_fitting(column)}{_first(rule)}"
    if kind.takes is not None and column.values.family not in kind.takes:
        yield f"{where} does not take the type {column.type}: use {_fitting(column)}"
    elif column.values.length is not None and kind.shortest > column.values.length:
        yield f"{where} needs {kind.shortest} characters, {column.type} has {column.values.length}: use Digits or Text"
    if column.name in table.partition_key and rule.kind != "Keep":
        yield f"{where} would send rows to another partition: the partition key must be Keep"
    names = {one.name for one in table.columns}
    for name in rule.by:
        if name not in names:
            yield f"{where} names in `by` column {name}, which {table.schema}.{table.name} does not have"


def fits(table: TableFacts, column: ColumnFacts, rule: Rule) -> bool:
    """Return whether a column can have a rule, as far as its own table says."""
    return not [*_misfits(table, column, rule), *_of_keys(table, {column.name: rule})]


def suggested(column: ColumnFacts) -> str:
    """Return in words which one-to-one rule fits a column of a key."""
    by_family = {"Text": "Hash, Email or Digits", "Integer": "Integer", "Uuid": "Uuid"}
    return by_family.get(column.values.family, "Keep")


_FITTING: Mapping[str, Sequence[str]] = {
    "Text": ("Fixed", "Hash", "Email", "Digits"),
    "Integer": ("Integer", "Noise", "Truncate"),
    "Number": ("Noise", "Truncate"),
    "Date": ("ShiftDate", "Truncate"),
    "Timestamp": ("ShiftDate", "Truncate"),
    "Uuid": ("Uuid",),
    "Json": ("Json",),
    "Address": ("IpAddress",),
}


def _fitting(column: ColumnFacts) -> str:
    """Return in words which rules take a column's type."""
    fitting = [*_FITTING.get(column.values.family, ("Fixed",)), *(["Null"] if column.is_nullable else [])]
    return f"{', '.join(fitting)} or Keep"


def _first(rule: Rule) -> str:
    """Return how a rule that stands nowhere in the file gives way."""
    return "" if rule.line else " in `tables`, which comes before presets and `unlisted`"


def is_injective(rule: Rule, table: TableFacts) -> bool:
    """Return whether two values never become one.

    With `by` this holds only if the rule's result is a digest and the `by` columns include the primary key.
    """
    if not rule.by:
        return KINDS[rule.kind].is_injective
    return rule.kind in LOWER_CASE and any(key.is_primary and set(key.columns) <= set(rule.by) for key in table.uniques)


def _of_keys(table: TableFacts, masks: Mapping[str, Rule]) -> Iterator[str]:
    for key in table.uniques:
        columns = {one.name: one for one in table.columns}
        for name in key.columns:
            if name in masks and not _may_be_in(key, masks[name], table):
                remedy = "Keep" if key.is_exclusion else suggested(columns[name])
                where = located(table, name, masks[name])
                yield f"{where} can make two values equal, but {key.name} is unique: use {remedy}"
        for expression, names in key.expressions:
            for name in names:
                if name in masks and not _may_be_in_expression(expression, masks[name], table):
                    yield (
                        f"{located(table, name, masks[name])} can make two values of {expression} equal, "
                        f"but {key.name} is unique: use Keep, or Hash or Email with lower()"
                    )
        for name in key.predicate:
            if name in masks and masks[name].kind != "Keep":
                where = located(table, name, masks[name])
                yield f"{where} changes which rows are in the partial index {key.name}: use Keep"


def _may_be_in(key: UniqueFacts, rule: Rule, table: TableFacts) -> bool:
    if rule.kind == "Null":
        return not key.takes_one_null
    return rule.kind == "Keep" or (is_injective(rule, table) and not key.is_exclusion)


def _may_be_in_expression(expression: str, rule: Rule, table: TableFacts) -> bool:
    if rule.kind == "Keep":
        return True
    return rule.kind in LOWER_CASE and is_injective(rule, table) and bool(_LOWER.fullmatch(expression))


def _unknown(rules: Rules, tables: Mapping[TableName, TableFacts], others: frozenset[TableName]) -> Iterator[str]:
    """Yield a problem for each name in the file that the database does not have: it may be misspelt."""
    for table, columns in rules.tables.items():
        if table in others:
            continue
        if table not in tables:
            line = min((rule.line for rule in columns.values()), default=0)
            yield f"{'.'.join(table)} (line {line}) is no table of the source: correct or remove it"
            continue
        names = {one.name for one in tables[table].columns}
        for column, rule in columns.items():
            if column not in names:
                name = ".".join(table)
                yield f"{name} has no column {column} that is copied (line {rule.line}): correct or remove it"


def _past_the_rules(rules: Rules, facts: Facts) -> Iterator[str]:
    for kept in sorted(rules.kept_extension_tables - facts.others - {table.qualified for table in facts.tables}):
        yield f"extensionTables: {'.'.join(kept)} is no table of the source: correct or remove it"
    if facts.has_large_objects and not rules.keeps_large_objects:
        yield "the source has large objects, which no rule masks: add `largeObjects: Keep`, or remove them there"
    for table in facts.tables:
        if table.qualified in rules.kept_extension_tables and not table.extension:
            name = f"{table.schema}.{table.name}"
            yield f"extensionTables: {name} is no table of an extension: give its columns rules in `tables`"
        if (
            table.extension
            and table.qualified not in rules.kept_extension_tables
            and table.qualified not in rules.tables
        ):
            name = f"{table.schema}.{table.name}"
            yield f"{name} holds rows of extension {table.extension}: add it to `extensionTables: {{{name}: Keep}}`"
