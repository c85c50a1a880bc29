"""What is found at a target before it is touched: `guard.Facts`, and the queries that give them.

It owns which databases are looked into. It refuses to know what follows from what it finds.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from datareplication.errors import UsageError
from datareplication.jobs.frame.identity import load_application
from datareplication.jobs.load.guard import Facts, Previous
from datareplication.jobs.model.databases import Database, Server
from datareplication.jobs.model.provenance import Provenance
from datareplication.jobs.model.settings import LoadSettings
from datareplication.jobs.postgres import databases, event_triggers, notes, provenance, target
from datareplication.jobs.postgres.connection import Session, connect
from datareplication.jobs.postgres.conninfo import parameters
from datareplication.jobs.postgres.session_settings import RESTRICTED, quiet


def target_name(given: LoadSettings) -> str:
    """Return the target database's name; UsageError when it is the maintenance database as well."""
    name = parameters(given.target)["dbname"]
    if name == given.maintenance_database:
        text = f"database {name} cannot be the target and the maintenance database at once (--maintenance-database)"
        raise UsageError(text)
    return name


def look(given: LoadSettings, session: Session) -> Facts:
    """Return what is found. session: to the maintenance database. UsageError when there is no such database."""
    database = _existing(given, session)
    server = target.server(session)
    with _connected(given, server, database.name) as inside:
        filled, found = target.filled_tables(inside), provenance.read(inside)
    previous = databases.describe(session, database.previous_name)
    facts = Facts(
        server=server,
        database=database,
        provenance=found,
        filled_tables=filled,
        obstacles=[*target.obstacles(session, database.name), *target.obstacles(session, database.previous_name)],
        previous=Previous(previous, notes.read(session, previous.oid)) if previous else None,
        note=notes.read(session, database.oid),
    )
    return facts if facts.is_previous_ours else _look_into_previous(given, facts)


def provenance_of(given: LoadSettings, server: Server, database: Database) -> Provenance | None:
    """Return where a database's data is from; None when it does not say so or nobody may connect to it."""
    if not database.allows_connections:
        return None
    with _connected(given, server, database.name) as inside:
        return provenance.read(inside)


def connect_into(
    given: LoadSettings, server: Server, name: str, settings: Mapping[str, str] = MappingProxyType({})
) -> Session:
    """Open a session in a target's database; logging in sets off none of its event triggers, what it does may."""
    wanted = {**RESTRICTED, **quiet(server), **settings}
    session = connect(given.target, load_application(given.run.name), name, wanted)
    event_triggers.let_fire(session)
    return session


def _look_into_previous(given: LoadSettings, facts: Facts) -> Facts:
    """Ask the previous database itself, when nothing else tells whose it is."""
    if facts.previous is None:
        return facts
    database = facts.previous.database
    return replace(facts, previous=replace(facts.previous, provenance=provenance_of(given, facts.server, database)))


def _existing(given: LoadSettings, session: Session) -> Database:
    name = target_name(given)
    database = databases.describe(session, name)
    if database is None:
        text = f'database {name} does not exist on the target: CREATE DATABASE "{name}", or correct dbname'
        raise UsageError(f"{text} in {given.target.prefix}_DB_CONNECTION", reason="UnknownDatabase")
    return database


def _connected(given: LoadSettings, server: Server, name: str) -> contextlib.closing[Session]:
    return contextlib.closing(connect_into(given, server, name, {"lock_timeout": "10s"}))
