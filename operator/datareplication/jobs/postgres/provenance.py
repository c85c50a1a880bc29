"""The table that a load leaves in its target: where the data is from, and that it is ours to replace.

It owns the table `datareplication.provenance`, one row per load. It trusts no table of that name that it did not shape:
whoever may create tables in a target must not make the load's role run their code.
"""

from dataclasses import dataclass, fields

from psycopg2 import sql

from datareplication.jobs.postgres.catalog import PROVENANCE
from datareplication.jobs.postgres.connection import Session, execute, identifier, row, rows, without_event_triggers

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

_SHAPE = """
    SELECT array_agg(attname || ' ' || format_type(atttypid, atttypmod) ORDER BY attnum)
    FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped
      AND (SELECT relkind = 'r' AND NOT relrowsecurity FROM pg_class WHERE oid = attrelid)
"""


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
    table = identifier(*PROVENANCE).as_string(session)
    if row(session, _SHAPE, [table], doing=doing)[0] != [f"{name} {kind}" for name, kind in _TYPES.items()]:
        return None
    names = sql.SQL(", ").join(sql.Identifier(field.name) for field in fields(Provenance))
    query = sql.SQL("SELECT {} FROM {} ORDER BY loaded_at DESC LIMIT 1").format(names, identifier(*PROVENANCE))
    found = rows(session, query, doing=doing)
    return Provenance(*found[0]) if found else None


def write(session: Session, provenance: Provenance) -> None:
    """Create the table in the session's database, with this load as its row; everyone may read it."""
    schema, table = sql.Identifier(PROVENANCE[0]), identifier(*PROVENANCE)
    columns = sql.SQL(", ").join(sql.SQL("{} {}").format(sql.Identifier(n), sql.SQL(t)) for n, t in _TYPES.items())
    given = [getattr(provenance, field.name) for field in fields(provenance)]
    values = sql.SQL(", ").join([*(sql.Literal(value) for value in given), sql.SQL("now()")])
    statements = [
        sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(schema),
        sql.SQL("CREATE TABLE {} ({})").format(table, columns),
        sql.SQL("INSERT INTO {} VALUES ({})").format(table, values),
        sql.SQL("GRANT USAGE ON SCHEMA {} TO PUBLIC").format(schema),
        sql.SQL("GRANT SELECT ON {} TO PUBLIC").format(table),
    ]
    without_event_triggers(session)
    for statement in statements:
        execute(session, statement, doing="writing datareplication.provenance")
