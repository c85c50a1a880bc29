"""Takes out of an object or a log what must not be in a report: credentials, and values that may hold one. Pure.

Rather too much than too little: a name that sounds like a credential's loses its value. References to Secrets stay,
because they are names.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

MASK = "(redacted)"

KEPT_ANNOTATIONS = re.compile(r"(?!.*last-applied)([a-z0-9.-]*\.)?(datareplication\.dev|kubernetes\.io|k8s\.io)/.*")
"""Annotations of the operator and of Kubernetes itself."""

DROPPED = ("managedFields",)
"""Fields that say nothing about a failure, and repeat names of all others."""

_KEY = r"(?:api|access|account|private|signing|masking|encryption|secret|shared)[_-]?keys?"

_SOUNDS_SECRET = re.compile(
    rf"pass(words?|wds?|phrases?)?$|^pw$|_pw$|^pwd$|secrets?$|tokens?$|credentials?$|authorization$|{_KEY}$"
    r"|connection_?string$|dsn$|cookie$|signature$",
    re.IGNORECASE,
)

_NAME = (
    r"(?:passw(?:or)?ds?|passphrases?|pwd|(?<![a-z])pass|(?<![a-z])pw|secrets?|tokens?|credentials?|signature|"
    rf"{_KEY})"
)
_QUOTED = (
    r"\"(?:[^\"\\]|\\.){0,2000}(?:\"|$)|'(?:[^'\\]|\\.|''){0,2000}(?:'|$)"
    # within a text that is quoted itself
    r"|\\{1,9}\"[^\"\\]{0,2000}(?:\\{1,9}\"|$)"
)

IN_TEXT = (
    (r"(\bhooks\.slack\.com/)[^\s\"'<>]{1,500}", rf"\1{MASK}"),
    (r"([?&](?:sig|code|key)=)[^\s&\"'<>]{1,4000}", rf"\1{MASK}"),
    # an option of a command line; what follows it may be a word of its own
    (rf"((?<![\w-])--?[a-z0-9-]{{0,40}}{_NAME}\s{{1,9}})(?:{_QUOTED}|[^\s\"']+)", rf"\1{MASK}"),
    (r"\b(identified\s{1,9}by\s{1,9})(?:[^\s;,]+)", rf"\1{MASK}"),
    (r"\b((?:set-)?cookie\\*[\"']?\s{0,9}[:=]\s{0,9})[^\r\n\"']+", rf"\1{MASK}"),
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
    (r"(?<![\w-])eyJ[\w-]{5,2000}\.[\w-]{5,4000}\.[\w-]{0,2000}", MASK),
    (r"\bwhsec_[A-Za-z0-9+/=]{8,}|\bhv[sb]\.[\w-]{20,}|\bsk-[\w-]{20,}|\bgithub_pat_\w{20,}|\bAIza[\w-]{30,}", MASK),
    (r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bgh[pousr]_\w{20,}|\bglpat-[\w-]{20,}|\bxox[abeoprs]-[\w-]{10,}", MASK),
    (r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|\Z)", MASK),
)
"""What looks like a credential within a text -> what is put in its place. Repetitions are bounded: strangers write the
text, and a search must not take longer than the text is long."""

_IN_TEXT = [(re.compile(pattern, re.IGNORECASE | re.DOTALL), instead) for pattern, instead in IN_TEXT]


_WORD = re.compile(r"\S+")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{0,20}://([^:/@]{0,200}):", re.IGNORECASE)


def _without_login(word: str) -> str:
    """Return a word without the passwords of URLs. One may hold any sign but blanks: it reaches up to the last @."""
    end = word.rfind("@")
    found = _SCHEME.search(word, 0, end) if end > 0 else None
    return f"{word[: found.end()]}{MASK}{word[end:]}" if found else word


PRIVATE_KEY = re.compile(r"-----(BEGIN|END) [A-Z ]{0,30}PRIVATE KEY-----", re.IGNORECASE)


def lines(found: Iterable[str]) -> Iterator[str]:
    """Yield the lines of a text without what looks like a credential, also where it spans several lines."""
    is_key = False
    for line in found:
        marks = [mark[1].upper() for mark in PRIVATE_KEY.finditer(line)]
        yield MASK if is_key and not marks else text(line) if not is_key else MASK
        is_key = (marks[-1] == "BEGIN") if marks else is_key


def text(value: str) -> str:
    """Return a text without what looks like a credential."""
    if "://" in value and "@" in value:
        value = _WORD.sub(lambda found: _without_login(found[0]), value)
    for pattern, instead in _IN_TEXT:
        value = pattern.sub(instead, value)
    return value


def redacted(value: Any, key: str = "") -> Any:
    """Return a part of an object without credentials. key: the field that holds it."""
    if isinstance(value, Mapping):
        if isinstance(value.get("name"), str) and _SOUNDS_SECRET.search(value["name"]):
            return _variable(value)  # such as a header of a probe
        return {name: _field(name, part) for name, part in value.items() if name not in DROPPED}
    if isinstance(value, list | tuple):
        return [_variable(item) if key == "env" else redacted(item, key) for item in _without_arguments(value)]
    return text(value) if isinstance(value, str) else value


def _field(name: str, value: Any) -> Any:
    if name in ("annotations", "podAnnotations") and isinstance(value, Mapping):
        return {key: text(str(part)) if _is_kept(key) else MASK for key, part in value.items()}
    if not _SOUNDS_SECRET.search(name):
        return redacted(value, name)
    return [_masked(item) for item in value] if isinstance(value, list | tuple) else _masked(value)


def _masked(value: Any) -> Any:
    """Return the value of a name that sounds secret; a reference to a Secret stays."""
    if isinstance(value, Mapping):
        return redacted(value)
    return MASK if value and not isinstance(value, bool) else value


def _is_kept(annotation: str) -> bool:
    return KEPT_ANNOTATIONS.fullmatch(annotation) is not None and not _SOUNDS_SECRET.search(annotation)


def _without_arguments(items: Iterable[Any]) -> Iterator[Any]:
    """Yield the items of a list; what follows an option that sounds like a credential's is masked."""
    is_secret = False
    for item in items:
        yield MASK if is_secret and isinstance(item, str) else item
        is_secret = isinstance(item, str) and item.startswith("-") and _SOUNDS_SECRET.search(item) is not None


def _variable(item: Any) -> Any:
    """Return a variable of a container: its name and references stay, its value goes."""
    if not isinstance(item, Mapping):
        return MASK
    return {name: MASK if name == "value" else redacted(part, name) for name, part in item.items()}
