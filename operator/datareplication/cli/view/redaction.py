"""Takes out of an object or a log what must not be in a report: credentials, and values that may hold one. Pure.

Rather too much than too little: a name that sounds like a credential's loses its value. References to Secrets stay,
because they are names.
"""

import re
from collections.abc import Mapping
from typing import Any

MASK = "(redacted)"

KEPT_ANNOTATIONS = re.compile(r"(?!.*last-applied)([a-z0-9.-]*\.)?(datareplication\.dev|kubernetes\.io|k8s\.io)/.*")
"""Annotations of the operator and of Kubernetes itself."""

DROPPED = ("managedFields",)
"""Fields that say nothing about a failure, and repeat names of all others."""

_SOUNDS_SECRET = re.compile(
    r"pass(word|wd|phrase)?$|^pwd$|secret$|token$|credentials?$|authorization$|(api|access|private|signing|masking)_?-?key$"
    r"|connection_?string$|dsn$|cookie$",
    re.IGNORECASE,
)

_NAME = r"(?:passw(?:or)?d|passphrase|pwd|secret|token|credentials?|(?:api|access|private)[_-]?key)"
_QUOTED = r"\"(?:[^\"\\]|\\.){0,2000}(?:\"|$)|'(?:[^'\\]|\\.|''){0,2000}(?:'|$)"

IN_TEXT = (
    # A password in a URL may hold any sign but blanks, so it reaches up to the last @ of the word.
    (r"(\b[a-z][a-z0-9+.-]{0,20}://[^\s:/@]{0,200}):[^\s]{1,200}@", rf"\1:{MASK}@"),
    (
        r"\b(authorization\\*[\"']?\s{0,9}[:=]\s{0,9}\\*[\"']?)(?:(?:bearer|basic|token)\s{1,9})?[^\s\"',;]+",
        rf"\1{MASK}",
    ),
    (r"\b(bearer|basic)\s{1,9}[A-Za-z0-9._~+/=-]{8,4000}", rf"\1 {MASK}"),
    # password=…, "password": "…", PGPASSWORD='…', and the same within a quoted text; then PASSWORD '…'
    (rf"({_NAME}\\*[\"']?\s{{0,9}}[:=]\s{{0,9}})(?:{_QUOTED}|[^\s,;&)}}\]]+)", rf"\1{MASK}"),
    (rf"\b(password\s{{1,9}})(?:{_QUOTED})", rf"\1{MASK}"),
    (r"\bSCRAM-SHA-\d+\$[^\s\"']+", MASK),
    (r"\bmd5[0-9a-f]{32}\b", MASK),
    (r"\beyJ[\w-]{5,2000}\.[\w-]{5,4000}\.[\w-]{0,2000}", MASK),
    (r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bgh[pousr]_\w{20,}|\bglpat-[\w-]{20,}|\bxox[abeoprs]-[\w-]{10,}", MASK),
    (r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|\Z)", MASK),
)
"""What looks like a credential within a text -> what is put in its place. Repetitions are bounded: strangers write the
text, and a search must not take longer than the text is long."""

_IN_TEXT = [(re.compile(pattern, re.IGNORECASE | re.DOTALL), instead) for pattern, instead in IN_TEXT]


def text(value: str) -> str:
    """Return a text without what looks like a credential."""
    for pattern, instead in _IN_TEXT:
        value = pattern.sub(instead, value)
    return value


def redacted(value: Any, key: str = "") -> Any:
    """Return a part of an object without credentials. key: the field that holds it."""
    if isinstance(value, Mapping):
        return {name: _field(name, part) for name, part in value.items() if name not in DROPPED}
    if isinstance(value, list | tuple):
        return [_variable(item) if key == "env" else redacted(item, key) for item in value]
    return text(value) if isinstance(value, str) else value


def _field(name: str, value: Any) -> Any:
    if name in ("annotations", "podAnnotations") and isinstance(value, Mapping):
        return {key: text(str(part)) if KEPT_ANNOTATIONS.fullmatch(key) else MASK for key, part in value.items()}
    if isinstance(value, str) and value and _SOUNDS_SECRET.search(name):
        return MASK
    return redacted(value, name)


def _variable(item: Any) -> Any:
    """Return a variable of a container: its name and references stay, its value goes."""
    if not isinstance(item, Mapping):
        return MASK
    return {name: MASK if name == "value" else redacted(part, name) for name, part in item.items()}
