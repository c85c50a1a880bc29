"""JSON masked by path, as SQL: a document is built anew from what the paths name.

A value that no path names is left out, or ends the query with an error that shows no data.
"""

from collections.abc import Callable
from itertools import count

from psycopg2 import sql

from datareplication.jobs.model.masking.families import ValueType
from datareplication.jobs.model.masking.paths import Branch
from datareplication.jobs.model.masking.rules import Rule

Composable = sql.Composable
TEXT = ValueType("Text", "text", "text")
NUMBER = ValueType("Number", "numeric", "numeric")
INTEGER = ValueType("Integer", "bigint", "bigint")
OF_NUMBERS = {"Noise": NUMBER, "Truncate": NUMBER, "Integer": INTEGER}

Masked = Callable[[Rule, Composable, ValueType], Composable]
"""Returns the SQL of a value masked by a rule."""


def document(root: Branch, value: Composable, masked: Masked, *, fails: bool) -> Composable:
    """Return the SQL of a masked document of type jsonb. fails: whether an unlisted value is an error."""
    return _Walk(masked, fails).at(root, sql.SQL("{value}::jsonb").format(value=value))


class _Walk:
    def __init__(self, masked: Masked, fails: bool) -> None:
        self._masked = masked
        self._fails = fails
        self._numbers = count()

    def at(self, branch: Branch, value: Composable) -> Composable:
        """Return the SQL of the masked value at a branch."""
        if branch.rule is not None:
            return self._ruled(branch.rule, value)
        cases = []
        if branch.fields:
            cases.append(sql.SQL("WHEN 'object' THEN {object}").format(object=self._object(branch, value)))
        if branch.items is not None:
            cases.append(sql.SQL("WHEN 'array' THEN {array}").format(array=self._array(branch.items, value)))
        return sql.SQL("CASE jsonb_typeof({value}) {cases} WHEN 'null' THEN 'null'::jsonb ELSE {unlisted} END").format(
            value=value, cases=sql.SQL(" ").join(cases), unlisted=self._unlisted(value)
        )

    def _ruled(self, rule: Rule, value: Composable) -> Composable:
        if rule.kind == "Keep":
            return value
        if rule.kind == "Null":
            return sql.SQL("'null'::jsonb")
        text = sql.SQL("({value} #>> '{{}}')").format(value=value)
        kind = OF_NUMBERS.get(rule.kind)
        wanted = "'number'" if kind else "'string', 'number', 'boolean'"
        if kind:
            text = sql.SQL("{text}::{type}").format(text=text, type=sql.SQL(kind.sql))
        return sql.SQL(
            "CASE WHEN jsonb_typeof({value}) = 'null' THEN 'null'::jsonb "
            "WHEN jsonb_typeof({value}) IN ({wanted}) THEN to_jsonb({masked}) ELSE {unlisted} END"
        ).format(
            value=value,
            wanted=sql.SQL(wanted),
            masked=self._masked(rule, text, kind or TEXT),
            unlisted=self._unlisted(value),
        )

    def _object(self, branch: Branch, value: Composable) -> Composable:
        name = f"f{next(self._numbers)}"
        key, item = sql.SQL(f"{name}.key"), sql.SQL(f"{name}.value")
        cases = sql.SQL(" ").join(
            sql.SQL("WHEN {name} THEN {made}").format(name=sql.Literal(field), made=self.at(below, item))
            for field, below in branch.fields.items()
        )
        chosen = sql.SQL("WHERE {key} = ANY ({names})").format(key=key, names=sql.Literal(list(branch.fields)))
        return sql.SQL(
            "(SELECT coalesce(jsonb_object_agg({key}, CASE {key} {cases} ELSE {unlisted} END), '{{}}') "
            "FROM jsonb_each({value}) AS {alias}(key, value) {chosen})"
        ).format(
            key=key,
            cases=cases,
            unlisted=self._unlisted(item),
            value=value,
            alias=sql.SQL(name),
            chosen=sql.SQL("") if self._fails else chosen,
        )

    def _array(self, items: Branch, value: Composable) -> Composable:
        name = f"i{next(self._numbers)}"
        return sql.SQL(
            "(SELECT coalesce(jsonb_agg({made} ORDER BY {place}), '[]') "
            "FROM jsonb_array_elements({value}) WITH ORDINALITY AS {alias}(value, place))"
        ).format(
            made=self.at(items, sql.SQL(f"{name}.value")),
            place=sql.SQL(f"{name}.place"),
            value=value,
            alias=sql.SQL(name),
        )

    def _unlisted(self, value: Composable) -> Composable:
        if not self._fails:
            return sql.SQL("'null'::jsonb")
        return sql.SQL(
            "('a value in JSON that no path of its masking rule names' || left({value}::text, 0))::int8::text::jsonb"
        ).format(value=value)
