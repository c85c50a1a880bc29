"""What a dump masks: which columns of which tables by which rules, with which key. Values. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from datareplication.jobs.model.masking.decisions import Decided
from datareplication.jobs.model.masking.facts import Facts
from datareplication.jobs.model.masking.families import ValueType
from datareplication.jobs.model.masking.kinds import KINDS
from datareplication.jobs.model.masking.rules import Rule, Rules
from datareplication.jobs.model.masking.stamp import Masked
from datareplication.jobs.model.masking.unmasked import Unmasked

RESERVED = "datareplication:"
"""No domain of a rules' file begins with it."""

LEAK_GATE_DOMAIN = f"{RESERVED} leak gate"
"""The domain of the digests that the leak gate looks for."""


@dataclass(frozen=True)
class Mask:
    """A column with its rule. A kept column has the rule Keep."""

    column: str
    rule: Rule
    values: ValueType


@dataclass(frozen=True)
class Masking:
    """The masking of one dump."""

    key: bytes = field(repr=False)
    language: str
    domains: tuple[str, ...]
    """The domains of all rules, in the order of their subkeys."""

    masks: Mapping[int, tuple[Mask, ...]]
    """Oid of a table -> its columns, for every table with a column that is not kept."""

    sha256: str
    """Of the rules' file."""

    leak_hosts: tuple[str, ...] = ()
    leak_ignored: tuple[str, ...] = ()
    unmasked: tuple[Unmasked, ...] = ()
    """Where the schema carries text that no rule masks."""

    def stamp(self, leak_gate_seal: str) -> Masked:
        """Return what the manifest says about the masking."""
        masked = (mask for masks in self.masks.values() for mask in masks if mask.rule.kind != "Keep")
        return Masked(self.sha256, sum(1 for _ in masked), leak_gate_seal, self.unmasked)

    def of(self, oid: int) -> tuple[Mask, ...]:
        """Return the columns of a table; none if all are kept."""
        return self.masks.get(oid, ())


def planned(rules: Rules, facts: Facts, decided: Decided, key: bytes) -> Masking:
    """Return the masking of a database by rules that fit it."""
    masks = {}
    for table in facts.tables:
        chosen = decided.masks[table.qualified]
        found = tuple(Mask(one.name, chosen[one.name], one.values) for one in table.columns if one.name in chosen)
        if any(mask.rule.kind != "Keep" for mask in found):
            masks[table.oid] = found
    used = sorted({name for found in masks.values() for mask in found for name in domains(mask.rule)})
    every = (*used, LEAK_GATE_DOMAIN)
    return Masking(key, rules.language, every, masks, rules.sha256, rules.leak_hosts, rules.leak_ignored)


def domains(rule: Rule) -> Iterator[str]:
    """Yield the domains whose keys a rule uses."""
    if KINDS[rule.kind].is_keyed and rule.kind != "Json":
        yield str(rule.options.get("domain", rule.kind))
    given = rule.options.get("paths", {})
    below: Iterable[Rule] = given.values() if isinstance(given, Mapping) else ()
    for one in below:
        yield from domains(one)


def shared(rule: Rule) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield domain and `by` of a rule that has `by`, and of those of its paths: equal ones have the same digest."""
    if rule.by and rule.kind != "Json":
        yield str(rule.options.get("domain", rule.kind)), rule.by
    given = rule.options.get("paths", {})
    for one in given.values() if isinstance(given, Mapping) else ():
        yield from shared(one)
