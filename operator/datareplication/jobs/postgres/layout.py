"""Reads what matters to a load in place from its target's catalogs: tables, sequences, foreign keys, triggers, views.

Nothing is changed here. `drift`, `touched` and `rights` decide what follows from the answers.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from datareplication.jobs.model.layout import (
    KINDS,
    Column,
    Deferrable,
    ForeignKey,
    Layout,
    Ownership,
    SequenceObject,
    Table,
    Trigger,
    View,
)
from datareplication.jobs.model.manifest import MaterializedView
from datareplication.jobs.postgres import not_valid
from datareplication.jobs.postgres.connection import Session, records, rows

DOING = "reading the target's catalogs"


_OWNERSHIP = """
    pg_get_userbyid(c.relowner) AS owner, pg_has_role(c.relowner, 'USAGE') AS has_rights,
    (SELECT rolsuper FROM pg_roles r WHERE r.oid = c.relowner) AS is_superuser
"""

_TABLES = f"""
    SELECT c.oid::int8, n.nspname AS schema, c.relname AS name, c.relkind AS kind,
           array(SELECT inhparent::int8 FROM pg_inherits WHERE inhrelid = c.oid) AS parents,
           c.relforcerowsecurity AS forces_security, has_schema_privilege(n.oid, 'USAGE') AS is_reachable,
           has_table_privilege(c.oid, 'REFERENCES') AS may_be_referenced,
           (SELECT coalesce(jsonb_agg(jsonb_build_object(
                     'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
                     'is_generated', a.attgenerated <> '', 'needs_value', (a.attnotnull OR t.typnotnull)
                       AND NOT a.atthasdef AND a.attidentity = '' AND t.typdefault IS NULL)
                   ORDER BY a.attnum), '[]')
            FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
           {_OWNERSHIP}
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relpersistence <> 't'
      AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'datareplication')
    ORDER BY (SELECT count(*) FROM pg_partition_ancestors(c.oid)), 2, 3
"""  # noqa: S608 - constants only

_SEQUENCES = f"""
    SELECT c.oid::int8, n.nspname AS schema, c.relname AS name, s.seqmin AS smallest, s.seqmax AS largest, {_OWNERSHIP}
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_sequence s ON s.seqrelid = c.oid
    WHERE c.relpersistence <> 't' ORDER BY 2, 3
"""  # noqa: S608 - constants only

_VIEWS = f"""
    SELECT c.oid::int8, format('%%I.%%I', v.schema, v.name) AS name, {_OWNERSHIP}
    FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY v(schema, name, position)
    JOIN pg_namespace n ON n.nspname = v.schema JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = v.name
    WHERE c.relkind = 'm' ORDER BY v.position
"""  # noqa: S608 - constants only

_FOREIGN_KEYS = """
    SELECT n.nspname AS schema, c.relname AS table, f.conname AS name, c.relkind = 'p' AS is_partitioned,
           f.conrelid::int8 AS table_oid, f.confrelid::int8 AS referenced_oid,
           pg_get_constraintdef(f.oid) AS definition, obj_description(f.oid, 'pg_constraint') AS comment,
           NOT EXISTS (SELECT FROM pg_trigger WHERE tgconstraint = f.oid AND tgenabled <> 'O') AS is_checked
    FROM pg_constraint f JOIN pg_class c ON c.oid = f.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE f.contype = 'f' AND f.conparentid = 0 ORDER BY 1, 2, 3
"""
"""Without the keys that partitions have from their partitioned table: these are dropped and added with its key."""

_TRIGGERS = """
    SELECT n.nspname AS schema, c.relname AS table, t.tgname AS name, t.tgenabled AS state,
           t.tgisinternal AS is_internal
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE t.tgrelid = ANY(%s::oid[]) AND t.tgenabled <> 'D'
      AND (NOT t.tgisinternal OR t.tgparentid <> 0
           AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.oid = t.tgconstraint AND k.contype <> 't'))
    ORDER BY 1, 2, 3
"""

_DEFERRABLES = """
    SELECT n.nspname AS schema, k.conname AS name, k.condeferred AS is_deferred
    FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace
    WHERE k.conrelid = ANY(%s::oid[]) AND k.condeferrable AND k.contype IN ('p', 'u', 'x') ORDER BY 1, 2
"""


def read(session: Session, views: Sequence[MaterializedView]) -> Layout:
    """Return the layout of the session's database. views: the wanted views; those that exist are in the layout."""
    names = [[view.schema for view in views], [view.name for view in views]]
    return Layout(
        tuple(records(session, _TABLES, into=_table, doing=DOING)),
        tuple(records(session, _SEQUENCES, into=_sequence, doing=DOING)),
        tuple(records(session, _FOREIGN_KEYS, into=ForeignKey, doing=DOING)),
        tuple(records(session, _VIEWS, names, into=_view, doing=DOING)),
        not_valid.of_tables(session),
    )


def triggers(session: Session, oids: Iterable[int]) -> list[Trigger]:
    """Return users' triggers of tables, without disabled ones."""
    return records(session, _TRIGGERS, [list(oids)], into=Trigger, doing=DOING)


def deferrables(session: Session, oids: Iterable[int]) -> list[Deferrable]:
    """Return the deferrable unique and exclusion constraints of tables."""
    return records(session, _DEFERRABLES, [list(oids)], into=Deferrable, doing=DOING)


def holders(session: Session, oids: Iterable[int]) -> list[str]:
    """Return the other sessions that hold a lock on one of these relations."""
    query = """
        SELECT DISTINCT coalesce(nullif(a.application_name, ''), a.backend_type), a.pid, a.usename
        FROM pg_locks l JOIN pg_stat_activity a USING (pid)
        WHERE l.locktype = 'relation' AND l.granted AND l.relation = ANY(%s::oid[]) AND a.pid <> pg_backend_pid()
          AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY 2
    """
    found = rows(session, query, [list(oids)], doing=DOING)
    return [f"{name or 'a session'} (role {role}, backend {pid})" for name, pid, role in found]


def _table(*, kind: str, columns: Iterable[dict[str, Any]], **rest: Any) -> Table:
    found = tuple(Column(**column) for column in columns)
    return Table(kind=KINDS[kind], columns=found, **_with_ownership(**rest))


def _sequence(**fields: Any) -> SequenceObject:
    return SequenceObject(**_with_ownership(**fields))


def _view(**fields: Any) -> View:
    return View(**_with_ownership(**fields))


def _with_ownership(*, owner: str, has_rights: bool, is_superuser: bool, **rest: Any) -> dict[str, Any]:
    return {**rest, "ownership": Ownership(owner, has_rights, is_superuser)}
