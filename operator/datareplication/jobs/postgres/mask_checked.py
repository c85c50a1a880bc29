"""Numbers that begin or end with check digits, as SQL: the digits are exchanged, and the check digits are correct.

A text without the form of such a number gets its digits exchanged too, so that no number passes unmasked.
"""

from psycopg2 import sql

from datareplication.jobs.postgres import mask_digits

Composable = sql.Composable


def iban(text: Composable, position: int) -> Composable:
    """Return an IBAN of the same country and length (ISO 13616: modulo 97 of the rearranged number is 1).

    The letters of the account number stay: they name a bank. If the value has spaces, the result has one after each
    four characters.
    """
    account = mask_digits.exchanged(sql.SQL("substr(compact, 5)"), position)
    other = mask_digits.exchanged(sql.SQL("v"), position)
    return sql.SQL(
        "(SELECT CASE WHEN compact ~ '^[A-Z]{{2}}[0-9]{{2}}[A-Z0-9]{{11,30}}$' THEN "
        "(SELECT CASE WHEN strpos(v, ' ') > 0 THEN regexp_replace(made, '(.{{4}})(?!$)', '\\1 ', 'g') ELSE made END "
        "FROM (SELECT country || lpad((98 - {rest} % 97)::text, 2, '0') || account AS made "
        "FROM (SELECT left(compact, 2) AS country, {account} AS account OFFSET 0) b OFFSET 0) c) "
        "ELSE {other} END "
        "FROM (SELECT v, upper(replace(v, ' ', '')) AS compact FROM (SELECT {text} AS v OFFSET 0) z OFFSET 0) a)"
    ).format(rest=_as_number(sql.SQL("account || country || '00'")), account=account, other=other, text=text)


def card(text: Composable, position: int) -> Composable:
    """Return a card number of the same length and first digit (ISO/IEC 7812: Luhn's check digit); separators stay."""
    moved = mask_digits.exchanged(sql.SQL("left(digits, -1)"), position, keep=1)
    other = mask_digits.exchanged(sql.SQL("v"), position)
    # From the right, the first and then every second digit of the payload is doubled; the digits of the double add up.
    luhn = (
        "(SELECT sum(CASE WHEN (length(payload) - place) % 2 = 0 THEN digit * 2 / 10 + digit * 2 % 10 ELSE digit END) "
        "FROM (SELECT c::int AS digit, place FROM string_to_table(payload, NULL) WITH ORDINALITY AS s(c, place)) d)"
    )
    made = sql.SQL(
        "(SELECT payload || ((10 - {luhn} % 10) % 10)::text FROM (SELECT {moved} AS payload OFFSET 0) p)"
    ).format(luhn=sql.SQL(luhn), moved=moved)
    return sql.SQL(
        "(SELECT CASE WHEN digits ~ '^[0-9]{{12,19}}$' AND v ~ '^[0-9 -]+$' THEN {put} ELSE {other} END FROM "
        "(SELECT v, regexp_replace(v, '[^0-9]', '', 'g') AS digits FROM (SELECT {text} AS v OFFSET 0) z OFFSET 0) a)"
    ).format(put=mask_digits.put_back(sql.SQL("v"), made), other=other, text=text)


def _as_number(text: Composable) -> Composable:
    """Return a text as one number: its digits as they are, its letters as two digits (A is 10)."""
    return sql.SQL(
        "(SELECT string_agg(CASE WHEN c BETWEEN '0' AND '9' THEN c ELSE (ascii(c) - 55)::text END, '' ORDER BY place)"
        "::numeric FROM string_to_table({text}, NULL) WITH ORDINALITY AS s(c, place))"
    ).format(text=text)
