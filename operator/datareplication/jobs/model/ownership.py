"""To whom the objects of a schema belong, as a manifest keeps it. Pure.

The build role makes them without an owner's right; the load's role gives them away afterwards, by this.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from datareplication.jobs.model import ranges


@dataclass(frozen=True)
class Owned:
    """An object and to whom it belongs. kind, identity: the server's own words, the identity qualified and quoted."""

    kind: ranges.Text
    identity: ranges.Identity
    owner: ranges.Text


@dataclass(frozen=True)
class Ownership:
    """The owner of every object. most: of all that `others` does not name; empty where there is none."""

    most: ranges.Text = ""
    others: tuple[Owned, ...] = ()

    def owner_of(self, kind: str, identity: str) -> str:
        """Return the owner of an object."""
        return self._owners.get((kind, _plain(identity)), self.most)

    @cached_property
    def _owners(self) -> dict[tuple[str, str], str]:
        return {(one.kind, _plain(one.identity)): one.owner for one in self.others}


def _plain(identity: str) -> str:
    """Return an identity without quotes and pg_catalog: majors differ in both where a name has become a keyword."""
    return identity.replace('"', "").replace("pg_catalog.", "")


NOBODYS = Ownership()
"""Where there is no object."""


def grouped(found: Iterable[Owned]) -> Ownership:
    """Return the ownership of all of these, short where one role owns most."""
    every = list(found)
    if not every:
        return NOBODYS
    ((most, _),) = Counter(one.owner for one in every).most_common(1)
    return Ownership(most, tuple(one for one in every if one.owner != most))
