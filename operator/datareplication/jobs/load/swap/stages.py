"""When each entry of the schema's archive is restored: before the rows, after them, or last; each exactly once. Pure.

It owns the stages and the ledger that proves them. It does not know how an entry is restored.

pg_restore finds the object of a comment or a grant by the entry's place in the list. A list of some entries moves the
other entries out of their places. So the stages are lists of entries, never pg_restore's sections.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from datareplication.errors import ReplicationError
from datareplication.jobs.model.archive import Contents, Entry

SCHEMA_PUBLIC_IS_ITS_DATABASES_SINCE = 150000
"""Before this version, schema public belongs to the server's first superuser, and nobody else may grant on it."""


@dataclass(frozen=True)
class Choices:
    """What a load leaves out."""

    omitted: Collection[tuple[int, int]]
    """(catalog, oid) of objects."""

    with_grants: bool
    """Whether grants are restored."""

    public_owners: Collection[str] | None
    """Roles to which the load may give schema public; None stands for all."""

    version: int
    """The target server's version."""


@dataclass(frozen=True)
class Stages:
    """The entries of an archive, each in one stage."""

    before: tuple[Entry, ...]
    """Restored before the rows. Statistics objects too: their statistics are then gathered with the rest."""

    after: tuple[Entry, ...]
    """Indexes, constraints, triggers and so on."""

    last: tuple[Entry, ...]
    """Row-level security, which would hinder the load's own work."""

    left_out: tuple[Entry, ...]
    """Left out as the Choices say."""

    refused: tuple[Entry, ...] = ()
    """Grants and comments that only a superuser may give to schema public."""

    postponed: tuple[Entry, ...] = ()
    """Objects with an owner that pg_dump puts behind the rows (a view or function that needs a primary key)."""

    following: tuple[Entry, ...] = ()
    """What depends on the postponed objects, such as their indexes."""

    grants: tuple[Entry, ...] = ()
    """Restored after `last`."""

    final: tuple[Entry, ...] = ()
    """Event triggers. After these, nothing more is done in the database."""


def plan(contents: Contents, choices: Choices) -> Stages:
    """Return the stage of each entry."""
    every = (*contents.pre_data, *contents.post_data)
    public = {entry.id for entry in every if _is_strangers_public(entry, choices)}
    refused = _said_of(every, public) if _is_public_closed(choices) else set()
    out = public | _with_dependents(every, {e.id for e in every if (e.catalog, e.oid) in choices.omitted})
    out |= set() if choices.with_grants else {entry.id for entry in every if entry.is_grant}
    last = _with_dependents(every, {entry.id for entry in every if entry.is_last})
    grants = {entry.id for entry in every if entry.is_grant}
    final = _with_dependents(every, {entry.id for entry in every if entry.is_event_trigger})
    gone = out | refused
    late = _with_dependents(every, {entry.id for entry in contents.post_data if entry.is_owned}) - gone - last
    early = _with_dependents(every, {entry.id for entry in every if entry.is_statistics}) - late
    return Stages(
        before=(
            *_those(contents.pre_data, without=gone | last | late | early),
            *(entry for entry in every if entry.id in early - gone - last),
        ),
        after=_those(contents.post_data, without=gone | last | late | early),
        last=tuple(entry for entry in every if entry.id in last - gone - grants - final),
        left_out=tuple(entry for entry in every if entry.id in out),
        refused=tuple(entry for entry in every if entry.id in refused - out),
        postponed=tuple(entry for entry in every if entry.id in late and (entry.is_owned or entry.is_statistics)),
        following=tuple(entry for entry in every if entry.id in late and not (entry.is_owned or entry.is_statistics)),
        grants=tuple(entry for entry in every if entry.id in grants - gone - final),
        final=tuple(entry for entry in every if entry.id in final - gone),
    )


@dataclass(frozen=True)
class Ledger:
    """Counts the entries that pg_restore was given and has restored."""

    counts: Counter[int] = field(default_factory=Counter)

    def restored(self, ids: Iterable[int]) -> None:
        """Note that pg_restore has restored these entries without an error."""
        self.counts.update(ids)

    def settle(self, *stages: Sequence[Entry]) -> None:
        """Raise ReplicationError unless each entry of these stages was restored once, and no other."""
        wanted = Counter(number for stage in stages for number in ids_of(stage))
        if self.counts != wanted:
            never, wrongly = wanted - self.counts, self.counts - wanted
            text = f"of the schema's entries {_some(never)} were not restored and {_some(wrongly)} once too often"
            raise ReplicationError(f"{text}; this is a defect of datareplication", reason="EntriesMiscounted")


def ids_of(stage: Iterable[Entry]) -> list[int]:
    """Return the entries' ids in the archive, in their order."""
    return [entry.id for entry in stage]


def _is_strangers_public(entry: Entry, choices: Choices) -> bool:
    """Whether the entry would give schema public, which exists already, to a role to which the load cannot give it.

    pg_dump writes the schema's owner unless it is pg_database_owner: up to 14 it is the server's first superuser.
    """
    owners = choices.public_owners
    return entry.is_public_schema and owners is not None and entry.owner not in owners


def _is_public_closed(choices: Choices) -> bool:
    return choices.public_owners is not None and choices.version < SCHEMA_PUBLIC_IS_ITS_DATABASES_SINCE


def _said_of(entries: Sequence[Entry], ids: Collection[int]) -> set[int]:
    """Return the grants, comments and security labels of these entries, and nothing else that depends on them."""
    return {e.id for e in entries if (e.is_grant or e.is_attached) and not set(ids).isdisjoint(e.depends_on)}


def _with_dependents(entries: Sequence[Entry], start: Collection[int]) -> set[int]:
    """Return these ids and those of what depends on them, such as their comments."""
    found: set[int] = set(start)
    while new := {e.id for e in entries if e.id not in found and not found.isdisjoint(e.depends_on)}:
        found |= new
    return found


def _those(entries: Iterable[Entry], *, without: Collection[int]) -> tuple[Entry, ...]:
    return tuple(entry for entry in entries if entry.id not in without)


def _some(ids: Counter[int]) -> str:
    return ", ".join(map(str, sorted(ids)[:10])) or "none"
