"""Texts masked character by character, and addresses, as SQL."""

from collections.abc import Callable

from psycopg2 import sql

Composable = sql.Composable


def partial(value: Composable, first: int, last: int, sign: str) -> Composable:
    """Return a text that keeps its first and last characters. A text no longer than first + last becomes all signs."""
    return sql.SQL(
        "(SELECT CASE WHEN length(v) > {first} + {last} "
        "THEN left(v, {first}) || repeat({sign}, length(v) - {first} - {last}) || right(v, {last}) "
        "ELSE repeat({sign}, length(v)) END FROM (SELECT {value}::text AS v OFFSET 0) a)"
    ).format(value=value, first=sql.Literal(first), last=sql.Literal(last), sign=sql.Literal(sign))


def shaped(text: Composable, digest: Composable) -> Composable:
    """Return as many characters of the same classes (letters, digits); other ASCII characters stay.

    A character beyond ASCII becomes a letter, because its class depends on the database's locale. Each character uses
    one byte of a stream that is derived from the digest.
    """
    return sql.SQL(
        "(SELECT coalesce(string_agg(CASE "
        "WHEN strpos('0123456789', c) > 0 THEN chr(48 + byte % 10) "
        "WHEN strpos('ABCDEFGHIJKLMNOPQRSTUVWXYZ', c) > 0 THEN chr(65 + byte % 26) "
        "WHEN octet_length(c) > 1 OR strpos('abcdefghijklmnopqrstuvwxyz', c) > 0 THEN chr(97 + byte % 26) "
        "ELSE c END, '' ORDER BY place), '') FROM "
        "(SELECT c, place, get_byte(stream, place::int - 1) AS byte FROM "
        "(SELECT v, (SELECT string_agg(sha256(h || int4send(block)), ''::bytea ORDER BY block) "
        "FROM generate_series(0, length(v) / 32) block) AS stream "
        "FROM (SELECT {text} AS v, {digest} AS h OFFSET 0) a OFFSET 0) b, "
        "string_to_table(v, NULL) WITH ORDINALITY AS chars(c, place)) s)"
    ).format(text=text, digest=digest)


def address(value: Composable, digested: Callable[[Composable], Composable], *, is_text: bool) -> Composable:
    """Return an address of 10.0.0.0/8 or fd00::/8. A network's mask stays. digested: Context.hexed of the value."""
    byte = "(('x' || substr(d.h, {}, 2))::bit(8)::int)"
    four = sql.SQL("'10.' || " + " || '.' || ".join(byte.format(at) for at in (1, 3, 5)))
    six = sql.SQL("'fd' || substr(d.h, 1, 2)" + "".join(f" || ':' || substr(d.h, {at}, 4)" for at in range(3, 31, 4)))
    is_six = sql.SQL("strpos({value}::text, ':') > 0").format(value=value)
    mask = sql.SQL("") if is_text else sql.SQL(" || '/' || masklen({value})").format(value=value)
    return digested(
        sql.SQL("CASE WHEN {is_six} THEN {six} ELSE {four} END{mask}").format(
            is_six=is_six, six=six, four=four, mask=mask
        )
    )
