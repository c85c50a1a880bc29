"""What in a text can tell who somebody is, in a form that every copy of the text shares. Pure.

A value's form does not depend on upper and lower case, on white space, or on how a number is written. The forms of
originals are computed in the source (`postgres/originals`, in SQL); here are the same forms for the texts of a target,
and the patterns that need no original. Only ASCII letters are folded, so that no server's locale matters.
"""

import re
import string
from collections.abc import Iterator
from typing import Literal

Form = Literal["Email", "Number", "Run", "Code", "Words"]
Pattern = Literal["EmailHost", "Card", "Iban"]
Kind = Form | Pattern

NUMBERS = frozenset({"Number", "Run"})
"""A run is a part of what looks like one number: a telephone number with a date behind it. It may be an original, but
is no payment card's: among the many runs some have right check digits."""

LEAST_DIGITS = 9
"""Of a number: fewer digits have too few values, and other columns hold equal numbers by chance."""

MOST_DIGITS = 40
LEAST_CODE = 16
"""Characters of a code: a token, a UUID, an IBAN."""

LEAST_WORDS = 8
"""Characters of words, such as a person's name."""

LEAST_WHOLE = 20
"""Characters of a whole value without white space, such as a URL."""

MOST_WORDS = 40_000
"""Bytes: longer texts are looked at for what is in them only."""

_FOLD = bytes.maketrans(string.ascii_uppercase.encode() + b"\t\n\r\f\v", string.ascii_lowercase.encode() + b" " * 5)
"""Upper case becomes lower case, and white space a space."""

_EMAIL = re.compile(
    rb"(?<![a-z0-9._%+\x80-\xff-])[a-z0-9._%+\x80-\xff-]{1,64}+@((?:[a-z0-9\x80-\xff-]{1,63}\.){1,8}[a-z\x80-\xff]{2,63})"
)
_NUMBER = re.compile(rb"(?<![0-9a-z])[0-9](?:[ ./()-]{0,3}[0-9]){8,39}(?![0-9a-z])")
_CARD = re.compile(
    rb"(?<![0-9a-z])(?=([0-9]{4}([ -])[0-9]{4}\2[0-9]{4}\2[0-9]{4}|[0-9]{4}([ -])[0-9]{6}\3[0-9]{4,5})(?![0-9a-z]))"
)
"""The groups of a payment card's number: an expiry date may stand behind them."""

_PUNCTUATION = re.compile(rb"\xc2[\x80-\xbf]|\xe2[\x80\x81][\x80-\xbf]|\xe3\x80[\x80-\xbf]")
"""Quotes, dashes and blanks beyond ASCII (in UTF-8), which are no part of an e-mail address."""

_GROUPS = re.compile(rb"(?<![0-9a-z])[0-9]{1,40}(?:[ ./()-]{1,3}[0-9]{1,40})++")
_GROUP = re.compile(rb"[0-9]+")
MOST_GROUPS = 7
MOST_OF_RUN = 19
"""Groups and digits of a run: telephone numbers have at most 15 digits (E.164)."""

_MANY_DIGITS = re.compile(rb"[0-9](?:[^0-9]{0,3}[0-9]){8}")
_DIGITS = re.compile(rb"(?<![0-9a-z])[0-9]{9,40}(?![0-9a-z])")
_CODE = re.compile(rb"(?<![0-9a-z_-])[0-9a-z_-]{16,200}+(?![0-9a-z_-])")
_IBAN = re.compile(rb"(?<![0-9a-z])[a-z]{2}[0-9]{2}(?: ?[0-9a-z]){11,30}")
_PARTICLES = b"von|van|der|den|zu|de|del|della|di|da|do|dos|das|du|des|la|las|los|le|y|e|bin|al|el|ter|ten|af|av"
_WORD = rb"(?:[A-Z]\.|[A-Z\xc3-\xf4][A-Za-z'\x80-\xff-]{1,40})"
_NEXT = rb" ((?:(?:" + _PARTICLES + rb") ){0,3}" + _WORD + rb")"
_NAMES = re.compile(
    rb"(?<![A-Za-z\x80-\xff'-])(?=(" + _WORD + rb")" + _NEXT + rb"(?:" + _NEXT + rb"(?:" + _NEXT + rb")?)?)"
)
_DIGIT, _LETTER = re.compile(rb"[0-9]"), re.compile(rb"[a-z]")
_NO_DIGIT = re.compile(rb"[^0-9]")

_HARMLESS_HOST = re.compile(
    rb"(?:.*\.)?(?:example\.(?:com|net|org)|example|test|invalid|localhost)"
    rb"|.*\.(?:png|jpe?g|gif|svg|webp|avif|ico|bmp|tiff?|pdf|tgz|gz|tar|jsx?|tsx|s?css|html?|xml|json|ya?ml|csv|txt|log"
    rb"|sql|woff2?|ttf|mp[34]|wav|exe|dll|jar|war|whl|deb|rpm|service|socket|timer)"
)
"""Hosts that nobody can own (RFC 2606), and names of files and units that look like addresses
(`logo@2x.png`, `getty@tty1.service`). None of these endings is a top-level domain."""


def forms(text: bytes) -> list[tuple[Form, bytes]]:
    """Return what a text has that may be an original: the whole of it, and what stands in it."""
    folded = text.translate(_FOLD)
    if b"  " in folded or folded.startswith(b" ") or folded.endswith(b" "):
        folded = b" ".join(folded.split())
    found: list[tuple[Form, bytes]] = []
    if _NUMBER.fullmatch(folded.lstrip(b"+(")):
        return [*(("Number", one) for one in _numbers(folded)), *_runs(folded)]
    if b"@" in folded:
        found += _emails(folded)
        if _EMAIL.fullmatch(folded):
            return found
    if _MANY_DIGITS.search(folded):
        found += (("Number", one) for one in _numbers(folded))
        found += _runs(folded)
        found += (("Code", one) for one in _ibans(folded))
    if len(folded) >= LEAST_CODE:
        found += (("Code", one[0]) for one in _CODE.finditer(folded) if _is_code(one[0]))
    if _may_be_words(folded):
        found.append(("Words", folded))
    if b" " in folded:
        found += (("Words", one) for one in _names(text))
    return list(dict.fromkeys(found)) if len(found) > 1 else found


def _may_be_words(folded: bytes) -> bool:
    """Return whether a whole value can be an original: words, or a long text without white space, such as a URL."""
    if b" " in folded:
        return LEAST_WORDS <= len(folded) <= MOST_WORDS
    return LEAST_WHOLE <= len(folded) <= MOST_WORDS and _is_code(folded) and not _CODE.fullmatch(folded)


def may_tell(text: bytes) -> bool:
    """Return whether a text has any form: a cheap answer for most values that have none."""
    return len(text) >= LEAST_CODE or b"@" in text or len(text.split(None, 1)) > 1 or bool(_MANY_DIGITS.search(text))


def _emails(folded: bytes) -> Iterator[tuple[Form, bytes]]:
    """Yield e-mail addresses; also with the punctuation beside them, as the source takes a whole value."""
    for one in _EMAIL.finditer(folded):
        yield ("Words" if _PUNCTUATION.search(one[0]) else "Email"), one[0]
    if _PUNCTUATION.search(folded):
        yield from _emails(_PUNCTUATION.sub(b" ", folded))


def _numbers(folded: bytes) -> set[bytes]:
    seen = {_number(_NO_DIGIT.sub(b"", found[0].replace(b"(0)", b""))) for found in _NUMBER.finditer(folded)}
    seen.update(_NO_DIGIT.sub(b"", found[1]) for found in _CARD.finditer(folded))
    return seen.union(_number(found[0]) for found in _DIGITS.finditer(folded))


def _number(digits: bytes) -> bytes:
    """Return a number's digits without the 00 that stands for the + of a telephone number."""
    return digits[2:] if digits.startswith(b"00") and len(digits) >= LEAST_DIGITS + 2 else digits


def _runs(folded: bytes) -> Iterator[tuple[Form, bytes]]:
    """Yield the digits of groups that stand next to each other: what stands beside a number may look like a part."""
    for found in _GROUPS.finditer(folded):
        groups = _GROUP.findall(found[0].replace(b"(0)", b" "))
        for start in range(len(groups)):
            run = b""
            for group in groups[start : start + MOST_GROUPS]:
                run += group
                if LEAST_DIGITS <= len(run) <= MOST_OF_RUN and run != group:
                    yield "Run", _number(run)


def _is_code(run: bytes) -> bool:
    return bool(_DIGIT.search(run) and _LETTER.search(run))


def _names(text: bytes) -> Iterator[bytes]:
    """Yield two to four words in a row that begin with capitals: most names in a sentence are written so."""
    for found in _NAMES.finditer(b" ".join(text.split())):
        name = found[1]
        for word in filter(None, found.groups()[1:]):
            name += b" " + word
            yield name.lower()


def host(email: bytes) -> bytes:
    """Return the host of an e-mail address; empty if nobody can own the address."""
    found = email.rpartition(b"@")[2]
    return b"" if _HARMLESS_HOST.fullmatch(found) else found


def card(number: bytes) -> bool | None:
    """Return whether a number's check digit is a payment card's; None if the number has another form than cards have.

    The forms are those of ISO/IEC 7812, as the networks publish them.
    """
    if len(number) in _CARD_DIGITS and any(
        low <= number[: len(low)].decode() <= high and len(number) in lengths for low, high, lengths in _CARDS
    ):
        return _luhn(number)
    return None


def iban(code: bytes) -> bool | None:
    """Return whether a code's check digits are an IBAN's; None if it has another form than IBANs have (ISO 13616)."""
    text = code.decode(errors="replace")
    if IBAN_LENGTHS.get(text[:2].upper()) != len(text) or not _IBAN.fullmatch(code):
        return None
    return int("".join(str(int(one, 36)) for one in text[4:] + text[:4])) % 97 == 1


_CARD_DIGITS = range(13, 20)

_CARDS: tuple[tuple[str, str, frozenset[int]], ...] = (
    ("4", "4", frozenset({13, 16, 19})),
    ("51", "55", frozenset({16})),
    ("2221", "2720", frozenset({16})),
    ("34", "34", frozenset({15})),
    ("37", "37", frozenset({15})),
    ("36", "36", frozenset({14})),
    ("38", "39", frozenset({14})),
    ("6011", "6011", frozenset(range(16, 20))),
    ("62", "62", frozenset(range(16, 20))),
    ("644", "659", frozenset(range(16, 20))),
    ("3528", "3589", frozenset(range(16, 20))),
)
"""The least and the greatest first digits, and how many digits there are."""


def _luhn(number: bytes) -> bool:
    digits = [int(one) for one in reversed(number.decode())]
    doubled = (2 * one - 9 * (one > 4) for one in digits[1::2])  # noqa: PLR2004 - two digits add up to nine less
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _ibans(folded: bytes) -> Iterator[bytes]:
    """Yield what has the form of an IBAN, without spaces. What stands behind it may look like a part of it."""
    for found in _IBAN.finditer(folded):
        if length := IBAN_LENGTHS.get(found[0][:2].upper().decode(), 0):
            # Groups of any size: take as many characters as the country's IBANs have, and look where they end.
            taken = re.match(rb"(?: ?[0-9a-z]){%d}(?![0-9a-z])" % length, found[0])
            if taken and not (taken.end() == len(found[0]) and folded[found.end() : found.end() + 1].isalnum()):
                yield taken[0].replace(b" ", b"")


IBAN_LENGTHS = {
    country: int(length)
    for country, length in re.findall(
        r"([A-Z]{2})(\d\d)",
        "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18 "
        "FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 "
        "LU20 LV21 LY25 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24 "
        "SI19 SK24 SM27 SN28 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20",
    )
}
"""Country -> characters of its IBANs, from the registry of ISO 13616."""
