"""What the expressions of the masking rules are made from: options, words, and the digest of a value."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from psycopg2 import sql

from datareplication.jobs.model.masking.families import ValueType
from datareplication.jobs.model.masking.rules import Rule
from datareplication.jobs.model.masking.words import Words
from datareplication.jobs.postgres.mask_key import hmac

Composable = sql.Composable


def t(text: str, **parts: Composable) -> Composable:
    """Return SQL with named parts in it."""
    return sql.SQL(text).format(**parts)


Shared = tuple[str, tuple[str, ...]]
"""A domain and `by` columns: all rules with the same ones have the same digest."""


def seed_of(names: Sequence[str]) -> Composable:
    """Return the text of `by` columns; NULL if there is one and it is NULL."""
    if len(names) == 1:
        return t("{name}::text", name=sql.Identifier(names[0]))
    separator = sql.SQL("E'\\x1f'")
    return sql.SQL(" || ").join(
        t("coalesce({name}::text, '') || {separator}", name=sql.Identifier(name), separator=separator) for name in names
    )


@dataclass(frozen=True)
class Context:
    """What an expression is made from. one: makes the expression of a value inside a JSON document."""

    rule: Rule
    type: ValueType
    language: str
    lists: Mapping[str, Words]
    place: Callable[[str], int]
    one: Callable[[Rule, Composable, ValueType], Composable]
    joined: Mapping[Shared, Composable]
    """Digests that the query computes once for a row."""

    @property
    def domain(self) -> str:
        """Return the rule's domain."""
        return str(self.rule.options.get("domain", self.rule.kind))

    @property
    def position(self) -> int:
        """Return the place of the rule's domain among the subkeys."""
        return self.place(self.domain)

    def number(self, option: str, default: int) -> int:
        """Return an option that is a number."""
        return int(str(self.rule.options.get(option, default)))

    def text(self, option: str, default: str) -> str:
        """Return an option that is a text."""
        return str(self.rule.options.get(option, default))

    @property
    def words(self) -> Words:
        """Return the words of the rule's language."""
        return self.lists[self.text("language", self.language)]

    def seed(self, value: Composable) -> Composable:
        """Return the text that the result is computed from: the value's, or that of the `by` columns."""
        if not self.rule.by:
            return t("{value}::text", value=value)
        return t("coalesce({given}, {value}::text)", given=seed_of(self.rule.by), value=value)

    def digest(self, value: Composable) -> Composable:
        """Return the digest of the seed, to be used once: the planner computes it anew for each use."""
        joined = self.joined.get((self.domain, self.rule.by))
        if joined is None:
            return hmac(self.position, self.seed(value))
        return t("coalesce({joined}, {own})", joined=joined, own=hmac(self.position, t("{value}::text", value=value)))

    def digested(self, value: Composable, result: Composable) -> Composable:
        """Return a subquery of `result`, in which `d.b` is the digest of the seed."""
        return t("(SELECT {result} FROM (SELECT {digest} AS b OFFSET 0) d)", result=result, digest=self.digest(value))

    def hexed(self, value: Composable, result: Composable) -> Composable:
        """Return a subquery of `result`, in which `d.h` is the digest of the seed in hexadecimal digits."""
        digest = t("encode({digest}, 'hex')", digest=self.digest(value))
        return t("(SELECT {result} FROM (SELECT {digest} AS h OFFSET 0) d)", result=result, digest=digest)


def chunk(index: int) -> Composable:
    """Return the SQL of a 24-bit whole number, an integer: one of the eight in the digest `d.b`."""
    first = 3 * index
    return sql.SQL(f"((get_byte(d.b, {first}) << 16) | (get_byte(d.b, {first + 1}) << 8) | get_byte(d.b, {first + 2}))")


def tag(digest: Composable) -> Composable:
    """Return the SQL of 16 hexadecimal digits: the digest's last 8 bytes, which no chunk of a word uses."""
    return t("encode(substr({digest}, 25, 8), 'hex')", digest=digest)


def picked(words: Sequence[str], index: int) -> Composable:
    """Return the SQL of one of the words, chosen by one of the digest's numbers.

    The words stand in a bytea at equal distances: an array's element is found only by walking through all before it.
    """
    encoded = [word.encode() for word in words]
    width = max(map(len, encoded))
    return t(
        "rtrim(convert_from(substr({words}, 1 + {width} * ({chunk} % {count}), {width}), 'UTF8'))",
        words=sql.Literal(b"".join(one.ljust(width) for one in encoded)),
        width=sql.Literal(width),
        chunk=chunk(index),
        count=sql.Literal(len(words)),
    )
