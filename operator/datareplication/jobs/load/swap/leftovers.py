"""Databases that an earlier attempt left beside the target: how to recognize and drop them."""

from datareplication.core.reasons import Reason
from datareplication.errors import GuardError
from datareplication.jobs.frame.log import Log
from datareplication.jobs.load.swap import siblings
from datareplication.jobs.model.databases import Database
from datareplication.jobs.postgres import databases, notes
from datareplication.jobs.postgres.connection import Session


def drop(session: Session, name: str, log: Log, refusal: Reason | None = None) -> None:
    """Drop the database of that name if a load left it. session: to the maintenance database, with the target's lock.

    refusal: the reason of the GuardError if no load left the database; without a reason such a database is left alone.
    """
    found = databases.describe(session, name)
    if found is None:
        return
    if _is_a_loads(session, found):
        databases.drop(session, name)
        log.info("dropped what an earlier attempt left", database=name)
    elif refusal is not None:
        text = f"database {name} exists and was not left by a load: rename or drop it"
        raise GuardError(text, reason=refusal)


def _is_a_loads(session: Session, found: Database) -> bool:
    is_noted = notes.read(session, found.oid) is not None
    return is_noted or siblings.is_mark(found.comment) or found.is_just_made
