"""What the leak gate searches, and what it finds: values. Light, because every load reads this module."""

from dataclasses import dataclass
from typing import Literal

Content = Literal["Text", "Json", "Other"]


@dataclass(frozen=True)
class Searchable:
    """A table or materialized view with columns that can hold text."""

    schema: str
    name: str
    is_view: bool
    has_policies: bool
    """Whether row-level security is on."""

    may_read: bool
    columns: tuple[str, ...]
    contents: tuple[Content, ...]
    """What each column holds."""


@dataclass(frozen=True)
class Finding:
    """What was found in one column. column: `schema.table.column`. what: in words, never a value."""

    column: str
    what: str
