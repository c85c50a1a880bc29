"""The board's pages as JSON: the same content, named as in the resources (camelCase), times as RFC 3339 in UTC."""

from collections.abc import Generator, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from datareplication.core import times
from datareplication.core.board.pages import Board
from datareplication.core.words import camel

INTERNAL = ("version",)
"""Fields that are for the board alone."""


def of_board(board: Board) -> Generator[None, None, dict[str, Any]]:
    """Return the page of many as JSON, in steps like the page itself."""
    told: dict[str, Any] = as_json(replace(board, attention=(), in_order=()))
    for name, groups in (("attention", board.attention), ("inOrder", board.in_order)):
        for group in groups:
            views = []
            for view in group.views:
                views.append(as_json(view))
                yield
            told[name].append({"namespace": group.namespace, "views": views})
    return told


def as_json(value: Any) -> Any:
    """Return a page or a part of one as JSON. Fields that are None are left out."""
    if is_dataclass(value) and not isinstance(value, type):
        return dict(_fields(value))
    if isinstance(value, BaseModel):
        return as_json({name: getattr(value, name) for name in type(value).model_fields})
    if isinstance(value, datetime):
        return times.to_text(value)
    if isinstance(value, Mapping):
        return {camel(str(name)): as_json(part) for name, part in value.items() if part is not None}
    return [as_json(part) for part in value] if isinstance(value, tuple | list) else value


def _fields(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a dataclass; those of a flat one first, so that the outer ones win."""
    for one in fields(value):
        inner = getattr(value, one.name)
        if one.metadata.get("flat"):
            yield from _fields(inner)
    for one in fields(value):
        inner = getattr(value, one.name)
        chosen = one.metadata.get("fields")
        if one.name in INTERNAL or inner is None or one.metadata.get("flat"):
            continue
        yield camel(one.name), as_json({name: getattr(inner, name) for name in chosen} if chosen else inner)
