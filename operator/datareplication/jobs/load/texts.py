"""The texts in a value of a loaded database: what stands in quotes, between commas, brackets, names and numbers. Pure.

Every scan is linear and holds one text at a time, whatever the value is: a hostile source may have written it. So
documents are not parsed: a list of empty lists takes twenty times its size of memory, and a parser drops what a later
field of the same name replaces.
"""

import re
from collections.abc import Iterator

DEEPEST = 4
"""Levels of texts in each other: composites in arrays, documents in texts of documents."""

WINDOW = 1 << 20
"""Bytes of a text that are searched at once; what is found in more of them would fill the memory."""

OVERLAP = 2_000
"""Bytes that two windows have in common: more than anything that is looked for within a text has."""

_UNTIL_QUOTE = rb'[^"\\]*+(?:(?:\\.|"")[^"\\]*+)*+'
_PIECE = re.compile(rb'"(' + _UNTIL_QUOTE + rb')"?|([^",(){}\[\]]++)', re.DOTALL)
"""A quote without an end reaches to the end: otherwise each quote behind it would be tried again."""

_ESCAPED = re.compile(
    rb'\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})|\\u([0-9a-f]{4})|\\(.)|""', re.DOTALL | re.IGNORECASE
)
_SIGNS = {b"\\b": b"\b", b"\\f": b"\f", b"\\n": b"\n", b"\\r": b"\r", b"\\t": b"\t", b"\\v": b"\v"}
_STRUCTURED = re.compile(rb'[",(){}\[\]]')
_SPACE = re.compile(rb"\s")
_DOCUMENT = (b"{", b"[", b'"')


def unescaped(value: bytes) -> bytes:
    """Return a value of COPY's text format as it is in the table."""
    return b"\\".join(map(_with_signs, value.split(b"\\\\"))) if b"\\" in value else value


def _with_signs(part: bytes) -> bytes:
    """Return what stands between two escaped backslashes as it is in the table; a backslash at its end is one."""
    if b"\\" in part:
        for written, sign in _SIGNS.items():
            part = part.replace(written, sign)
    return part[:-1].replace(b"\\", b"") + part[-1:]


def of_text(value: bytes) -> Iterator[bytes]:
    """Yield a text, and the texts in it if it looks like a document: many documents are in columns of type text."""
    yield value
    if value.lstrip()[:1] in _DOCUMENT:
        yield from pieces(value)


def pieces(value: bytes, depth: int = 0) -> Iterator[bytes]:
    """Yield the texts of a document, an array, a composite, a range, or anything else, and the texts in these."""
    for found in _PIECE.finditer(value):
        piece = found[2] if found[1] is None else _plain(found[1])
        yield piece
        if found[1] and depth < DEEPEST and _STRUCTURED.search(piece):
            yield from pieces(piece, depth + 1)


def windows(text: bytes) -> Iterator[bytes]:
    """Yield a text in parts that have a little in common; a part ends at white space if there is some near its end."""
    start = 0
    while len(text) - start > WINDOW:
        end = start + WINDOW
        last = max((one.start() for one in _SPACE.finditer(text, end - OVERLAP, end)), default=end)
        yield text[start:last]
        first = _SPACE.search(text, last - OVERLAP, last)
        start = first.start() if first else last - OVERLAP
    yield text[start:] if start else text


def _plain(quoted: bytes) -> bytes:
    return _ESCAPED.sub(_sign, quoted) if b"\\" in quoted or b'""' in quoted else quoted


def _sign(found: re.Match[bytes]) -> bytes:
    high, low, single, other = found.groups()
    if high:
        return chr(0x10000 + ((int(high, 16) - 0xD800) << 10) + (int(low, 16) - 0xDC00)).encode()
    if single:
        return chr(int(single, 16)).encode("utf-8", "surrogatepass")
    return _SIGNS.get(other, other) if other else b'"'
