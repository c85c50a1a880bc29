"""Who owns the objects of a schema, as a manifest records it. Pure.

The build role creates the objects without having their owners' rights. Afterwards the load's role gives each object to
the owner that is recorded here.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from datareplication.jobs.model import ranges


@dataclass(frozen=True)
class Owned:
    """An object and its owner. kind, identity: the server's own words; the identity is qualified and quoted."""

    kind: ranges.Text
    identity: ranges.Identity
    owner: ranges.Text


@dataclass(frozen=True)
class Ownership:
    """The owner of every object. most: owner of all objects that are not in `others`; empty if there is no object."""

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
"""The ownership if there is no object."""


def grouped(found: Iterable[Owned]) -> Ownership:
    """Return the ownership of these objects; it is short if one role owns most of them."""
    every = list(found)
    if not every:
        return NOBODYS
    ((most, _),) = Counter(one.owner for one in every).most_common(1)
    return Ownership(most, tuple(one for one in every if one.owner != most))
