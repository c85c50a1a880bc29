"""Searches tables for what the leak gate must not let through: rows of COPY's text format in, findings out."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

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

DEEPEST = 4
"""Levels of composites and arrays in each other."""

_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_ESCAPES = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_PIECE = re.compile(rb'"((?:[^"\\]|\\.|"")*+)"|([^",(){}\[\]]++)', re.DOTALL)
_QUOTED = re.compile(rb'\\(.)|""', re.DOTALL)

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
            if len(value) >= SHORTEST and telling.may_tell(value) and value not in column.seen:
                self._look_at(column, value)

    def _look_at(self, column: Column, value: bytes) -> None:
        if len(column.seen) == REMEMBERED:
            column.seen.clear()
        column.seen.add(value)
        plain = _ESCAPE.sub(_unescaped, value) if b"\\" in value else value
        if column.content == "Text":
            self._look(column, plain)
            return
        for piece in _json(plain) if column.content == "Json" else _pieces(plain):
            if len(piece) >= SHORTEST:
                self._look(column, piece)

    def _look(self, column: Column, piece: bytes) -> None:
        digests, digest, kinds = self.known.digests, self.known.digest, column.kinds
        for kind, form in telling.forms(piece):
            if kind in kinds and (place := digests.get(digest(form))) is not None:
                column.originals[place] += 1
            self._look_for_patterns(column, kind, form)

    def _look_for_patterns(self, column: Column, kind: Kind, form: bytes) -> None:
        if kind == "Email" and "EmailHost" in column.kinds and not self.known.allows(telling.host(form)):
            column.patterns["Email"] += 1
        elif kind == "Number" and "Card" in column.kinds and (is_right := telling.card(form)) is not None:
            column.patterns["Card" if is_right else "NoCard"] += 1
        elif kind == "Code" and "Iban" in column.kinds and (is_right := telling.iban(form)) is not None:
            column.patterns["Iban" if is_right else "NoIban"] += 1

    def findings(self) -> Iterator[Finding]:
        """Yield what was found."""
        names = [str(one.column) for one in self.known.gate.originals]
        for column in self.columns:
            for place, count in sorted(column.originals.items()):
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


def _unescaped(found: re.Match[bytes]) -> bytes:
    return _ESCAPES.get(found[1], found[1])


def _json(value: bytes) -> Iterator[bytes]:
    """Yield the texts of a document: names, and what is no name."""
    try:
        document = json.loads(value, parse_int=str, parse_float=str, parse_constant=str)
        yield from _leaves(document)
    except (ValueError, RecursionError):
        yield from _pieces(value)


def _leaves(value: Any) -> Iterator[bytes]:
    if isinstance(value, str):
        yield value.encode("utf-8", "surrogatepass")
    elif isinstance(value, dict):
        for name, one in value.items():
            yield name.encode("utf-8", "surrogatepass")
            yield from _leaves(one)
    elif isinstance(value, list):
        for one in value:
            yield from _leaves(one)


def _pieces(value: bytes, depth: int = 0) -> Iterator[bytes]:
    """Yield the texts between the quotes, commas and brackets of an array, a composite, a range, or anything else."""
    for found in _PIECE.finditer(value):
        piece = found[2] or _QUOTED.sub(lambda one: one[1] or b'"', found[1] or b"")
        if found[1] and depth < DEEPEST and any(sign in piece for sign in b'",(){}[]'):
            yield from _pieces(piece, depth + 1)
        yield piece


def search(session: Session, known: Known, task: SearchTable, tell: Callable[[int], None]) -> tuple[Finding, ...]:
    """Read all rows of a table, and return what must not be there."""
    of = task.of
    names = (f"{of.schema}.{of.name}.{name}" for name in of.columns)
    columns = tuple(Column(*one) for one in zip(names, of.contents, task.kinds, strict=True))
    made = Search(known, columns, tell)
    searchable.copy_out(session, of, made, task.encoding)
    return tuple(made.findings())
