"""Masking rules as SQL: for each rule an expression over the column, for every PostgreSQL from 14 on.

It owns the expressions. NULL stays NULL. A result is cast to the domain's base type, never to the domain: its CHECK
would run in the source. A digest that is used twice comes from a subquery with OFFSET 0, which the planner does not
pull up.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from psycopg2 import sql

from datareplication.jobs.model.masking import paths
from datareplication.jobs.model.masking.families import BITS, ValueType
from datareplication.jobs.model.masking.rules import Rule
from datareplication.jobs.model.masking.words import Words
from datareplication.jobs.postgres import mask_checked, mask_digits, mask_json, mask_texts
from datareplication.jobs.postgres.mask_context import Composable, Context, Shared, chunk, picked, t, tag


@dataclass(frozen=True)
class Masker:
    """Makes expressions for one source."""

    words: Mapping[str, Words]
    """Language -> its word lists."""

    language: str
    domains: list[str] = field(default_factory=list)
    """The domains used so far, in order."""

    joined: Mapping[Shared, Composable] = field(default_factory=dict)
    """Digests that the query computes once for a row."""

    def expression(self, rule: Rule, column: str, kind: ValueType) -> Composable:
        """Return the SQL of a column's masked value in a query over its table, with the column's type."""
        name = sql.Identifier(column)
        if rule.kind == "Keep":
            return name
        if rule.kind == "Null":
            return t("NULL::{type}", type=_whole(kind))
        if rule.kind == "Sql":
            return t("({expression})::{type}", expression=_written(rule), type=_whole(kind))
        if not kind.is_array:
            return self.one(rule, name, kind)
        element = sql.SQL("elements.value")
        return t(
            "CASE WHEN array_ndims({name}) > 1 THEN {refused} WHEN {name} IS NOT NULL THEN "
            "(SELECT coalesce(array_agg({one} ORDER BY elements.place), '{{}}') "
            "FROM unnest({name}) WITH ORDINALITY AS elements(value, place))::{type}[] END",
            name=name,
            refused=t(
                "array[('a masked array of several dimensions' || left({name}::text, 0))::int8]::text::{type}[]",
                name=name,
                type=_type(kind),
            ),
            one=self.one(rule, element, kind),
            type=_type(kind),
        )

    def one(self, rule: Rule, value: Composable, kind: ValueType) -> Composable:
        """Return the SQL of one masked value: a column's, or an array's element."""
        made = _MAKERS[rule.kind](self._context(rule, kind), value)
        if kind.length is not None:
            made = t("left({made}, {length})", made=made, length=sql.Literal(kind.length))
        return t("CASE WHEN {value} IS NOT NULL THEN ({made})::{type} END", value=value, made=made, type=_type(kind))

    def _context(self, rule: Rule, kind: ValueType) -> Context:
        return Context(rule, kind, self.language, self.words, self.position, self.one, self.joined)

    def position(self, domain: str) -> int:
        """Return the place of a domain among the subkeys, from 1."""
        if domain not in self.domains:
            self.domains.append(domain)
        return self.domains.index(domain) + 1


def _fixed(context: Context, _: Composable) -> Composable:
    return sql.Literal(context.text("value", ""))


def _hash(context: Context, value: Composable) -> Composable:
    length = min(context.number("length", 32), context.type.length or 64)
    digits = t(
        "encode(substr({digest}, 1, {bytes}), 'hex')",
        digest=context.digest(value),
        bytes=sql.Literal(-(-length // 2)),
    )
    return t("left({digits}, {length})", digits=digits, length=sql.Literal(length)) if length % 2 else digits


def _uuid(context: Context, value: Composable) -> Composable:
    return context.hexed(
        value,
        sql.SQL(
            "left(d.h, 8) || '-' || substr(d.h, 9, 4) || '-8' || substr(d.h, 14, 3) || '-' || "
            "substr('89ab', 1 + ('x' || substr(d.h, 17, 1))::bit(4)::int % 4, 1) || substr(d.h, 18, 3) || '-' || "
            "substr(d.h, 21, 12)"
        ),
    )


def _email(context: Context, value: Composable) -> Composable:
    words, host = context.words, context.text("host", "example.com")
    end = t("{tag} || {host}", tag=tag(sql.SQL("d.b")), host=sql.Literal("@" + host))
    longest = max(map(len, words.plain_first_names)) + max(map(len, words.plain_last_names)) + 2 + 16 + 1 + len(host)
    if context.type.length is not None and context.type.length < longest:
        return context.digested(value, t("'u' || {end}", end=end))
    first, last = picked(words.plain_first_names, 0), picked(words.plain_last_names, 1)
    return context.digested(value, t("{first} || '.' || {last} || '.' || {end}", first=first, last=last, end=end))


def _name(context: Context, value: Composable) -> Composable:
    first, last = picked(context.words.first_names, 0), picked(context.words.last_names, 1)
    return context.digested(value, t("{first} || ' ' || {last}", first=first, last=last))


def _company(context: Context, value: Composable) -> Composable:
    stem, form = picked(context.words.last_names, 1), picked(context.words.company_forms, 2)
    return context.digested(value, t("{stem} || ' ' || {form}", stem=stem, form=form))


def _street(context: Context, value: Composable) -> Composable:
    street = picked(context.words.streets, 0)
    number = t("(1 + {chunk} % 199)::text", chunk=chunk(1))
    first, second = (number, street) if context.words.is_number_first else (street, number)
    return context.digested(value, t("{first} || ' ' || {second}", first=first, second=second))


def _one_word(lists: Callable[[Words], Sequence[str]], index: int) -> "Maker":
    return lambda context, value: context.digested(value, picked(lists(context.words), index))


def _digits(keep: int) -> "Maker":
    return lambda context, value: mask_digits.exchanged(
        t("{value}::text", value=value), context.position, context.number("keep", keep)
    )


def _integer(context: Context, value: Composable) -> Composable:
    least, greatest = context.number("from", 0), context.number("to", 2 ** BITS[context.type.name] - 1)
    return mask_digits.number(value, context.position, least, greatest)


def _shift_date(context: Context, value: Composable) -> Composable:
    days = sql.Literal(context.number("days", 365))
    unit = sql.SQL("") if context.type.family == "Date" else sql.SQL(" * interval '1 day'")
    # Never by 0 days; as many results are negative as positive.
    moved = t(
        "{value} + (CASE WHEN get_byte(d.b, 31) % 2 = 0 THEN 1 ELSE -1 END * (1 + {chunk} % {days})::int){unit}",
        value=value,
        chunk=chunk(0),
        days=days,
        unit=unit,
    )
    return context.digested(value, moved)


def _truncate(context: Context, value: Composable) -> Composable:
    to = context.text("to", "")
    if context.type.family in {"Date", "Timestamp"}:
        return t("date_trunc({unit}, {value})", unit=sql.Literal(to), value=value)
    return t("trunc({value}::numeric / {to}) * {to}", value=value, to=sql.Literal(int(to)))


def _noise(context: Context, value: Composable) -> Composable:
    share = t(
        "({chunk} % 2000001 - 1000000) / 1000000.0 * {percent} / 100",
        chunk=chunk(0),
        percent=sql.Literal(context.number("percent", 10)),
    )
    moved = t("{value}::numeric * (1 + {share})", value=value, share=share)
    if context.type.family == "Integer":
        most = sql.Literal(2 ** (BITS[context.type.name] + (context.type.name == "bigint")) - 1)
        moved = t("greatest(least(round({moved}), {most}), -{most})", moved=moved, most=most)
    elif context.type.largest is not None:
        largest = sql.SQL(context.type.largest)
        moved = t("greatest(least({moved}, {most}), -({most}))", moved=moved, most=largest)
    return context.digested(value, moved)


def _partial(context: Context, value: Composable) -> Composable:
    return mask_texts.partial(value, context.number("first", 1), context.number("last", 0), context.text("with", "*"))


def _replace(context: Context, value: Composable) -> Composable:
    pattern, given = sql.Literal(context.text("pattern", "")), sql.Literal(context.text("with", ""))
    return t("regexp_replace({value}::text, {pattern}, {given}, 'g')", value=value, pattern=pattern, given=given)


def _address(context: Context, value: Composable) -> Composable:
    return mask_texts.address(value, lambda result: context.hexed(value, result), is_text=context.type.family == "Text")


def _url(context: Context, value: Composable) -> Composable:
    host = sql.Literal(f"https://{context.text('host', 'example.com')}/")
    return t("{host} || {tag}", host=host, tag=tag(context.digest(value)))


def _text(context: Context, value: Composable) -> Composable:
    return mask_texts.shaped(t("{value}::text", value=value), context.digest(value))


def _iban(context: Context, value: Composable) -> Composable:
    return mask_checked.iban(t("{value}::text", value=value), context.position)


def _card(context: Context, value: Composable) -> Composable:
    return mask_checked.card(t("{value}::text", value=value), context.position)


def _whole(kind: ValueType) -> Composable:
    """Return the name of a column's type, with brackets if it is an array."""
    return sql.SQL(f"{kind.sql}[]" if kind.is_array else kind.sql)


def _type(kind: ValueType) -> Composable:
    """Return the type's name as format_type() gave it: with quotes where they are needed."""
    return sql.SQL(kind.sql)


def _written(rule: Rule) -> Composable:
    return sql.SQL(str(rule.options["expression"]))


def _json(context: Context, value: Composable) -> Composable:
    given = context.rule.options["paths"]
    root = paths.tree(given if isinstance(given, Mapping) else {})
    fails = context.text("unlisted", "Fail") == "Fail"
    return mask_json.document(root, value, context.one, fails=fails)


Maker = Callable[[Context, Composable], Composable]

_MAKERS: Mapping[str, Maker] = {
    "Fixed": _fixed,
    "Hash": _hash,
    "Uuid": _uuid,
    "Email": _email,
    "FirstName": _one_word(lambda words: words.first_names, 0),
    "LastName": _one_word(lambda words: words.last_names, 1),
    "Name": _name,
    "Company": _company,
    "Street": _street,
    "City": _one_word(lambda words: words.cities, 2),
    "Postcode": _text,
    "Phone": _digits(2),
    "Digits": _digits(0),
    "Integer": _integer,
    "ShiftDate": _shift_date,
    "Truncate": _truncate,
    "Noise": _noise,
    "Partial": _partial,
    "Replace": _replace,
    "Iban": _iban,
    "CreditCard": _card,
    "IpAddress": _address,
    "Url": _url,
    "Text": _text,
    "Json": _json,
}
