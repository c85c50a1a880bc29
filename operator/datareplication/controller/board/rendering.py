"""Pages as HTML: the templates and what they can say. Everything is escaped; there is no script and no inline style."""

import asyncio
import hashlib
from collections.abc import Mapping
from importlib import resources
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined

from datareplication.core import times, words
from datareplication.core.reasons import MEANINGS

PACKAGE = "datareplication.controller.board"
RELOAD_SECONDS = 30
PIECES = 8
"""Pieces of a page that are rendered in one step. The largest is a card, of which at most some stand in a row."""

STYLE = resources.files(PACKAGE).joinpath("static", "board.css").read_bytes()
ICON = resources.files(PACKAGE).joinpath("static", "icon.svg").read_bytes()
STYLE_VERSION = hashlib.sha256(STYLE).hexdigest()[:12]


def _in_path(name: str) -> str:
    """Return a name as one part of an address's path."""
    return quote(name, safe="")


def _percent(share: float) -> str:
    return f"{100 * min(1.0, max(0.0, share)):.1f}%"


def spans(text: str) -> tuple[tuple[bool, str], ...]:
    """Return a text in parts: whether the part is code (it stood between backticks), and the part."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return ((False, text),)
    return tuple((bool(place % 2), part) for place, part in enumerate(parts) if part)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(PACKAGE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "ago": words.ago,
        "ahead": words.ahead,
        "duration": words.duration,
        "in_path": _in_path,
        "local": words.local,
        "number": words.count,
        "percent": _percent,
        "rfc": times.to_text,
        "size": words.size,
        "spans": spans,
    }
    environment.globals |= {"meanings": MEANINGS, "reload_seconds": RELOAD_SECONDS, "style_version": STYLE_VERSION}
    return environment


ENVIRONMENT = _environment()


async def rendered(template: str, values: Mapping[str, Any]) -> str:
    """Return a page; others have their turn between small steps."""
    pieces = []
    for place, piece in enumerate(ENVIRONMENT.get_template(template).generate(values), start=1):
        pieces.append(piece)
        if place % PIECES == 0:
            await asyncio.sleep(0)
    return "".join(pieces)
