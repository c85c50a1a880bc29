"""Digits and numbers exchanged one to one under a key, as SQL: a Feistel network in subqueries.

A value is cut into two halves. In each of eight rounds a keyed number, computed from one half, is added to the other
half (as in NIST's FF3-1, with HMAC-SHA256 for the round function). Each round can be undone, so no two values become
one. OFFSET 0 keeps the planner from pulling a subquery up; otherwise each round would be computed twice for the next.
"""

from psycopg2 import sql

from datareplication.jobs.postgres.mask_key import hmac

ROUNDS = 8
BLOCK_DIGITS = 36
"""Two halves of 18 digits: 10^18 is the largest power of ten that a bigint holds. More digits make several blocks."""


def exchanged(text: sql.Composable, position: int, keep: int = 0) -> sql.Composable:
    """Return a text with its ASCII digits exchanged, except the first `keep`; all other characters stay.

    position: the domain's.

    Texts that differ only in their digits stay different.
    """
    digits = sql.SQL("regexp_replace(value, '[^0-9]', '', 'g')")
    moved = sql.SQL("left(digits, {keep}) || {blocks}").format(
        keep=sql.Literal(keep), blocks=_blocks(sql.SQL("substr(digits, {})").format(sql.Literal(keep + 1)), position)
    )
    return sql.SQL(
        "(SELECT CASE WHEN digits = value THEN moved ELSE {put} END FROM "
        "(SELECT value, digits, {moved} AS moved FROM "
        "(SELECT value, {digits} AS digits FROM (SELECT {text} AS value OFFSET 0) a OFFSET 0) b OFFSET 0) c)"
    ).format(put=put_back(sql.SQL("value"), sql.SQL("moved")), moved=moved, digits=digits, text=text)


def number(value: sql.Composable, position: int, least: int, greatest: int) -> sql.Composable:
    """Return a whole number of a range exchanged for another; a number outside of the range is an error of the server.

    The network exchanges a * b numbers, a few more than the range has. A result outside of the range is exchanged again
    until it is inside, which keeps the exchange one to one (cycle walking).
    """
    size = greatest - least + 1
    high = _root(size)
    low = -(-size // high)
    modulus = sql.Literal(low)
    halves = sql.SQL(
        "SELECT x / {low} AS l, x % {low} AS r, {high}::int8 AS ml, {low}::int8 AS mr, '' AS tweak OFFSET 0"
    )
    step = _network(halves.format(low=modulus, high=sql.Literal(high)), position)
    offset, count = sql.Literal(least), sql.Literal(size)
    checked = sql.SQL(
        "CASE WHEN {value}::numeric BETWEEN {least} AND {greatest} THEN {value}::numeric::int8 - {least}::int8 "
        "ELSE ('a number outside of the range of its masking rule' || left({value}::text, 0))::int8 END"
    ).format(value=value, least=offset, greatest=sql.Literal(greatest))
    text = (
        "(WITH RECURSIVE walked(x, turn) AS (SELECT {checked}, 0 UNION ALL "
        "SELECT {step}, turn + 1 FROM walked WHERE turn = 0 OR x >= {count}) "
        "SELECT x + {least}::int8 FROM walked ORDER BY turn DESC LIMIT 1)"
    )
    return sql.SQL(text).format(
        checked=checked,
        step=sql.SQL("(SELECT l * {low} + r FROM {step})").format(low=modulus, step=step),
        count=count,
        least=offset,
    )


def _root(size: int) -> int:
    root = max(int(size**0.5), 1)
    while root * root < size:
        root += 1
    return root


def _network(halves: sql.Composable, position: int) -> sql.Composable:
    """Return a subquery with the columns l and r after all rounds. halves: a query of l, r, ml, mr (moduli), tweak."""
    found = halves
    for turn in range(ROUNDS):
        this, other = ("l", "r") if turn % 2 == 0 else ("r", "l")
        message = sql.SQL("{turn} || tweak || '|' || {other}").format(
            turn=sql.Literal(f"{turn}|"), other=sql.SQL(f"s.{other}")
        )
        moved = sql.SQL("({this} + ('x' || left(encode({digest}, 'hex'), 15))::bit(60)::int8) % {modulus}").format(
            this=sql.SQL(f"s.{this}"), digest=hmac(position, message), modulus=sql.SQL(f"s.m{this}")
        )
        columns = sql.SQL("{moved} AS l, s.r" if this == "l" else "s.l, {moved} AS r").format(moved=moved)
        found = sql.SQL("SELECT {columns}, s.ml, s.mr, s.tweak FROM ({inner}) s OFFSET 0").format(
            columns=columns, inner=found
        )
    return sql.SQL("({}) network").format(found)


def _blocks(digits: sql.Composable, position: int) -> sql.Composable:
    """Return digits exchanged block by block; most texts have one block."""
    block = sql.SQL("substr({digits}, {size} * block + 1, {size})").format(
        digits=digits, size=sql.Literal(BLOCK_DIGITS)
    )
    one = _block(block, sql.SQL("block"), position)
    first = _block(digits, sql.SQL("0"), position)
    return sql.SQL(
        "CASE WHEN length({digits}) <= {size} THEN {first} ELSE "
        "(SELECT string_agg({one}, '' ORDER BY block) "
        "FROM generate_series(0, (length({digits}) - 1) / {size}) block) END"
    ).format(digits=digits, size=sql.Literal(BLOCK_DIGITS), first=first, one=one)


def _block(digits: sql.Composable, number_of_block: sql.Composable, position: int) -> sql.Composable:
    halves = sql.SQL(
        "SELECT ('0' || left(d, u))::int8 AS l, ('0' || substr(d, u + 1))::int8 AS r, "
        "('1' || repeat('0', u))::int8 AS ml, ('1' || repeat('0', length(d) - u))::int8 AS mr, "
        "length(d) || '|' || {block} AS tweak "
        "FROM (SELECT d, length(d) / 2 AS u FROM (SELECT {digits} AS d OFFSET 0) e OFFSET 0) f OFFSET 0"
    ).format(digits=digits, block=number_of_block)
    # A half has as many digits as its modulus has zeros.
    return sql.SQL(
        "(SELECT CASE WHEN ml > 1 THEN lpad(l::text, length(ml::text) - 1, '0') ELSE '' END || "
        "CASE WHEN mr > 1 THEN lpad(r::text, length(mr::text) - 1, '0') ELSE '' END FROM {network})"
    ).format(network=_network(halves, position))


def put_back(text: sql.Composable, digits: sql.Composable) -> sql.Composable:
    """Return a text with its digits replaced by `digits`, one after the other."""
    return sql.SQL(
        "(SELECT string_agg(CASE WHEN is_digit THEN substr({digits}, place::int, 1) ELSE c END, '' ORDER BY i) FROM "
        "(SELECT c, i, is_digit, count(*) FILTER (WHERE is_digit) OVER (ORDER BY i) AS place FROM "
        "(SELECT c, i, strpos('0123456789', c) > 0 AS is_digit FROM string_to_table({text}, NULL) "
        "WITH ORDINALITY AS chars(c, i)) x) y)"
    ).format(text=text, digits=digits)
