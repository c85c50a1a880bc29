"""What a worker needs to copy masked columns: the session's subkeys, and the expressions."""

import itertools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from psycopg2 import sql

from datareplication.jobs.model.masking.masking import Mask, Masking, shared
from datareplication.jobs.model.masking.words import Words
from datareplication.jobs.postgres import mask_key
from datareplication.jobs.postgres.connection import Session
from datareplication.jobs.postgres.copying import Columns
from datareplication.jobs.postgres.mask_context import Shared, seed_of
from datareplication.jobs.postgres.masks import Masker


@dataclass(frozen=True)
class Joined:
    """The columns of a query, and what is joined to its table for them."""

    columns: Columns
    joins: tuple[sql.Composable, ...] = ()


NOTHING = Joined({})


def startup(masking: Masking | None) -> Mapping[str, str]:
    """Return the settings that a session must start with to mask."""
    return mask_key.settings(masking.key) if masking else {}


def prepare(session: Session, masking: Masking | None) -> None:
    """Give a session that has started with `startup` the subkeys of all domains."""
    if masking:
        mask_key.derive(session, masking.domains)


@dataclass
class Expressions:
    """The expressions of each table, made when the first part of it is copied."""

    masking: Masking | None
    words: Callable[[], Mapping[str, Words]]
    _made: dict[int, Columns] = field(default_factory=dict)
    _joined: dict[int, Joined] = field(default_factory=dict)

    def of(self, oid: int) -> Columns:
        """Return the columns of a table, each an expression for itself."""
        if self.masking is None or not self.masking.of(oid):
            return {}
        if oid not in self._made:
            self._made[oid] = self._columns(self.masking, oid, {})
        return self._made[oid]

    def joined(self, oid: int) -> Joined:
        """Return the same for one query, which computes once for a row what several columns need."""
        if self.masking is None or not self.masking.of(oid):
            return NOTHING
        if oid not in self._joined:
            names = _names(self.masking.of(oid))
            references = {shared: sql.Identifier(name, name) for shared, name in names.items()}
            joins = [_join(self.masking, shared, name) for shared, name in names.items()]
            self._joined[oid] = Joined(self._columns(self.masking, oid, references), tuple(joins))
        return self._joined[oid]

    def _columns(self, masking: Masking, oid: int, joined: Mapping[Shared, sql.Composable]) -> Columns:
        masker = Masker(self.words(), masking.language, list(masking.domains), joined)
        return {mask.column: masker.expression(mask.rule, mask.column, mask.values) for mask in masking.of(oid)}


def _names(masks: Sequence[Mask]) -> dict[Shared, str]:
    """Return a name for each digest that at least two rules of a table have in common; no column has the name."""
    found = Counter(pair for mask in masks for pair in shared(mask.rule))
    columns = {mask.column for mask in masks}
    free = (name for number in itertools.count(1) if (name := f"digest {number}") not in columns)
    return {pair: next(free) for pair, count in found.items() if count > 1}


def _join(masking: Masking, shared: Shared, name: str) -> sql.Composable:
    """Return an entry of FROM, not a JOIN: behind a JOIN, ctid could not be named without its table."""
    domain, by = shared
    digest = mask_key.hmac(masking.domains.index(domain) + 1, seed_of(by))
    return sql.SQL("LATERAL (SELECT {digest} AS {name} OFFSET 0) {name}").format(
        digest=digest, name=sql.Identifier(name)
    )
