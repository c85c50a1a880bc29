"""The table that a load leaves in its target: where the data is from, and that a load may replace it.

The table is `datareplication.provenance`, with one row. A target's owner can forge it, so it proves nothing against him
(postgres.notes does). The owner must not be able to make the load's role run code by it. So the table is read only by
COPY, which opens nothing but tables, and written only if it belongs to the load's role and is plain.
"""

import csv
import dataclasses
import io
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from psycopg2 import sql

from datareplication.errors import DataError, GuardError
from datareplication.jobs.model.provenance import DROP, Home, Provenance
from datareplication.jobs.postgres.catalog import PROVENANCE
from datareplication.jobs.postgres.connection import (
    Session,
    classified,
    execute,
    identifier,
    record,
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
    "masking_rules": "text",
    "loaded_at": "timestamp with time zone",
}

_VALUES: Mapping[str, Callable[[str], str | int | float]] = {"text": str, "bigint": int, "double precision": float}

ADDED = {"loaded_by_run_uid": "", "snapshot": "", "tables": 0, "rows": 0, "bytes": 0, "masking_rules": ""}
"""Columns that loads of earlier versions did not write, and the values that stand for them."""

ADDED_LAST = ("masking_rules",)
"""Those of them that came later than the others."""

WRITING = "writing datareplication.provenance"

LONGEST_BYTES = 1 << 20
"""The largest size of the table as CSV: a load leaves one row."""

_SHAPE = """
    SELECT array_agg(attname || ' ' || format_type(atttypid, atttypmod) ORDER BY attnum)
    FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE n.nspname = %s AND c.relname = %s AND attnum > 0 AND NOT attisdropped AND relkind = 'r' AND NOT relrowsecurity
"""
"""The table is looked up by names: to_regclass() fails if the role has no USAGE on the schema."""

_HOME = """
    SELECT n.oid IS NOT NULL AS has_schema, c.oid IS NOT NULL AS has_table,
           coalesce(n.nspowner IN (TABLE mine), false) AS is_schema_ours,
           coalesce(c.relowner IN (TABLE mine), false) AS is_table_ours,
           has_database_privilege(current_database(), 'CREATE') AS can_create,
           c.oid IS NULL OR c.relkind = 'r' AND c.relpersistence = 'p' AND NOT c.relrowsecurity AND NOT c.relhassubclass
           AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = c.oid)
           AND NOT EXISTS (SELECT FROM pg_rewrite WHERE ev_class = c.oid)
           AND NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = c.oid AND contype <> 'n')
           AND NOT EXISTS (SELECT FROM pg_attrdef WHERE adrelid = c.oid)
           AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = c.oid)
           AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = c.oid) AS is_plain
    FROM (VALUES (%s, %s)) AS wanted(schema, name) LEFT JOIN pg_namespace n ON n.nspname = wanted.schema
    LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = wanted.name
"""
_MINE = """
    WITH mine AS (
        SELECT r.oid FROM pg_roles r JOIN pg_roles me ON me.rolname = current_user
        WHERE r.oid = me.oid OR r.rolsuper AND me.rolsuper)
"""
"""Owners that are trusted: the role itself; for a superuser also other superusers, who can run any code anyway."""


def read(session: Session) -> Provenance | None:
    """Return the last load into the session's database; None if there is none or the table is not ours.

    GuardError if the table is too large; then the session cannot be used any more.
    """
    doing = "reading datareplication.provenance"
    columns = _columns(session)
    if not _is_shape_of_ours(columns):
        return None
    names = [field.name for field in fields(Provenance) if f"{field.name} {_TYPES[field.name]}" in columns]
    wanted = sql.SQL(", ").join(sql.Identifier(name) for name in [*names, "loaded_at"])
    statement = sql.SQL("COPY {} ({}) TO STDOUT WITH (FORMAT csv)").format(identifier(*PROVENANCE), wanted)
    text = _Bounded()
    try:
        with classified(doing), session.cursor() as cursor:
            cursor.copy_expert(statement, text)
    except DataError:  # it has become something else meanwhile, for example a view
        return None
    return _last(names, text.getvalue())


class _Bounded(io.BytesIO):
    """Takes at most LONGEST_BYTES; GuardError for more."""

    def write(self, data: Any, /) -> int:
        if self.tell() + len(data) > LONGEST_BYTES:
            text = f"datareplication.provenance in the target holds more than a load leaves there: {DROP}"
            raise GuardError(text, reason="ProvenanceNotOurs")
        return super().write(data)


def _last(names: Sequence[str], text: bytes) -> Provenance | None:
    """Return the latest row; None if no load can have written it. text: CSV of these columns and the row's time."""
    try:
        last = max(csv.reader(io.StringIO(text.decode(), newline="")), key=lambda row: row[-1], default=None)
        if last is None:
            return None
        values = {name: _VALUES[_TYPES[name]](text) for name, text in zip(names, last[:-1], strict=True)}
        found = Provenance(**{**ADDED, **values})  # type: ignore[arg-type]
    except (ValueError, csv.Error):  # not text, not a number, or a field too long for csv
        return None
    return found if found.is_plausible(datetime.now(UTC)) else None


def write(session: Session, provenance: Provenance) -> None:
    """Record this load in the session's database instead of an earlier one; everybody may read the table."""
    without_event_triggers(session)
    with transaction(session, doing=WRITING):
        replace(session, provenance)


def home(session: Session) -> Home:
    """Return what is found in place of the provenance, before a load in place."""
    found = record(session, _MINE + _HOME, PROVENANCE, into=Home, doing="looking up datareplication.provenance")
    has_shape = not found.has_table or _is_shape_of_ours(_columns(session))
    return dataclasses.replace(found, is_plain=found.is_plain and has_shape)


def _our_home(session: Session) -> Home:
    found = home(session)
    if not found.is_plain or found.is_strangers:
        text = f"datareplication.provenance in the target was not created by a load: {DROP}"
        raise GuardError(text, reason="ProvenanceNotOurs")
    return found


def replace(session: Session, provenance: Provenance) -> None:
    """Record this load in the session's database instead of an earlier one, inside the caller's transaction.

    GuardError if an object with the table's name does not belong to the role, or is not plain.
    """
    found = _our_home(session)
    if found.has_table:
        statement = sql.SQL("LOCK TABLE ONLY {} IN ACCESS EXCLUSIVE MODE").format(identifier(*PROVENANCE))
        execute(session, statement, doing=WRITING)
        found = _our_home(session)  # checked again: nobody else can change the locked table
    if found.has_table and _columns(session) == _shape():
        execute(session, sql.SQL("DELETE FROM ONLY {}").format(identifier(*PROVENANCE)), doing=WRITING)
    else:
        if found.has_table:
            execute(session, sql.SQL("DROP TABLE {}").format(identifier(*PROVENANCE)), doing=WRITING)
        _create(session)
    _insert(session, provenance)


def _columns(session: Session) -> list[str]:
    found = row(session, _SHAPE, PROVENANCE, doing="reading datareplication.provenance")[0]
    return list(found or ())


def _shape(without: Collection[str] = ()) -> list[str]:
    return [f"{name} {kind}" for name, kind in _TYPES.items() if name not in without]


def _is_shape_of_ours(columns: list[str]) -> bool:
    """Whether these are the columns of a load's table, of this version or an earlier one."""
    return columns in (_shape(), _shape(without=ADDED_LAST), _shape(without=ADDED))


def _create(session: Session) -> None:
    schema, table = sql.Identifier(PROVENANCE[0]), identifier(*PROVENANCE)
    columns = sql.SQL(", ").join(sql.SQL("{} {}").format(sql.Identifier(n), sql.SQL(t)) for n, t in _TYPES.items())
    statements = [
        sql.SQL("CREATE TABLE {} ({})").format(table, columns),
        sql.SQL("GRANT USAGE ON SCHEMA {} TO PUBLIC").format(schema),
        sql.SQL("GRANT SELECT ON {} TO PUBLIC").format(table),
    ]
    # IF NOT EXISTS needs the right to create a schema even if the schema exists.
    if not rows(session, "SELECT FROM pg_namespace WHERE nspname = %s", [PROVENANCE[0]], doing=WRITING):
        statements.insert(0, sql.SQL("CREATE SCHEMA {}").format(schema))
    for statement in statements:
        execute(session, statement, doing=WRITING)


def _insert(session: Session, provenance: Provenance) -> None:
    given = [getattr(provenance, field.name) for field in fields(provenance)]
    values = sql.SQL(", ").join([*(sql.Literal(value) for value in given), sql.SQL("now()")])
    statement = sql.SQL("INSERT INTO {} VALUES ({})").format(identifier(*PROVENANCE), values)
    execute(session, statement, doing=WRITING)
