"""Sessions of a load to its target's server: one way to open them, and the settings with which each kind starts."""

from collections.abc import Mapping
from types import MappingProxyType

from datareplication.jobs.frame.identity import load_application
from datareplication.jobs.model.connections import Connection
from datareplication.jobs.model.databases import Server
from datareplication.jobs.model.settings import LoadSettings
from datareplication.jobs.postgres import event_triggers, session_settings
from datareplication.jobs.postgres.connection import Session, connect
from datareplication.jobs.postgres.session_settings import RESTRICTED

USUAL: Mapping[str, str] = MappingProxyType({})
"""For the maintenance database, where no tables of users are read, and for the build role, which has no rights."""

LOOKING: Mapping[str, str] = {"lock_timeout": "10s", **RESTRICTED}
"""For a database about which nothing is known yet."""

REPLACING: Mapping[str, str] = RESTRICTED
"""For a target whose rows are replaced in place."""


def opened(
    given: LoadSettings, database: str, settings: Mapping[str, str] = USUAL, *, role: Connection | None = None
) -> Session:
    """Open a session to a database of the target's server, as the load's role unless another is given."""
    return connect(role or given.target, load_application(given.run.name), database, settings)


def maintenance(given: LoadSettings) -> Session:
    """Open a session to the database from which others are made, renamed and dropped."""
    return opened(given, given.maintenance_database)


def inside(given: LoadSettings, server: Server, database: str, settings: Mapping[str, str]) -> Session:
    """Open a session in a target's database. Its event triggers do not fire on the login, only on later statements."""
    session = opened(given, database, {**settings, **session_settings.quiet(server)})
    event_triggers.let_fire(session)
    return session
