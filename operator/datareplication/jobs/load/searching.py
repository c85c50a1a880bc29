"""Searches tables for what the leak gate must not let through: rows of COPY's text format in, findings out."""

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from datareplication.jobs.load import texts
from datareplication.jobs.load.tasks import SearchTable
from datareplication.jobs.model.masking import telling
from datareplication.jobs.model.masking.leaks import DIGEST_BYTES, LeakGate
from datareplication.jobs.model.masking.searches import Finding
from datareplication.jobs.model.masking.telling import Kind
from datareplication.jobs.postgres import searchable
from datareplication.jobs.postgres.connection import Session

SHORTEST = 8
"""Bytes: nothing shorter is looked for."""

REMEMBERED = 5_000
"""Values of a column that are not searched again."""

REMEMBERED_OF_ALL = 200_000
"""Values of all columns of a table together: some 30 MB."""

LONGEST_REMEMBERED = 100
"""Bytes of a value that is remembered: longer ones are seldom equal, and would fill the memory."""

MOST_HITS = 10_000
"""What is found in one value is counted once, as far as it is remembered."""

_BLOCK_BYTES = 64


@dataclass(frozen=True)
class Known:
    """What is looked for, ready to be compared. gate_key: the subkey of the digests."""

    gate: LeakGate
    gate_key: bytes = field(repr=False)

    @cached_property
    def digests(self) -> Mapping[bytes, int]:
        """Return each digest with the place of its column in the gate's originals: the first, if several have it."""
        step = 2 * DIGEST_BYTES
        return {
            bytes.fromhex(one.digests[start : start + step]): place
            for place, one in reversed([*enumerate(self.gate.originals)])
            for start in range(0, len(one.digests), step)
        }

    @cached_property
    def digest(self) -> Callable[[bytes], bytes]:
        """Return the function that computes a digest: HMAC-SHA256, whose two padded keys are hashed only once."""
        key = self.gate_key.ljust(_BLOCK_BYTES, b"\0")
        inner, outer = (hashlib.sha256(bytes(byte ^ pad for byte in key)) for pad in (0x36, 0x5C))

        def digest(message: bytes) -> bytes:
            first, second = inner.copy(), outer.copy()
            first.update(message)
            second.update(first.digest())
            return second.digest()[:DIGEST_BYTES]

        return digest

    def count(self, place: int) -> int:
        """Return how many digests a column has. place: the column's."""
        return len(self.gate.originals[place].digests) // (2 * DIGEST_BYTES)

    @cached_property
    def hosts(self) -> tuple[bytes, ...]:
        """Return the allowed hosts."""
        return tuple(host.encode() for host in self.gate.hosts)

    def allows(self, host: bytes) -> bool:
        """Return whether e-mail addresses of a host may be in the database."""
        return not host or any(host == one or host.endswith(b"." + one) for one in self.hosts)


@dataclass
class Column:
    """A column that is searched, and what was found in it."""

    name: str
    content: str
    kinds: frozenset[Kind]
    originals: Counter[int] = field(default_factory=Counter)
    """How many were found, by the place of their column. Numbers are counted apart."""

    numbers: Counter[int] = field(default_factory=Counter)
    chance: float = 0.0
    """How many of the numbers are expected to equal one certain number that is as long, by chance."""

    patterns: Counter[str] = field(default_factory=Counter)
    seen: set[bytes] = field(default_factory=set)
    """Values that were searched lately: most columns have few different ones."""


@dataclass
class Search:
    """A stream that takes rows, one at a time."""

    known: Known
    columns: tuple[Column, ...]
    tell: Callable[[int], None]

    def write(self, row: bytes, /) -> None:
        """Search one row."""
        self.tell(len(row))
        for column, value in zip(self.columns, row.rstrip(b"\n").split(b"\t"), strict=True):
            # What is escaped may be white space.
            if len(value) < SHORTEST or value in column.seen:
                continue
            if telling.may_tell(value) or b"\\" in value:
                self._look_at(column, value)

    @cached_property
    def _remembered(self) -> int:
        return min(REMEMBERED, REMEMBERED_OF_ALL // max(len(self.columns), 1))

    def _look_at(self, column: Column, value: bytes) -> None:
        if len(value) <= LONGEST_REMEMBERED:
            if len(column.seen) >= self._remembered:
                column.seen.clear()
            column.seen.add(value)
        hits: set[bytes] = set()
        plain = texts.unescaped(value)
        for piece in texts.of_text(plain) if column.content == "Text" else texts.pieces(plain):
            if len(piece) >= SHORTEST and telling.may_tell(piece):
                for window in texts.windows(piece):
                    self._look(column, window, hits)

    def _look(self, column: Column, piece: bytes, hits: set[bytes]) -> None:
        """Look for the forms of a text. hits: those that were found in the same value before."""
        digests, digest, kinds = self.known.digests, self.known.digest, column.kinds
        for kind, form in telling.forms(piece):
            if form in hits:
                continue
            is_number = kind in telling.NUMBERS
            if is_number:
                column.chance += 10.0 ** -len(form)
            place = digests.get(digest(form)) if ("Number" if is_number else kind) in kinds else None
            if place is not None:
                (column.numbers if is_number else column.originals)[place] += 1
            if (self._fits_pattern(column, kind, form) or place is not None) and len(hits) < MOST_HITS:
                hits.add(form)

    def _fits_pattern(self, column: Column, kind: Kind, form: bytes) -> bool:
        """Count a form if it has a pattern, with right check digits or wrong ones."""
        what = ""
        if kind == "Email" and "EmailHost" in column.kinds and not self.known.allows(telling.host(form)):
            what = "Email"
        elif kind == "Number" and "Card" in column.kinds and (is_right := telling.card(form)) is not None:
            what = "Card" if is_right else "NoCard"
        elif kind == "Code" and "Iban" in column.kinds and (is_right := telling.iban(form)) is not None:
            what = "Iban" if is_right else "NoIban"
        if what:
            column.patterns[what] += 1
        return bool(what)

    def _found(self, column: Column) -> Counter[int]:
        """Return how many originals a column has, by the place of their column, without equal numbers by chance."""
        found = Counter(column.originals)
        for place, count in column.numbers.items():
            expected = column.chance * self.known.count(place)
            if count > expected + 3 * math.sqrt(expected):
                found[place] += count
        return found

    def findings(self) -> Iterator[Finding]:
        """Yield what was found."""
        names = [str(one.column) for one in self.known.gate.originals]
        for column in self.columns:
            for place, count in sorted(self._found(column).items()):
                yield Finding(column.name, f"{_counted(count, 'value')} of {names[place]}")
            found = column.patterns
            if found["Email"]:
                text = _counted(found["Email"], "e-mail address", "e-mail addresses")
                yield Finding(column.name, f"{text} of hosts that no rule gives")
            # Some codes of another kind have right check digits by chance: one of ten numbers, one of a hundred IBANs.
            if found["Iban"] > found["NoIban"]:
                yield Finding(column.name, _counted(found["Iban"], "IBAN"))
            if found["Card"] > found["NoCard"]:
                yield Finding(
                    column.name, _counted(found["Card"], "number of a payment card", "numbers of payment cards")
                )


def _counted(count: int, one: str, several: str = "") -> str:
    return f"{count} {one if count == 1 else several or one + 's'}"


def search(session: Session, known: Known, task: SearchTable, tell: Callable[[int], None]) -> tuple[Finding, ...]:
    """Read all rows of a table, and return what must not be there."""
    of = task.of
    names = (f"{of.schema}.{of.name}.{name}" for name in of.columns)
    columns = tuple(Column(*one) for one in zip(names, of.contents, task.kinds, strict=True))
    made = Search(known, columns, tell)
    searchable.copy_out(session, of, made, task.encoding)
    return tuple(made.findings())
