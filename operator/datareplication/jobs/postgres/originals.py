"""Digests of a masked column's original values, computed in the source: no original value leaves it.

An original counts in the forms of `model/masking/telling`, unless the masked value has the same form. The digest is
HMAC-SHA256 by the domain of the leak gate, cut to 8 bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg2 import sql

from datareplication.errors import ReplicationError
from datareplication.jobs.model.masking.families import ValueType
from datareplication.jobs.model.masking.leaks import DIGEST_BYTES, Wanted
from datareplication.jobs.model.masking.telling import IBAN_LENGTHS
from datareplication.jobs.model.tables import Table
from datareplication.jobs.postgres.connection import Session, execute, identifier, rows
from datareplication.jobs.postgres.mask_key import hmac

SECONDS = 10
"""Limit of the query for one column."""

COMMON_ROWS = 3
COMMON_SHARE = 200
"""A value in more than 3 rows, and in more than one of 200, is a phrase that many share, not somebody's."""

_FORM = r"""
    SELECT CASE
        WHEN is_address AND folded ~ (
            '^([a-z0-9._%+-]|[^\u0001-\u007f]){{1,64}}@(([a-z0-9-]|[^\u0001-\u007f]){{1,63}}[.]){{1,8}}'
            '([a-z]|[^\u0001-\u007f]){{2,63}}$') THEN folded
        WHEN is_address AND folded ~ ('^[^@ ]*[]!"#$&''()*,/:;<=>?[\\^`{{|}}~]([a-z0-9._%+-]|[^\u0001-\u007f]){{1,64}}@'
                       '(([a-z0-9-]|[^\u0001-\u007f]){{1,63}}[.]){{1,8}}([a-z]|[^\u0001-\u007f]){{2,63}}$')
            THEN substring(folded FROM '^.*[]!"#$&''()*,/:;<=>?[\\^`{{|}}~]([^@]+@.*)$')
        WHEN strpos('0123456789+(', left(folded, 1)) > 0 AND folded ~ '^[+(]*[0-9]([ ./()-]{{0,3}}[0-9]){{8,39}}$'
            THEN regexp_replace(
                translate(replace(ltrim(folded, '+('), '(0)', ''), ' +./()-', ''), '^00(?=[0-9]{{9}})', '')
        WHEN strpos('0123456789', substr(folded, 3, 1)) > 0
            AND folded ~ '^[a-z]{{2}}[0-9]{{2}}( ?[0-9a-z]){{11,30}}$' AND replace(folded, ' ', '') ~ {ibans}
            THEN replace(folded, ' ', '')
        WHEN NOT has_space AND folded ~ '^[0-9a-z_-]{{16,200}}$' AND folded ~ '[0-9]' AND folded ~ '[a-z]' THEN folded
        WHEN has_space THEN CASE WHEN char_length(folded) >= {least} THEN folded END
        WHEN char_length(folded) >= 20 AND folded ~ '[0-9]' AND folded ~ '[a-z]' THEN folded
        END AS form
    FROM (SELECT folded, strpos(folded, '@') > 0 AS is_address, strpos(folded, ' ') > 0 AS has_space FROM (
        SELECT lower(btrim(CASE WHEN strpos(plain, '  ') > 0 THEN regexp_replace(plain, ' +', ' ', 'g') ELSE plain END)
                     COLLATE "C") AS folded
        FROM (SELECT translate(piece, E'\t\n\r\f\x0b', '     ') AS plain
              FROM unnest({pieces}) piece WHERE char_length(piece) BETWEEN 8 AND 10000) p OFFSET 0) f OFFSET 0) w
"""
"""The cheap conditions stand first: a regular expression takes microseconds."""

_IBANS = "^({})$".format("|".join(f"{country.lower()}.{{{n - 2}}}" for country, n in IBAN_LENGTHS.items()))

_DIGESTS = """
    WITH taken AS MATERIALIZED (
        SELECT {original} AS original{masked} FROM ONLY {table} {sample}
        WHERE {column} IS NOT NULL LIMIT {rows}
    )
    SELECT left(encode({digest}, 'hex'), {digits}) FROM (
        SELECT form FROM taken CROSS JOIN LATERAL (SELECT DISTINCT form FROM ({forms}) o) forms
        WHERE form IS NOT NULL {unchanged} AND NOT (position(' ' IN form) > 0 AND (
            SELECT bool_and(word = ANY ({words}::text[]))  -- a hash table since PostgreSQL 14; <@ compares all with all
            FROM string_to_table(translate(form, '0123456789', ''), ' ') word))
        GROUP BY form HAVING count(*) <= greatest({common}, (SELECT count(*) FROM taken) / {share})
        LIMIT {rows}
    ) found
"""


@dataclass(frozen=True)
class Lookout:
    """How a table's originals are sampled. words: those of the word lists, folded: they are nobody's originals."""

    position: int
    """Of the leak gate's subkey."""

    words: Sequence[str]
    rows: int
    """The most rows, and the most digests of a column."""


def digests(session: Session, table: Table, wanted: Wanted, masked: sql.Composable, how: Lookout) -> str:
    """Return the digests of a column's originals, one behind the other; nothing if the query failed or took too long.

    session: in the dump's snapshot, with the masking keys. masked: the SQL of the column's masked value.
    """
    column, values = sql.Identifier(wanted.mask.column), wanted.mask.values
    parts = {
        "original": _pieces(column, values),
        "masked": sql.SQL(""),
        "unchanged": sql.SQL(""),
        "forms": forms(sql.SQL("taken.original"), wanted.least_words),
        "table": identifier(table.schema, table.name),
        "sample": _sample(table, how.rows),
        "column": column,
        "rows": sql.Literal(how.rows),
        "digest": hmac(how.position, sql.SQL("form")),
        "digits": sql.Literal(2 * DIGEST_BYTES),
        "common": sql.Literal(COMMON_ROWS),
        "share": sql.Literal(COMMON_SHARE),
        "words": sql.Literal(list(how.words)),
    }
    if wanted.may_stay:
        kept = forms(sql.SQL("taken.masked"), wanted.least_words)
        parts["masked"] = sql.SQL(", {} AS masked").format(_pieces(masked, values))
        parts["unchanged"] = sql.SQL("AND NOT EXISTS (SELECT FROM ({}) m WHERE m.form = forms.form)").format(kept)
    found = rows(session, sql.SQL(_DIGESTS).format(**parts), doing=f"sampling {table.schema}.{table.name}")
    return "".join(str(digest) for (digest,) in found)


def forms(pieces: sql.Composable, least_words: int) -> sql.Composable:
    """Return the query for the forms of texts. pieces: the SQL of text[]. least_words: the least length of words."""
    return sql.SQL(_FORM).format(pieces=pieces, least=sql.Literal(least_words), ibans=sql.Literal(_IBANS))


def tried(session: Session, table: Table, wanted: Wanted, masked: sql.Composable, how: Lookout) -> str | None:
    """Return the same; None if the query failed or took too long. The session's transaction goes on."""
    doing = f"sampling {table.schema}.{table.name}"
    execute(
        session,
        sql.SQL("SAVEPOINT sampling; SET LOCAL statement_timeout = {}").format(sql.Literal(f"{SECONDS}s")),
        doing=doing,
    )
    try:
        found: str | None = digests(session, table, wanted, masked, how)
    except ReplicationError:
        if session.closed:
            raise
        found = None
    execute(session, "ROLLBACK TO SAVEPOINT sampling; RELEASE SAVEPOINT sampling", doing=doing)
    return found


def _sample(table: Table, wanted: int) -> sql.Composable:
    """Return the clause that reads about twice as many rows as are wanted of a large table, at random."""
    if table.estimated_rows <= 4 * wanted:
        return sql.SQL("")
    return sql.SQL("TABLESAMPLE SYSTEM ({})").format(sql.Literal(max(200 * wanted / table.estimated_rows, 0.01)))


def _pieces(value: sql.Composable, values: ValueType) -> sql.Composable:
    """Return the SQL of the texts in a value, as text[]."""
    if values.family == "Json" and not values.is_array:
        return sql.SQL(
            "ARRAY(SELECT leaf #>> '{{}}' "
            "FROM jsonb_path_query(({})::jsonb, 'strict $.** ? (@.type() == \"string\")') leaf)"
        ).format(value)
    if values.is_array and values.family != "Other":
        return sql.SQL("({})::text[]").format(value)
    if values.family == "Other":
        # A composite, a range, an array of these: what stands between commas, brackets and quotes.
        return sql.SQL(
            "ARRAY(SELECT replace(coalesce(m[1], m[2]), '\"\"', '\"') FROM regexp_matches(({})::text, "
            '\'"((?:[^"\\\\]|\\\\.|"")*)"|([^",(){{}}\\[\\]]+)\', \'g\') m)'
        ).format(value)
    return sql.SQL("ARRAY[({})::text]").format(value)
