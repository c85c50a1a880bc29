"""What the leak gate searches, and what it finds: values. Light, because every load reads this module."""

from dataclasses import dataclass, replace
from typing import Literal

Content = Literal["Text", "Json", "Other"]


@dataclass(frozen=True)
class Searchable:
    """A table or materialized view with columns that can hold text."""

    oid: int
    schema: str
    name: str
    is_view: bool
    has_policies: bool
    """Whether row-level security is on."""

    may_read: bool
    columns: tuple[str, ...]
    contents: tuple[Content, ...]
    """What each column holds."""

    generated: tuple[str, ...] = ()
    """Those of the columns that are generated."""

    def without_generated(self) -> "Searchable":
        """Return the same without generated columns."""
        kept = [
            (name, one) for name, one in zip(self.columns, self.contents, strict=True) if name not in self.generated
        ]
        return replace(self, columns=tuple(name for name, _ in kept), contents=tuple(one for _, one in kept))


@dataclass(frozen=True)
class Finding:
    """What was found in one column. column: `schema.table.column`. what: in words, never a value."""

    column: str
    what: str
