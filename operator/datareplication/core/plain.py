"""Makes text that others wrote safe to show. All such text goes through here before it is shown.

A pod's termination message, a webhook's refusal or an annotation end up in a status, an Event or a log line, and so on
people's terminals: there they must not break a line, reverse it, hide a part of it, or fill an object.
"""

import re

MESSAGE_LIMIT = 4096
"""Characters of one message; Kubernetes cuts a termination message there as well."""

WORD_LIMIT = 100

_NO_WORD = re.compile(r"[^A-Za-z0-9_]")


def text(value: object, limit: int = MESSAGE_LIMIT) -> str:
    """Return a text as one line of at most `limit` visible characters; empty if the value is no text.

    Line breaks, tabs and the like become blanks; control characters, lone surrogates and marks that only change how
    other characters look (bidirectional overrides) become U+FFFD.
    """
    if not isinstance(value, str):
        return ""
    line = value if len(value) <= limit else value[: limit - 1] + "…"
    return line if line.isprintable() else "".join(map(_visible, line))


def word(value: object) -> str:
    """Return a reason as one word of letters and digits; empty if it has none."""
    return _NO_WORD.sub("", value)[:WORD_LIMIT] if isinstance(value, str) else ""


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    return " " if character.isspace() else "\ufffd"
