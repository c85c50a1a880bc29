"""What is found at a target before it is touched: `guard.Facts`.

It chooses which databases are queried. `guard` decides what follows.
"""

import contextlib
from dataclasses import replace

from datareplication.errors import UsageError
from datareplication.jobs.load import sessions
from datareplication.jobs.load.guard import Facts, Previous
from datareplication.jobs.model.databases import Database, Server
from datareplication.jobs.model.provenance import Provenance
from datareplication.jobs.model.quoting import quoted
from datareplication.jobs.model.settings import LoadSettings
from datareplication.jobs.postgres import databases, notes, provenance, target
from datareplication.jobs.postgres.connection import Session
from datareplication.jobs.postgres.conninfo import parameters


def target_name(given: LoadSettings) -> str:
    """Return the target database's name; UsageError if it is also the maintenance database."""
    name = parameters(given.target)["dbname"]
    if name == given.maintenance_database:
        text = f"database {name} cannot be both target and maintenance database (--maintenance-database)"
        raise UsageError(text)
    return name


def look(given: LoadSettings, session: Session) -> Facts:
    """Return the facts. session: to the maintenance database. UsageError if the target database does not exist."""
    database = _existing(given, session)
    server = target.server(session)
    with contextlib.closing(sessions.inside(given, server, database.name, sessions.LOOKING)) as inside:
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
    """Return where a database's data is from; None if the database does not say, or if nobody may connect to it."""
    if not database.allows_connections:
        return None
    with contextlib.closing(sessions.inside(given, server, database.name, sessions.LOOKING)) as inside:
        return provenance.read(inside)


def _look_into_previous(given: LoadSettings, facts: Facts) -> Facts:
    """Read the provenance in the previous database, because nothing else shows whether it is ours."""
    if facts.previous is None:
        return facts
    database = facts.previous.database
    return replace(facts, previous=replace(facts.previous, provenance=provenance_of(given, facts.server, database)))


def _existing(given: LoadSettings, session: Session) -> Database:
    name = target_name(given)
    database = databases.describe(session, name)
    if database is None:
        text = f"database {name} does not exist on the target: CREATE DATABASE {quoted(name)}, or correct dbname"
        raise UsageError(f"{text} in {given.target.prefix}_DB_CONNECTION", reason="UnknownDatabase")
    return database
