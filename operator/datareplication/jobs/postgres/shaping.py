"""The settings that affect the rows of views, with the values that a database's normal sessions have.

A materialized view holds the rows that its query returned in the source's normal sessions, and an index the values that
its functions returned. So these settings are read at the source, and used at a target.
"""

from collections.abc import Iterable, Mapping

from datareplication.errors import ReplicationError
from datareplication.jobs.model.manifest import Setting
from datareplication.jobs.postgres.connection import Session, execute, rows, transaction
from datareplication.jobs.postgres.session_settings import DECIDING_TEXT, SHAPING

_OWN = """
    WITH own AS (
        SELECT setdatabase, lower(split_part(setting, '=', 1)) AS name,
               substr(setting, strpos(setting, '=') + 1) AS value
        FROM pg_db_role_setting CROSS JOIN unnest(setconfig) AS c(setting)
        WHERE setrole = 0 AND setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
    )
    SELECT s.name, coalesce(
        (SELECT value FROM own WHERE own.name = lower(s.name) ORDER BY setdatabase DESC LIMIT 1),
        CASE WHEN s.source NOT IN ('user', 'database user', 'client') THEN s.setting END)
    FROM pg_settings s WHERE s.name = ANY (%s) ORDER BY 1
"""
"""The database's value, or else the one for all databases, or else the server's. A role's own setting hides the
server's."""


def of_database(session: Session) -> tuple[Setting, ...]:
    """Return the settings with which sessions of the session's database start, apart from a role's own settings.

    session: unpinned. A server's setting that is hidden by a role's own setting is left out.
    """
    found = rows(session, _OWN, [list(SHAPING)], doing="reading the database's settings")
    return tuple(Setting(name, value) for name, value in found if value is not None)


def accepted(session: Session, wanted: Iterable[Setting]) -> tuple[dict[str, str], list[str]]:
    """Return the settings that the session's server accepts, and why it refuses the others (a missing locale)."""
    taken, refused = {}, []
    for one in wanted:
        if one.name not in SHAPING:
            continue  # a snapshot may set only the settings in SHAPING
        try:
            with transaction(session, doing=f"setting {one.name}"):
                take_over(session, {one.name: one.value})
            taken[one.name] = one.value
        except ReplicationError as error:
            refused.append(error.message)
    return taken, refused


def of_rows(taken: Mapping[str, str]) -> dict[str, str]:
    """Return the accepted settings with which rows are copied and indexes are built: those that do not affect text.

    They matter because a function may be declared IMMUTABLE and still depend on the time zone.
    """
    return {name: value for name, value in taken.items() if name not in DECIDING_TEXT}


def take_over(session: Session, settings: Mapping[str, str]) -> None:
    """Set these for the rest of the session's transaction."""
    query = "SELECT set_config(name, value, true) FROM unnest(%s::text[], %s::text[]) AS w(name, value)"
    execute(session, query, [list(settings), list(settings.values())], doing="setting what affects a view's rows")
