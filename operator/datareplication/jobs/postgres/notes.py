"""Notes on databases that only the session's role can have written.

Whoever owns a database can forge its comment and every table in it. A setting of a role in a database is written by
that role alone, and by who may alter the role; it goes with the database's oid. So the notes are settings of our own
role, of one whose value the programs' sessions never read: they say their application_name themselves.
"""

from psycopg2 import sql

from datareplication.jobs.model.notes import CARRIER, PREFIX
from datareplication.jobs.postgres.connection import Session, execute, rows

_READ = """
    SELECT substr(setting, strpos(setting, '=') + 1)
    FROM pg_db_role_setting CROSS JOIN unnest(setconfig) AS c(setting)
    WHERE setdatabase = %s AND setrole = (SELECT oid FROM pg_roles WHERE rolname = current_user)
      AND setting LIKE %s
"""


def read(session: Session, oid: int) -> str | None:
    """Return the note on a database, None when there is none of the session's role."""
    found = rows(session, _READ, [oid, f"{CARRIER}={PREFIX}%"], doing="looking for a note on a database")
    return str(found[0][0]) if found else None


def write(session: Session, database: str, note: str) -> None:
    """Write the note on a database of that name, instead of what stood there."""
    statement = sql.SQL("ALTER ROLE CURRENT_USER IN DATABASE {} SET {} = {}").format(
        sql.Identifier(database), sql.Identifier(CARRIER), sql.Literal(note)
    )
    execute(session, statement, doing=f"writing a note on database {database}")


def erase(session: Session, database: str) -> None:
    """Remove the note on a database of that name."""
    statement = sql.SQL("ALTER ROLE CURRENT_USER IN DATABASE {} RESET {}").format(
        sql.Identifier(database), sql.Identifier(CARRIER)
    )
    execute(session, statement, doing=f"removing the note on database {database}")
