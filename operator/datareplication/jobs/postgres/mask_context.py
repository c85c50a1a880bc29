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


@dataclass(frozen=True)
class Context:
    """What an expression is made from. one: makes the expression of a value inside a JSON document."""

    rule: Rule
    type: ValueType
    language: str
    lists: Mapping[str, Words]
    place: Callable[[str], int]
    one: Callable[[Rule, Composable, ValueType], Composable]

    @property
    def position(self) -> int:
        """Return the place of the rule's domain among the subkeys."""
        return self.place(str(self.rule.options.get("domain", self.rule.kind)))

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
        names = self.rule.by
        if not names:
            return t("{value}::text", value=value)
        given = sql.SQL(" || ").join(
            t("coalesce({name}::text, '') || {separator}", name=sql.Identifier(name), separator=sql.SQL("E'\\x1f'"))
            if len(names) > 1
            else t("{name}::text", name=sql.Identifier(name))
            for name in names
        )
        return t("coalesce({given}, {value}::text)", given=given, value=value)

    def digested(self, value: Composable, result: Composable) -> Composable:
        """Return a subquery of `result`, in which `d.h` is the digest of the seed in hexadecimal digits."""
        digest = hmac(self.position, self.seed(value))
        return t(
            "(SELECT {result} FROM (SELECT encode({digest}, 'hex') AS h OFFSET 0) d)", result=result, digest=digest
        )


def chunk(index: int) -> Composable:
    """Return the SQL of a 56-bit whole number: one of the four in the digest `d.h`."""
    return t("('x' || substr(d.h, {start}, 14))::bit(56)::int8", start=sql.Literal(1 + 14 * index))


def picked(words: Sequence[str], index: int) -> Composable:
    """Return the SQL of one of the words, chosen by one of the digest's numbers."""
    return t(
        "({words}::text[])[1 + {chunk} % {count}]",
        words=sql.Literal(list(words)),
        chunk=chunk(index),
        count=sql.Literal(len(words)),
    )
