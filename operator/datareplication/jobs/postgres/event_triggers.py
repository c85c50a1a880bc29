"""Event triggers of a target that end a load in place: they fire on its ALTER TABLE as on anybody's.

It owns how one is recognized in an error. It refuses to disable any: they are the target's administrator's.
"""

import psycopg2

from datareplication.errors import ReplicationError, RightsError
from datareplication.jobs.postgres.connection import Session, rows

_ENABLED = """
    SELECT format('%I', evtname), evtfoid::regprocedure::text FROM pg_event_trigger WHERE evtenabled <> 'D' ORDER BY 1
"""


def let_fire(session: Session) -> None:
    """Let them fire on what the session does from now on, if it has logged in without."""
    query = """
        SELECT set_config('event_triggers', 'on', false)
        WHERE current_setting('event_triggers', true) = 'off' AND current_setting('is_superuser')::bool
    """
    rows(session, query, doing="session settings")


def blamed(session: Session, error: ReplicationError) -> ReplicationError:
    """Return a RightsError that names the event trigger in whose function an error arose, else the error itself.

    session: in which it arose, its transaction rolled back. PL/pgSQL tells which functions were at work; of those of
    other languages nothing is known.
    """
    cause = error.__cause__
    context = cause.diag.context if isinstance(cause, psycopg2.Error) else None
    if not context or session.closed or error.is_transient:
        return error
    for trigger, function in rows(session, _ENABLED, doing="reading the target's event triggers"):
        if f"PL/pgSQL function {function} " in context:
            text = f"{error.message}; the target's event trigger {trigger} ended the load"
            remedy = f"let its function {function} pass the load's role, or ALTER EVENT TRIGGER {trigger} DISABLE"
            return RightsError(f"{text}: {remedy}", reason="EventTriggerRefused")
    return error
