"""Who restores an entry of the archive: the build role, or the load's own where the other may not. Pure.

It owns this: whatever can run the source's code is made by the build role, a default of `'{1}'::a_domain[]`
included. What is left to the load's role parses no expression, or is code that only a superuser may make.
"""

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from datareplication.jobs.model.archive import Entry
from datareplication.jobs.model.connections import Connection

FOUNDATION = ("SCHEMA ", "EXTENSION ")
"""Come before all others, so that an extension's script, which runs with more rights, meets nothing of the source's."""

_LOADERS = (*FOUNDATION, "SERVER ", "USER MAPPING ", "CAST ", "TRANSFORM ")
"""Kinds that need rights on something which is not the database's: an extension, a foreign-data wrapper, a type."""

_SHELL = "SHELL "


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
        """Return who restores these, one after the other: the foundation, then each as much as it can at a time.

        Each keeps the archive's order among its own entries, and waits for what they depend on of the other's.
        """
        if not self.has_builder:
            return [Turn(True, tuple(entries))]
        loaders = self._loaders(entries)
        laid = {one.id for one in entries if one.label.startswith(FOUNDATION)}
        grounded = _with_attached(entries, laid) | _of_what_is_there(entries)
        rest = [one for one in entries if one.id not in grounded]
        first = tuple(one for one in entries if one.id in grounded)
        queues = {is_its: deque(one for one in rest if (one.id in loaders) == is_its) for is_its in (True, False)}
        return _merged([Turn(True, first), *_taken(rest, queues)])

    def _loaders(self, entries: Sequence[Entry]) -> set[int]:
        found = {one.id for one in entries if self._is_loaders(one)}
        types = {one.label for one in entries if one.id in found}
        # A base type is made by who has made its shell.
        shells = {one.id for one in entries if one.label.startswith(_SHELL) and one.label.removeprefix(_SHELL) in types}
        return _with_attached(entries, found | shells | _of_what_is_there(entries))

    def _is_loaders(self, entry: Entry) -> bool:
        return entry.label.startswith(_LOADERS) or (entry.catalog, entry.oid) in self.only_superusers


def _taken(entries: Sequence[Entry], queues: Mapping[bool, deque[Entry]]) -> Iterator[Turn]:
    """Yield turns from the two queues. The archive's first entry always goes: what it depends on stands before it."""
    place = {one.id: index for index, one in enumerate(entries)}
    is_loaders = True
    while queues[True] or queues[False]:
        waiting = {one.id for one in queues[not is_loaders]}
        turn = []
        mine, others = queues[is_loaders], queues[not is_loaders]
        while mine and (waiting.isdisjoint(mine[0].depends_on) or _is_before(mine[0], others, place)):
            turn.append(mine.popleft())
        if turn:
            yield Turn(is_loaders, tuple(turn))
        is_loaders = not is_loaders


def _is_before(entry: Entry, others: deque[Entry], place: Mapping[int, int]) -> bool:
    return not others or place[entry.id] < place[others[0].id]


def _merged(turns: Iterable[Turn]) -> list[Turn]:
    found: list[Turn] = []
    for turn in turns:
        if found and found[-1].is_loaders == turn.is_loaders:
            found[-1] = Turn(turn.is_loaders, found[-1].entries + turn.entries)
        elif turn.entries:
            found.append(turn)
    return found


def _of_what_is_there(entries: Sequence[Entry]) -> set[int]:
    """Return the comments and labels of what every database has from the start: of schema public."""
    made = {one.id for one in entries}
    return {one.id for one in entries if one.is_attached and made.isdisjoint(one.depends_on)}


def _with_attached(entries: Iterable[Entry], start: set[int]) -> set[int]:
    """Return these ids and those of their comments and security labels."""
    return start | {one.id for one in entries if one.is_attached and not start.isdisjoint(one.depends_on)}
