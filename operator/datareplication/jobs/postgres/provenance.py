"""The table that a load leaves in its target: where the data is from, and that it is ours to replace.

It owns the table `datareplication.provenance`, one row per load. It trusts no table of that name that it did not shape:
whoever may create tables in a target must not make the load's role run their code.
"""

from collections.abc import Collection
from dataclasses import dataclass, fields

from psycopg2 import sql

from datareplication.jobs.postgres.catalog import PROVENANCE
from datareplication.jobs.postgres.connection import (
    Session,
    execute,
    identifier,
    row,
    rows,
    transaction,
    without_event_triggers,
)

_TYPES = {
    "source_system_identifier": "text",
    "source_database": "text",
    "snapshot_time": "text",
    "lsn": "text",
    "run_uid": "text",
    "run_name": "text",
    "replication": "text",
    "target_system_identifier": "text",
    "target_database": "text",
    "previous_database": "bigint",
    "schema_fingerprint": "text",
    "tool_version": "text",
    "duration_seconds": "double precision",
    "loaded_by_run_uid": "text",
    "snapshot": "text",
    "tables": "bigint",
    "rows": "bigint",
    "bytes": "bigint",
    "loaded_at": "timestamp with time zone",
}

ADDED = {"loaded_by_run_uid": "", "snapshot": "", "tables": 0, "rows": 0, "bytes": 0}
"""Columns that loads of earlier versions did not write, and what is read in their stead."""

WRITING = "writing datareplication.provenance"

_SHAPE = """
    SELECT array_agg(attname || ' ' || format_type(atttypid, atttypmod) ORDER BY attnum)
    FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE n.nspname = %s AND c.relname = %s AND attnum > 0 AND NOT attisdropped AND relkind = 'r' AND NOT relrowsecurity
"""
"""Looked up by names and not by to_regclass(), which fails where the role may not look into the schema."""


@dataclass(frozen=True)
class Provenance:
    """One load. Times are RFC 3339, UTC.

    run_uid, run_name, replication: of the snapshot; loaded_by_run_uid: of the run that loaded it, empty by hand.
    previous_database: oid of the database that the load replaced. target_*: where it was loaded, so that a copy of the
    target elsewhere is not taken for one. snapshot: its path as the load was given it. bytes: of uncompressed CSV.
    """

    source_system_identifier: str
    source_database: str
    snapshot_time: str
    lsn: str
    run_uid: str
    run_name: str
    replication: str
    target_system_identifier: str
    target_database: str
    previous_database: int
    schema_fingerprint: str
    tool_version: str
    duration_seconds: float
    loaded_by_run_uid: str
    snapshot: str
    tables: int
    rows: int
    bytes: int


def read(session: Session) -> Provenance | None:
    """Return the last load into the session's database, None when there is none or the table is not ours."""
    doing = "reading datareplication.provenance"
    columns = _columns(session)
    if not _is_shape_of_ours(columns):
        return None
    names = sql.SQL(", ").join(
        sql.Literal(ADDED[field.name])
        if f"{field.name} {_TYPES[field.name]}" not in columns
        else sql.Identifier(field.name)
        for field in fields(Provenance)
    )
    query = sql.SQL("SELECT {} FROM {} ORDER BY loaded_at DESC LIMIT 1").format(names, identifier(*PROVENANCE))
    found = rows(session, query, doing=doing)
    return Provenance(*found[0]) if found else None


def write(session: Session, provenance: Provenance) -> None:
    """Make this load the one that the session's database tells of; everyone may read the table."""
    without_event_triggers(session)
    with transaction(session, doing=WRITING):
        replace(session, provenance)


@dataclass(frozen=True)
class Home:
    """Where a load that makes no new database leaves its provenance.

    owner: of the table, None when there is none. has_rights: whether the role has the owner's. is_strange: what has the
    table's name was not made by a load. can_create: whether the role may make what is missing. is_reachable: whether it
    may look into the schema.
    """

    owner: str | None
    has_rights: bool
    is_strange: bool
    has_schema: bool
    can_create: bool
    is_reachable: bool


def home(session: Session) -> Home:
    """Return what a load in place meets where its provenance goes."""
    query = """
        SELECT pg_get_userbyid(c.relowner), coalesce(pg_has_role(c.relowner, 'USAGE'), false), n.oid IS NOT NULL,
               coalesce(has_schema_privilege(n.oid, 'CREATE'), has_database_privilege(current_database(), 'CREATE')),
               coalesce(has_schema_privilege(n.oid, 'USAGE'), true)
        FROM (VALUES (%s, %s)) AS wanted(schema, name) LEFT JOIN pg_namespace n ON n.nspname = wanted.schema
        LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = wanted.name
    """
    found = row(session, query, PROVENANCE, doing="looking up datareplication.provenance")
    owner, has_rights, has_schema, can_create, is_reachable = found
    is_strange = owner is not None and not _is_shape_of_ours(_columns(session))
    return Home(owner, has_rights, is_strange, has_schema, can_create, is_reachable)


def replace(session: Session, provenance: Provenance) -> None:
    """Make this load the one that the session's database tells of, inside the caller's transaction."""
    columns = _columns(session)
    if columns == _shape():
        execute(session, sql.SQL("DELETE FROM {}").format(identifier(*PROVENANCE)), doing=WRITING)
    else:
        if _is_shape_of_ours(columns):
            execute(session, sql.SQL("DROP TABLE {}").format(identifier(*PROVENANCE)), doing=WRITING)
        _create(session)
    _insert(session, provenance)


def _columns(session: Session) -> list[str]:
    found = row(session, _SHAPE, PROVENANCE, doing="reading datareplication.provenance")[0]
    return list(found or ())


def _shape(without: Collection[str] = ()) -> list[str]:
    return [f"{name} {kind}" for name, kind in _TYPES.items() if name not in without]


def _is_shape_of_ours(columns: list[str]) -> bool:
    """Whether a load made a table with these columns: this version's or an earlier one's."""
    return columns in (_shape(), _shape(without=ADDED))


def _create(session: Session) -> None:
    schema, table = sql.Identifier(PROVENANCE[0]), identifier(*PROVENANCE)
    columns = sql.SQL(", ").join(sql.SQL("{} {}").format(sql.Identifier(n), sql.SQL(t)) for n, t in _TYPES.items())
    statements = [
        sql.SQL("CREATE TABLE {} ({})").format(table, columns),
        sql.SQL("GRANT USAGE ON SCHEMA {} TO PUBLIC").format(schema),
        sql.SQL("GRANT SELECT ON {} TO PUBLIC").format(table),
    ]
    # IF NOT EXISTS asks for the right to create one even where it exists.
    if not rows(session, "SELECT FROM pg_namespace WHERE nspname = %s", [PROVENANCE[0]], doing=WRITING):
        statements.insert(0, sql.SQL("CREATE SCHEMA {}").format(schema))
    for statement in statements:
        execute(session, statement, doing=WRITING)


def _insert(session: Session, provenance: Provenance) -> None:
    given = [getattr(provenance, field.name) for field in fields(provenance)]
    values = sql.SQL(", ").join([*(sql.Literal(value) for value in given), sql.SQL("now()")])
    statement = sql.SQL("INSERT INTO {} VALUES ({})").format(identifier(*PROVENANCE), values)
    execute(session, statement, doing=WRITING)
