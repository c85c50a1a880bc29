"""Building as a role whose rights end at `<db>__next`: who it is, what it is lent, what is taken back.

It owns the order: the schema is made by the load's role; all of it is lent to the role that builds; rows come in and
indexes are built; the role is shut out; all of it is taken back, if it is the same. The same again for what depends on
objects that could not be made before.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from datareplication.core.reasons import Reason
from datareplication.errors import RightsError
from datareplication.jobs.load.swap.building import Building
from datareplication.jobs.model.connections import Connection
from datareplication.jobs.postgres import builders, owners
from datareplication.jobs.postgres.connection import Session

REASON: Reason = "BuiltAsLoader"


@dataclass(frozen=True)
class Apart:
    """The role that builds, or why there is none. made: the name of one that was made for this load."""

    role: Connection | None
    why_not: str = ""
    made: str = ""


def builder(building: Building, maintenance: Session) -> Apart:
    """Return the role that builds, let into `<db>__next`; one that was made is to be dropped when that has been shown.

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
    return _tried(building, maintenance, Apart(replace(given.target, username=name, password=password), made=name))


@contextlib.contextmanager
def lent(building: Building, maintenance: Session, role: Connection | None) -> Iterator[None]:
    """Lend all of `<db>__next` to the role while the body runs, then shut it out and take all of it back.

    Without a role nothing is lent.
    """
    if role is None:
        yield
        return
    name = building.database.next_name
    builders.admit(maintenance, name, role.username)
    with contextlib.closing(building.connect(name)) as session:
        tables = [(one.schema, one.name) for one in building.manifest.extension_tables]
        opened = builders.open_up(session, role.username, tables)
        objects = owners.lend_all(session, role.username)
        yield
        builders.shut_out(maintenance, name, role.username)
        owners.take_back(session, objects, role.username)
        builders.close_again(session, opened, role.username)
        owners.check_without(session, role.username)


def _tried(building: Building, maintenance: Session, found: Apart) -> Apart:
    """Return it if it can log in; a server may let only roles in that it knows (pg_hba.conf)."""
    name = building.database.next_name
    try:
        building.connect(name, found.role).close()
    except RightsError as error:
        builders.shut_out(maintenance, name, found.made)  # else it keeps rights on what will be the target
        return replace(found, role=None, why_not=f"the server does not let in the role that was made: {error.message}")
    return found
