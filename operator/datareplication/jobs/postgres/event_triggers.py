"""Event triggers of a target that end a load in place: they fire on the load's ALTER TABLE statements too.

This module finds the trigger that caused an error. It disables none: they belong to the target's administrator.
"""

import psycopg2

from datareplication.errors import ReplicationError, RightsError
from datareplication.jobs.postgres.connection import Session, rows

_ENABLED = """
    SELECT format('%I', evtname), evtfoid::regprocedure::text FROM pg_event_trigger WHERE evtenabled <> 'D' ORDER BY 1
"""


def let_fire(session: Session) -> None:
    """Let event triggers fire on the session's statements from now on, if they were switched off for its login."""
    query = """
        SELECT set_config('event_triggers', 'on', false)
        WHERE current_setting('event_triggers', true) = 'off' AND current_setting('is_superuser')::bool
    """
    rows(session, query, doing="session settings")


def blamed(session: Session, error: ReplicationError) -> ReplicationError:
    """Return a RightsError that names the event trigger whose function raised the error, or else the error itself.

    session: in which the error was raised; its transaction is rolled back. Only PL/pgSQL reports which functions were
    running; functions in other languages are not recognized.
    """
    cause = error.__cause__
    context = cause.diag.context if isinstance(cause, psycopg2.Error) else None
    if not context or session.closed or error.is_transient:
        return error
    for trigger, function in rows(session, _ENABLED, doing="reading the target's event triggers"):
        if f"PL/pgSQL function {function} " in context:
            text = f"{error.message}; the target's event trigger {trigger} ended the load"
            remedy = f"let its function {function} allow the load's role, or ALTER EVENT TRIGGER {trigger} DISABLE"
            return RightsError(f"{text}: {remedy}", reason="EventTriggerRefused")
    return error
