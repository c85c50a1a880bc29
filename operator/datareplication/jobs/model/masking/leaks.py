"""The leak gate's facts, as values: what a load must not find in the new database. Pure.

The dump writes them into the snapshot; `postgres/originals` computes the digests in the source, `load/searching` looks
for them. An original value is never in them: only the first 8 bytes of its HMAC-SHA256 by the masking key.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from datareplication.jobs.model import codec, ranges
from datareplication.jobs.model.masking.masking import Mask, Masking
from datareplication.jobs.model.masking.rules import Rule
from datareplication.jobs.model.masking.telling import Kind
from datareplication.jobs.model.tables import Table

DIGEST_BYTES = 8
MOST_ROWS = 10_000
"""Rows of a table whose originals are looked for: all of a table with fewer rows."""

MOST_DIGESTS = 200_000
"""Of all columns together: 3 MB in the snapshot, some 25 MB in a worker's memory."""

EVERY_KIND: tuple[Kind, ...] = ("Email", "Number", "Code", "Words", "EmailHost", "Card", "Iban")

_SHAPED: Mapping[str, frozenset[Kind]] = {
    "Digits": frozenset({"Number", "Code", "Card"}),
    "Phone": frozenset({"Number", "Code", "Card"}),
    "Iban": frozenset({"Number", "Code", "Iban"}),
    "CreditCard": frozenset({"Number", "Code", "Card"}),
    "Text": frozenset(EVERY_KIND),
    "Postcode": frozenset(EVERY_KIND),
}
"""Rules whose results look like originals, and may equal another row's original by chance: what is not looked for in
their columns."""

_SHARED_WORDS = 20
_LEAST_WORDS: Mapping[str, int] = {"Name": 8, "Company": 8, "Street": 8}
"""Characters of words that are looked for, by rule. Shorter texts of other rules are phrases that many have."""

_OF_NOTHING_BUT_THE_DIGEST = frozenset({"Null", "Hash", "Uuid", "Email", "Url", "Name", "Company", "Street"})

_NOT_TELLING = frozenset(
    {"Keep", "City", "Postcode", "FirstName", "LastName", "Integer", "ShiftDate", "Truncate", "Noise"}
)
"""Rules whose originals are not looked for: many rows and columns have such values in common."""


@dataclass(frozen=True)
class Column:
    """A column of a table. Names are not quoted."""

    schema: ranges.Text
    table: ranges.Text
    column: ranges.Text

    def __str__(self) -> str:
        """Return `schema.table.column`."""
        return f"{self.schema}.{self.table}.{self.column}"


@dataclass(frozen=True)
class Originals:
    """The digests of a masked column's original values."""

    column: Column
    digests: ranges.Digests
    """In hexadecimal digits, one behind the other."""


@dataclass(frozen=True)
class Exempt:
    """What is not looked for in a column."""

    column: Column
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class LeakGate:
    """What a load must not find, and where it does not look."""

    snapshot_time: ranges.Moment
    rules_sha256: ranges.Text
    hosts: tuple[str, ...]
    """Hosts of e-mail addresses that may be in the database: those of the rules, and those that the file allows."""

    ignored: tuple[str, ...]
    """Patterns of `schema.table.column` that are not searched."""

    exempt: tuple[Exempt, ...]
    originals: tuple[Originals, ...]

    def to_json(self) -> str:
        """Return the content of the file in the snapshot."""
        return json.dumps(codec.encoded(self), ensure_ascii=False) + "\n"

    def kinds(self, column: Column, *, of_view: bool = False) -> frozenset[Kind]:
        """Return what is looked for in a column; nothing if it is not searched.

        A view's column may show any masked column, so what is exempt anywhere is not looked for there.
        """
        name = str(column)
        if any(fnmatchcase(name, pattern) for pattern in self.ignored):
            return frozenset()
        left_out = {kind for one in self.exempt if of_view or one.column == column for kind in one.kinds}
        return frozenset(kind for kind in EVERY_KIND if kind not in left_out)


@dataclass(frozen=True)
class Wanted:
    """A masked column whose originals are looked for."""

    mask: Mask
    least_words: int

    @property
    def may_stay(self) -> bool:
        """Whether a masked value may be the original, or have a part of it."""
        return self.mask.rule.kind not in _OF_NOTHING_BUT_THE_DIGEST


def wanted(masks: Iterable[Mask]) -> list[Wanted]:
    """Return those of a table's columns whose originals are looked for."""
    return [
        Wanted(mask, _LEAST_WORDS.get(mask.rule.kind, _SHARED_WORDS))
        for mask in masks
        if mask.rule.kind not in _NOT_TELLING and mask.values.family in {"Text", "Json", "Uuid", "Other"}
    ]


def gate(
    masking: Masking, tables: Iterable[Table], snapshot_time: str, found: Mapping[int, Mapping[str, str]]
) -> LeakGate:
    """Return what is looked for. found: oid of a table -> column -> digests."""
    names = {table.oid: (table.schema, table.name) for table in tables}
    masks = [(Column(*names[oid], mask.column), mask) for oid, every in masking.masks.items() for mask in every]
    by_column = {
        Column(*names[oid], column): text for oid, columns in found.items() for column, text in columns.items()
    }
    return LeakGate(
        snapshot_time,
        masking.sha256,
        tuple(dict.fromkeys([*_hosts(mask.rule for _, mask in masks), *masking.leak_hosts])),
        masking.leak_ignored,
        tuple(Exempt(column, tuple(sorted(kinds))) for column, mask in masks if (kinds := _shaped(mask.rule))),
        tuple(_told_once(by_column)),
    )


def _told_once(found: Mapping[Column, str]) -> Iterator[Originals]:
    """Yield the digests of each column in their own order, each digest for one column only.

    So the file tells neither which columns have values in common, nor how the originals are ordered.
    """
    seen: set[str] = set()
    for column, text in found.items():
        digests = {text[start : start + 2 * DIGEST_BYTES] for start in range(0, len(text), 2 * DIGEST_BYTES)} - seen
        seen |= digests
        if digests:
            yield Originals(column, "".join(sorted(digests)))


def limit(columns: int) -> int:
    """Return how many digests of a column are kept, if so many columns are masked."""
    return min(MOST_ROWS, MOST_DIGESTS // max(columns, 1))


def seal(key: bytes, content: str) -> str:
    """Return the seal of the gate's content by this key: who does not have the key can neither make nor change it."""
    return hmac.digest(key, content.encode(), "sha256").hex()


def is_sealed(key: bytes, content: str, given: str) -> bool:
    """Return whether the content has this seal."""
    return hmac.compare_digest(seal(key, content).encode(), given.encode())


def subkey(masking_key: bytes, domain: str) -> bytes:
    """Return the key of a domain, as `postgres/mask_key` derives it in a session."""
    return hmac.digest(hashlib.sha256(masking_key).digest(), domain.encode(), "sha256")


def _hosts(rules: Iterable[Rule]) -> Iterator[str]:
    """Yield the hosts that the rules' results have."""
    for rule in rules:
        if rule.kind in {"Email", "Url"}:
            yield str(rule.options.get("host", "example.com")).lower()
        if rule.kind == "Fixed" and "@" in (value := str(rule.options["value"])):
            yield value.rpartition("@")[2].lower()
        yield from _hosts(_below(rule))


def _shaped(rule: Rule) -> frozenset[Kind]:
    every = [_SHAPED.get(rule.kind, frozenset()), *(_shaped(one) for one in _below(rule))]
    return frozenset().union(*every)


def _below(rule: Rule) -> Iterable[Rule]:
    given = rule.options.get("paths", {})
    return given.values() if isinstance(given, Mapping) else ()
