"""The settings by which a view's query gives other rows, as a database's own sessions have them.

A materialized view holds what its query gave to the source's own sessions, an index what its functions gave. It owns
reading those settings at the source and taking them over at a target. It refuses to know who fills what.
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
"""Of the database, else of all databases, else the server's. A role's own setting hides the server's."""


def of_database(session: Session) -> tuple[Setting, ...]:
    """Return what sessions of the session's database start with, a role's own settings aside.

    session: unpinned. What a role's own setting hides is left out.
    """
    found = rows(session, _OWN, [list(SHAPING)], doing="reading the database's settings")
    return tuple(Setting(name, value) for name, value in found if value is not None)


def accepted(session: Session, wanted: Iterable[Setting]) -> tuple[dict[str, str], list[str]]:
    """Return those that the session's server takes, and why not for each of the others (a locale that it lacks)."""
    taken, refused = {}, []
    for one in wanted:
        if one.name not in SHAPING:
            continue  # a snapshot chooses among these and nothing else
        try:
            with transaction(session, doing=f"setting {one.name}"):
                take_over(session, {one.name: one.value})
            taken[one.name] = one.value
        except ReplicationError as error:
            refused.append(error.message)
    return taken, refused


def of_rows(taken: Mapping[str, str]) -> dict[str, str]:
    """Return those of accepted settings under which rows are copied and indexes built: all but what decides the text.

    A function may call itself IMMUTABLE and depend on the time zone all the same.
    """
    return {name: value for name, value in taken.items() if name not in DECIDING_TEXT}


def take_over(session: Session, settings: Mapping[str, str]) -> None:
    """Set these for the rest of the session's transaction."""
    query = "SELECT set_config(name, value, true) FROM unnest(%s::text[], %s::text[]) AS w(name, value)"
    execute(session, query, [list(settings), list(settings.values())], doing="setting what shapes a view's rows")
