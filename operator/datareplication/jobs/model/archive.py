"""What is in an archive of pg_dump, as pg_restore lists it.

It owns the form of these lists. An object is known by its catalog and oid at the source; a name, which may hold
anything, is never read.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

_ENTRY = re.compile(r"(\d+); (\d+) (\d+) (.*)")
_OWNED = (
    *("MATERIALIZED VIEW ", "VIEW ", "FUNCTION ", "PROCEDURE ", "AGGREGATE ", "TYPE ", "DOMAIN "),
    *("OPERATOR ", "OPERATOR CLASS ", "OPERATOR FAMILY ", "FOREIGN TABLE ", "SEQUENCE "),
)
"""Of what pg_dump puts behind the rows, since it needs a primary key or depends on what does."""

_DEPENDS = re.compile(r";\s+depends on: ([\d ]+)")

PUBLIC_SCHEMA = (2615, 2200)
"""Catalog and oid, the same in all databases (PG_PUBLIC_NAMESPACE). One that was made anew has another oid."""


@dataclass(frozen=True)
class Entry:
    """One entry. id: in the archive. catalog, oid: of the object at the source, 0 for a comment or a grant.

    depends_on: ids of other entries. label: kind, schema, name and owner, between which nobody can tell for sure.
    """

    id: int
    catalog: int
    oid: int
    depends_on: tuple[int, ...] = ()
    label: str = ""

    @property
    def is_attachment(self) -> bool:
        """Whether it makes an index a partition of another."""
        return self.label.startswith("INDEX ATTACH ")

    @property
    def is_public_schema(self) -> bool:
        """Whether it is the schema that every new database starts with."""
        return (self.catalog, self.oid) == PUBLIC_SCHEMA

    @property
    def is_grant(self) -> bool:
        """Whether it grants rights, or alters the rights that are granted by default."""
        return self.label.startswith(("ACL ", "DEFAULT ACL "))

    @property
    def is_attached(self) -> bool:
        """Whether it is a comment or a security label of another entry."""
        return self.label.startswith(("COMMENT ", "SECURITY LABEL "))

    @property
    def is_row_security(self) -> bool:
        """Whether it lets a table's policies hold."""
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
        """Whether it is an object of its own that belongs to somebody, such as a view or a function."""
        return self.label.startswith(_OWNED)

    @property
    def is_last(self) -> bool:
        """Whether it would keep a load's own work from being done, or take part in it."""
        return self.is_grant or self.is_row_security or self.is_event_trigger

    @property
    def owner(self) -> str:
        """The owner of the public schema, as the archive spells it."""
        return self.label.removeprefix("SCHEMA - public ")


@dataclass(frozen=True)
class Contents:
    """All entries of an archive by section, each in the archive's order."""

    pre_data: tuple[Entry, ...]
    post_data: tuple[Entry, ...]


def parsed(lines: Sequence[str]) -> list[Entry]:
    """Return the entries of a list that `pg_restore --list` has printed, with `--verbose` what they depend on too."""
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
