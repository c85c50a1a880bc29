"""Building as the build role, whose rights end at `<db>__next`: which role it is, what it is lent, what is taken back.

It owns the order. The build role is let in and makes the schema. The load's role makes and lends the objects that the
build role has no right to make. Rows come in and indexes are built. The build role is shut out. If all objects are as
they were lent, each is given to its later owner. Objects that had to wait for the rows are made and lent the same way.
"""

import contextlib
import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace

from datareplication.core.reasons import Reason
from datareplication.errors import RightsError
from datareplication.jobs.load.swap.building import Building
from datareplication.jobs.load.swap.lending import Lending
from datareplication.jobs.load.swap.makers import Maker
from datareplication.jobs.model.connections import Connection
from datareplication.jobs.postgres import builders
from datareplication.jobs.postgres.connection import Session
from datareplication.jobs.postgres.owners import Heir

REASON: Reason = "BuiltAsLoader"


@dataclass(frozen=True)
class Apart:
    """The build role, or why there is none. made: the role's name, if it was made for this load.

    maker: the role as a Maker, if it has logged in already.
    """

    role: Connection | None
    why_not: str = ""
    made: str = ""
    maker: Maker | None = None


def builder(building: Building, maintenance: Session) -> Apart:
    """Return the build role: the one that was given, or one made for this load, which the caller must drop.

    maintenance: the session that holds the target's lock.
    """
    given, server = building.given, building.server
    if given.builder is not None:
        builders.check_given(maintenance, server, given.builder.username)
        return Apart(given.builder)
    if not builders.can_make(maintenance):
        text = f"role {server.role} may make no role to build with: give one as buildCredentialsSecretRef"
        return Apart(None, text)
    name, password = builders.make(maintenance, server, building.database.oid)
    builders.admit(maintenance, building.database.next_name, name)
    role = replace(given.target, username=name, password=password)
    return _tried(building, maintenance, role, Apart(role, made=name))


@contextlib.contextmanager
def building_as(building: Building, maintenance: Session, loader: Maker, found: Apart) -> Iterator[Lending]:
    """Let the build role into `<db>__next` while the body runs, then shut it out and take all objects back.

    found: has the build role; if there is none, the load's role builds and nothing is lent.
    """
    heir, name, role = _heir(building), building.database.next_name, found.role
    if role is None:
        yield Lending(loader, None, heir, shut_out=lambda: None, admit=lambda: None)
        return
    admit = functools.partial(builders.admit, maintenance, name, role.username)
    shut_out = functools.partial(builders.shut_out, maintenance, name, role.username)
    admit()
    tables = [(one.schema, one.name) for one in building.manifest.extension_tables]
    with contextlib.closing(building.connect(name)) as session:
        lending = Lending(found.maker or building.builder(role), session, heir, shut_out, admit, tables)
        yield lending
        lending.take_back()


def _heir(building: Building) -> Heir:
    """Return who will own what the build role makes. With TargetOwner the load's role does, and gives it away later."""
    ownership, role = building.manifest.schema.ownership, building.server.role
    if building.given.owners == "TargetOwner":
        return lambda _: role
    return lambda one: ownership.owner_of(one.kind, one.identity) or role


def _tried(building: Building, maintenance: Session, role: Connection, found: Apart) -> Apart:
    """Return `found`, without its role if that cannot log in: pg_hba.conf may let in only roles that it names."""
    name = building.database.next_name
    try:
        return replace(found, maker=building.builder(role))
    except RightsError as error:
        builders.shut_out(maintenance, name, found.made)  # else the role keeps rights on the future target
        return replace(found, role=None, why_not=f"the server does not let in the role that was made: {error.message}")
