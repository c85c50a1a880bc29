"""After a masked load, no copy of production that is not masked stays beside the target."""

from datareplication.jobs.frame.log import Log
from datareplication.jobs.load import facts
from datareplication.jobs.model.settings import LoadSettings
from datareplication.jobs.postgres import databases
from datareplication.jobs.postgres.connection import Session


def drop_previous(given: LoadSettings, session: Session, log: Log) -> str:
    """Drop `<db>__previous` if a load left it and its rows are not masked; return a remark, empty if there is none.

    session: to the maintenance database, with the target's lock. The load is already done: an error is only a remark.
    """
    name = ""
    try:
        found = facts.look(given, session)
        if found.previous is None or not found.is_previous_ours:
            return ""
        database = found.previous.database
        name, stamp = database.name, facts.provenance_of(given, found.server, database)
        if stamp is None or stamp.masking_rules:
            return ""
        databases.drop(session, name)
    except Exception as error:  # noqa: BLE001 - the load's own outcome is what counts
        log.warning("could not drop the previous database, whose rows are not masked", error=str(error))
        return f"{name or 'the previous database'} may hold rows that are not masked and could not be dropped: drop it"
    log.info("dropped the previous database, whose rows are not masked", database=name)
    return f"{name} was not kept: its rows are not masked"
