"""Masking rules as they are written: values. Pure.

`dump/masking` reads them from YAML, `decisions` applies them to a database, `postgres/masks` makes SQL of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

Value = str | int | bool | tuple[str, ...] | Mapping[str, "Rule"]


@dataclass(frozen=True)
class Rule:
    """One rule for a column, or for a value in JSON."""

    kind: str
    """One of kinds.KINDS."""

    options: Mapping[str, Value] = field(default_factory=dict)
    """The options that were given. They are checked: each is an option of this kind and has the right type."""

    line: int = 0
    """The rule's line in the file; 0 for a rule of a preset."""

    @property
    def by(self) -> tuple[str, ...]:
        """Return the columns that decide about the result instead of the value; usually none."""
        given = self.options.get("by", ())
        return given if isinstance(given, tuple) else ()


@dataclass(frozen=True)
class Default:
    """A rule for columns that `tables` does not name; the first that fits counts."""

    column: str
    """A pattern of `schema.table.column` or of the column's name alone, with `*` and `?`."""

    type: str
    """A pattern of the type's name, `*` for any."""

    rule: Rule


@dataclass(frozen=True)
class Rules:
    """A file of rules."""

    tables: Mapping[tuple[str, str], Mapping[str, Rule]]
    """(schema, table) -> column -> rule."""

    defaults: tuple[Default, ...] = ()
    is_unlisted_null: bool = False
    """Whether a column without a rule becomes NULL instead of ending the dump."""

    language: str = "en"
    keeps_large_objects: bool = False
    kept_extension_tables: frozenset[tuple[str, str]] = frozenset()
    """(schema, table) of the extensions' tables whose rows are copied as they are."""

    leak_hosts: tuple[str, ...] = ()
    """Hosts of e-mail addresses that a masked database may hold, besides those of the rules."""

    leak_ignored: tuple[str, ...] = ()
    """Patterns of `schema.table.column` that the leak gate does not search."""

    sha256: str = ""
    """Of the file, for manifest and provenance."""
