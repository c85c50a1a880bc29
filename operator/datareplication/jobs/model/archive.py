"""What is in an archive of pg_dump, as pg_restore lists it.

An object is identified by its catalog and oid at the source. Names are never parsed: a name may hold any character.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

_ENTRY = re.compile(r"(\d+); (\d+) (\d+) (.*)")
_OWNED = (
    *("MATERIALIZED VIEW ", "VIEW ", "FUNCTION ", "PROCEDURE ", "AGGREGATE ", "TYPE ", "DOMAIN "),
    *("OPERATOR ", "OPERATOR CLASS ", "OPERATOR FAMILY ", "FOREIGN TABLE ", "SEQUENCE "),
)
"""Kinds of objects with an owner. pg_dump puts some of them after the rows: those that need a primary key, and those
that depend on such an object."""

_DEPENDS = re.compile(r";\s+depends on: ([\d ]+)")

PUBLIC_SCHEMA = (2615, 2200)
"""Catalog and oid, the same in all databases (PG_PUBLIC_NAMESPACE). If somebody has dropped the schema and created it
again, it has another oid."""


@dataclass(frozen=True)
class Entry:
    """One entry of an archive."""

    id: int
    catalog: int
    """Oid of the object's catalog at the source, 0 for a comment or a grant."""
    oid: int
    """Oid of the object at the source, 0 for a comment or a grant."""
    depends_on: tuple[int, ...] = ()
    """Ids of other entries."""
    label: str = ""
    """Kind, schema, name and owner. Nobody can tell for sure where one of them ends and the next begins."""

    @property
    def is_attachment(self) -> bool:
        """Whether it attaches an index to the index of a partitioned table."""
        return self.label.startswith("INDEX ATTACH ")

    @property
    def is_public_schema(self) -> bool:
        """Whether it is the schema that every new database starts with."""
        return (self.catalog, self.oid) == PUBLIC_SCHEMA

    @property
    def is_grant(self) -> bool:
        """Whether it grants rights, or alters default privileges."""
        return self.label.startswith(("ACL ", "DEFAULT ACL "))

    @property
    def is_attached(self) -> bool:
        """Whether it is a comment or a security label of another entry."""
        return self.label.startswith(("COMMENT ", "SECURITY LABEL "))

    @property
    def is_row_security(self) -> bool:
        """Whether it enables row-level security on a table."""
        return self.label.startswith("ROW SECURITY ")

    @property
    def is_event_trigger(self) -> bool:
        """Whether it is an event trigger."""
        return self.label.startswith("EVENT TRIGGER ")

    @property
    def is_statistics(self) -> bool:
        """Whether it is a statistics object."""
        return self.label.startswith("STATISTICS ")

    @property
    def is_owned(self) -> bool:
        """Whether it is an object with an owner of its own, such as a view or a function."""
        return self.label.startswith(_OWNED)

    @property
    def is_last(self) -> bool:
        """Whether it is restored last: earlier, it would hinder the load's own statements, or fire on them."""
        return self.is_grant or self.is_row_security or self.is_event_trigger

    @property
    def owner(self) -> str:
        """The owner of the public schema, as the archive spells it."""
        return self.label.removeprefix("SCHEMA - public ")


@dataclass(frozen=True)
class Contents:
    """All entries of an archive by section, each section in the archive's order."""

    pre_data: tuple[Entry, ...]
    post_data: tuple[Entry, ...]


def parsed(lines: Sequence[str]) -> list[Entry]:
    """Return the entries that `pg_restore --list` has printed; with `--verbose` it also prints their dependencies."""
    found: list[Entry] = []
    for line in lines:
        if match := _ENTRY.match(line):
            number, catalog, oid = (int(match[index]) for index in (1, 2, 3))
            found.append(Entry(number, catalog, oid, label=match[4]))
        elif found and (match := _DEPENDS.fullmatch(line)):
            last = found[-1]
            ids = tuple(int(text) for text in match[1].split())
            found[-1] = replace(last, depends_on=ids)
    return found
