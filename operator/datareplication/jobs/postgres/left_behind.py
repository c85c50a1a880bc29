"""Which objects of the kinds that a copy leaves behind the source has, read in the dump's snapshot."""

from collections.abc import Mapping, Sequence

from datareplication.jobs.model import left_behind
from datareplication.jobs.postgres.connection import Session, rows

_QUERIES: Mapping[str, str] = {
    left_behind.TABLESPACES: """
        SELECT spcname FROM pg_tablespace WHERE spcname NOT IN ('pg_default', 'pg_global') AND oid IN (
            SELECT reltablespace FROM pg_class
            UNION ALL SELECT dattablespace FROM pg_database WHERE datname = current_database()) ORDER BY 1
    """,
    left_behind.PUBLICATIONS: "SELECT pubname FROM pg_publication ORDER BY 1",
    left_behind.SUBSCRIPTIONS: """
        SELECT subname FROM pg_subscription
        WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY 1
    """,
}


def read(session: Session) -> dict[str, Sequence[str]]:
    """Return the names by kind."""
    doing = "reading the catalogs"
    return {kind: [name for (name,) in rows(session, query, doing=doing)] for kind, query in _QUERIES.items()}
