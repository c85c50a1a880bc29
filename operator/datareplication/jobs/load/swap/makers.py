"""Which role restores an entry of the archive: the build role, or the load's role if the build role may not. Pure.

It owns this rule: the build role makes whatever can run the source's code, even a default such as `'{1}'::a_domain[]`.
What the load's role makes parses no expression, or is code that only a superuser may make.
"""

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from datareplication.jobs.model.archive import Entry
from datareplication.jobs.model.connections import Connection

FOUNDATION = ("SCHEMA ", "EXTENSION ")
"""These come first: an extension's script runs with more rights, and must meet none of the source's other objects."""

_LOADERS = (*FOUNDATION, "SERVER ", "USER MAPPING ", "CAST ", "TRANSFORM ")
"""Kinds that need rights on something the build role cannot own: an extension, a foreign-data wrapper, a type."""

_SHELL = "SHELL "


@dataclass(frozen=True)
class Maker:
    """One of the two roles that restore entries: the build role or the load's role."""

    role: Connection | None
    """None for the load's role."""

    settings: Mapping[str, str]
    """The server's settings for this role's sessions in `<db>__next`."""

    def having(self, settings: Mapping[str, str]) -> "Maker":
        """Return the same Maker with these settings added."""
        return replace(self, settings={**self.settings, **settings})


@dataclass(frozen=True)
class Turn:
    """Entries that one of the two roles restores in one run of pg_restore, in this order."""

    is_loaders: bool
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Makers:
    """Chooses the role that restores each entry."""

    only_superusers: Collection[tuple[int, int]] = ()
    """(catalog, oid) of objects that the load's role makes as a superuser."""

    has_builder: bool = True
    """Whether there is a build role; without one the load's role makes everything."""

    def turns(self, entries: Sequence[Entry]) -> list[Turn]:
        """Return the turns of the two roles: the foundation first, then as many entries in each turn as possible.

        Each role keeps the archive's order among its own entries, and waits for the other's that they depend on.
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
        # The same role must make a base type and its shell.
        shells = {one.id for one in entries if one.label.startswith(_SHELL) and one.label.removeprefix(_SHELL) in types}
        return _with_attached(entries, found | shells | _of_what_is_there(entries))

    def _is_loaders(self, entry: Entry) -> bool:
        return entry.label.startswith(_LOADERS) or (entry.catalog, entry.oid) in self.only_superusers


def _taken(entries: Sequence[Entry], queues: Mapping[bool, deque[Entry]]) -> Iterator[Turn]:
    """Yield turns from the two queues. The archive's first entry can always go: what it depends on stood before it."""
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
    """Return the comments and security labels of objects that no entry makes, such as schema public."""
    made = {one.id for one in entries}
    return {one.id for one in entries if one.is_attached and made.isdisjoint(one.depends_on)}


def _with_attached(entries: Iterable[Entry], start: set[int]) -> set[int]:
    """Return these ids and those of their comments and security labels."""
    return start | {one.id for one in entries if one.is_attached and not start.isdisjoint(one.depends_on)}
