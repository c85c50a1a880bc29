"""Notes on databases that only the session's role can have written.

The owner of a database can forge its comment and every table in it. A setting of a role in a database can be written
only by that role, and by roles that may alter it; it belongs to the database's oid. So a note is a setting of our own
role: application_name, which the programs' sessions never take from there, because they set it themselves.
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
    """Return the note of the session's role on a database; None if there is none."""
    found = rows(session, _READ, [oid, f"{CARRIER}={PREFIX}%"], doing="looking for a note on a database")
    return str(found[0][0]) if found else None


def write(session: Session, database: str, note: str) -> None:
    """Write the note on a database of that name; it replaces an earlier note."""
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
