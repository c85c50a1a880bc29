"""Which rule a suggestion gives each column, so that the dump's check takes all of them. Pure.

Columns that share a rule (a key and what refers to it, a table and its partitions) are decided together: the best rule
that fits all of them. Only the column that the others take their rule from is written.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from datareplication.jobs.model.masking import decisions
from datareplication.jobs.model.masking.evidence import Evidence
from datareplication.jobs.model.masking.facts import ColumnFacts, Facts, TableFacts, TableName
from datareplication.jobs.model.masking.families import BITS
from datareplication.jobs.model.masking.guessing import Guess, guess
from datareplication.jobs.model.masking.rules import Rule

Column = tuple[TableName, str]

NOTHING = Evidence()
HASH_DIGITS = 32
LENGTHS: Mapping[str, int] = {"Email": 100, "Url": 40, "Name": 100, "Company": 100, "Street": 100}
"""Rule -> a length of the column from which on its results do not depend on that length."""

NAMED = 3
"""How many referring columns a comment names."""


@dataclass(frozen=True)
class Line:
    """A column of the suggestion. rule: None if the column takes the rule of another one."""

    column: str
    rule: Rule | None
    reason: str
    paths: Mapping[str, str] = field(default_factory=dict)
    """For JSON: path -> reason."""

    is_exposed: bool = False
    """Whether only Keep fits, although the values seem to be personal."""


@dataclass(frozen=True)
class Suggestion:
    """Rules for a database. tables: in the order of their names."""

    tables: Mapping[TableName, tuple[Line, ...]]
    extension_tables: Mapping[TableName, str] = field(default_factory=dict)
    """Tables in which extensions keep rows of users -> the extension's name."""

    has_large_objects: bool = False

    @property
    def exposed(self) -> list[str]:
        """Return the columns of which only Keep fits, although the values seem to be personal."""
        return [".".join((*name, one.column)) for name, lines in self.tables.items() for one in lines if one.is_exposed]


def suggest(
    facts: Facts, evidence: Mapping[Column, Evidence], enums: Collection[Column] = (), checks: Collection[Column] = ()
) -> Suggestion:
    """Return rules that fit the facts. enums, checks: the columns whose type is an enum, that have a CHECK."""
    found = Sharing.of(facts)
    lines: dict[Column, Line] = {}
    for group in found.groups():
        lines |= _Group(found, group, evidence, enums, checks).lines()
    tables = {name: tuple(lines[name, one.name] for one in table.columns) for name, table in found.tables.items()}
    extensions = {table.qualified: table.extension for table in facts.tables if table.extension}
    return Suggestion(dict(sorted(tables.items())), extensions, facts.has_large_objects)


@dataclass(frozen=True)
class Sharing:
    """Which columns share a rule."""

    tables: Mapping[TableName, TableFacts]
    columns: Mapping[Column, ColumnFacts]
    sources: Mapping[Column, tuple[Column, ...]]
    """Column -> those that its rule may come from, the first one first: parents, then referenced keys."""

    @classmethod
    def of(cls, facts: Facts) -> "Sharing":
        """Return what the facts say; tables of extensions are left to the user."""
        tables = {table.qualified: table for table in facts.tables if not table.extension}
        columns = {(name, one.name): one for name, table in tables.items() for one in table.columns}
        sources: dict[Column, list[Column]] = {one: [] for one in columns}
        for name, column in columns:
            sources[name, column] += [(parent, column) for parent in tables[name].parents]
        for one in facts.references:
            for column, key in zip(one.columns, one.referenced_columns, strict=True):
                if (one.table, column) in sources and (one.table, column) != (one.referenced, key):
                    sources[one.table, column].append((one.referenced, key))
        return cls(tables, columns, {one: tuple(s for s in found if s in columns) for one, found in sources.items()})

    @cached_property
    def followers(self) -> Mapping[Column, list[Column]]:
        """Column -> the columns of other tables that may take their rule from it."""
        found: dict[Column, list[Column]] = {}
        for one, sources in self.sources.items():
            for source in sources:
                found.setdefault(source, []).append(one)
        return found

    def groups(self) -> Iterator[list[Column]]:
        """Yield the columns in groups that share a rule."""
        left = dict.fromkeys(self.columns)
        while left:
            members = [next(iter(left))]
            del left[members[0]]
            for one in members:  # it grows meanwhile
                for other in (*self.sources[one], *self.followers.get(one, ())):
                    if other in left:
                        del left[other]
                        members.append(other)
            yield members

    def is_inherited(self, column: Column) -> bool:
        """Return whether a column is its parent table's."""
        return any(source[0] in self.tables[column[0]].parents for source in self.sources[column][:1])

    def is_written(self, column: Column) -> bool:
        """Return whether a column needs a rule of its own: it has no source, or its sources lead back to it."""
        seen = [column]
        while following := self.sources[seen[-1]][:1]:
            if following[0] in seen:
                circle = seen[seen.index(following[0]) :]
                return column == min(circle)
            seen.append(following[0])
        return len(seen) == 1


@dataclass(frozen=True)
class _Group:
    """Columns that share a rule."""

    sharing: Sharing
    members: list[Column]
    evidence: Mapping[Column, Evidence]
    enums: Collection[Column]
    checks: Collection[Column]

    def lines(self) -> dict[Column, Line]:
        """Return a line for each column."""
        best = self._guess()
        rule = next(one for one in map(self._adapted, best.rules) if one.kind == "Keep" or self._fits(one))
        lines = {}
        for one in self.members:
            if self.sharing.is_written(one):
                lines[one] = self._written(one, rule, best)
            else:
                lines[one] = Line(one[1], None, f"the rule of {_dotted(self.sharing.sources[one][0])}")
        return lines

    def _written(self, column: Column, rule: Rule, best: Guess) -> Line:
        reasons = [best.reason, self._referred(column)]
        is_exposed = rule.kind == "Keep" and best.certainty == "Personal" and best.rules[0].kind != "Keep"
        if rule.kind == "Keep" and best.rules[0].kind != "Keep":
            reasons.append("decide: its keys and type take only Keep")
        if rule.kind == "Digits" and best.rules[0].kind != "Digits":
            reasons.append("only its digits are exchanged")
        if rule.kind not in {"Keep", "Null"} and any(one in self.checks for one in self.members):
            reasons.append("mind its CHECK")
        paths = best.comments if rule.kind == "Json" else {}
        return Line(column[1], rule, "; ".join(filter(None, reasons)), paths, is_exposed)

    def _referred(self, column: Column) -> str:
        followers = self.sharing.followers.get(column, ())
        keys = [_dotted(one) for one in followers if column[0] not in self.sharing.tables[one[0]].parents]
        more = f" and {len(keys) - NAMED} more" if len(keys) > NAMED else ""
        return f"referred to by {', '.join(keys[:NAMED])}{more}" if keys else ""

    def _guess(self) -> Guess:
        """Return what the written columns seem to hold; where that is not known, what the others' names say."""
        telling = [one for one in self.members if not self.sharing.is_inherited(one)] or self.members
        own = _best(self._of(one) for one in telling if self.sharing.is_written(one))
        return own if own.certainty != "Unknown" else _best(map(self._of, telling))

    def _of(self, column: Column) -> Guess:
        (_, table), _ = column
        found = self.evidence.get(column, NOTHING)
        return guess(table, self.sharing.columns[column], found, is_enum=column in self.enums)

    def _adapted(self, rule: Rule) -> Rule:
        """Return the rule with the range or length that the smallest of the columns' types has, if they differ."""
        types = [self.sharing.columns[one].values for one in self.members]
        if rule.kind == "Integer" and len({one.name for one in types}) > 1:
            return replace(rule, options={"to": 2 ** min(BITS.get(one.name, 0) for one in types) - 1})
        lengths = {one.length for one in types}
        if rule.kind == "Hash" and len(lengths) > 1:
            return replace(rule, options={"length": min(HASH_DIGITS, *(one for one in lengths if one is not None))})
        return rule

    def _fits(self, rule: Rule) -> bool:
        """Return whether all columns take the rule, and it gives them the same values whatever their lengths are."""
        lengths = {self.sharing.columns[one].values.length for one in self.members}
        needed = LENGTHS.get(rule.kind, 0)
        if len(lengths) > 1 and any(length is not None and length < needed for length in lengths):
            return False
        return all(
            decisions.fits(self.sharing.tables[table], self.sharing.columns[table, name], rule)
            for table, name in self.members
        )


def _best(guesses: Iterable[Guess]) -> Guess:
    """Return the guess that gives least away."""
    return min(guesses, key=lambda one: ("Personal", "Unknown", "Harmless").index(one.certainty))


def _dotted(column: Column) -> str:
    return ".".join((*column[0], column[1]))
