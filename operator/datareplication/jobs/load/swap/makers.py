"""Who restores an entry of the archive: the build role, or the load's own where the other may not. Pure.

It owns this: whatever can run the source's code is made by the build role, a default of `'{1}'::a_domain[]`
included. What is left to the load's role parses no expression, or is code that only a superuser may make.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from datareplication.jobs.model.archive import Entry
from datareplication.jobs.model.connections import Connection

FOUNDATION = ("SCHEMA ", "EXTENSION ")
"""Come before all others, so that an extension's script, which runs with more rights, meets nothing of the source's."""

_LOADERS = (*FOUNDATION, "SERVER ", "USER MAPPING ", "CAST ", "TRANSFORM ")
"""Kinds that need rights on something which is not the database's: an extension, a foreign-data wrapper, a type."""

_SHELL = "SHELL "
_ATTACHED = ("COMMENT ", "SECURITY LABEL ")


@dataclass(frozen=True)
class Maker:
    """One of the two. role: None for the load's own. settings: of the server, for its sessions in `<db>__next`."""

    role: Connection | None
    settings: Mapping[str, str]

    def having(self, settings: Mapping[str, str]) -> "Maker":
        """Return the same with these settings as well."""
        return replace(self, settings={**self.settings, **settings})


@dataclass(frozen=True)
class Turn:
    """Entries that one of the two restores at once, in this order."""

    is_loaders: bool
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Makers:
    """only_superusers: (catalog, oid) of what the load's role makes as a superuser. has_builder: else it makes all."""

    only_superusers: Collection[tuple[int, int]] = ()
    has_builder: bool = True

    def turns(self, entries: Sequence[Entry]) -> list[Turn]:
        """Return who restores these, one after the other: the foundation, then the rest in its order."""
        if not self.has_builder:
            return [Turn(True, tuple(entries))]
        loaders = self._loaders(entries)
        laid = {one.id for one in entries if one.label.startswith(FOUNDATION)}
        grounded = _with_attached(entries, laid) | _of_what_is_there(entries)
        ordered = sorted(entries, key=lambda one: one.id not in grounded)  # stable
        return [Turn(is_loaders, tuple(turn)) for is_loaders, turn in groupby(ordered, lambda one: one.id in loaders)]

    def _loaders(self, entries: Sequence[Entry]) -> set[int]:
        found = {one.id for one in entries if self._is_loaders(one)}
        types = {one.label for one in entries if one.id in found}
        # A base type is made by who has made its shell.
        shells = {one.id for one in entries if one.label.startswith(_SHELL) and one.label.removeprefix(_SHELL) in types}
        return _with_attached(entries, found | shells | _of_what_is_there(entries))

    def _is_loaders(self, entry: Entry) -> bool:
        return entry.label.startswith(_LOADERS) or (entry.catalog, entry.oid) in self.only_superusers


def _of_what_is_there(entries: Sequence[Entry]) -> set[int]:
    """Return the comments and labels of what every database has from the start: of schema public."""
    made = {one.id for one in entries}
    return {one.id for one in entries if one.label.startswith(_ATTACHED) and made.isdisjoint(one.depends_on)}


def _with_attached(entries: Iterable[Entry], start: set[int]) -> set[int]:
    """Return these ids and those of their comments and security labels."""
    return start | {
        one.id for one in entries if one.label.startswith(_ATTACHED) and not start.isdisjoint(one.depends_on)
    }
