"""What a load in place meets in its target's catalogs: tables, sequences, foreign keys, triggers, materialized views.

It owns the queries. What follows from the answers is decided in `drift`, `touched` and `ownership`; nothing is changed
here.
"""

from collections.abc import Iterable, Sequence

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
from datareplication.jobs.postgres.connection import Session, rows

DOING = "reading the target's catalogs"


_OWNERSHIP = """
    pg_get_userbyid(c.relowner), pg_has_role(c.relowner, 'USAGE'),
    (SELECT rolsuper FROM pg_roles r WHERE r.oid = c.relowner)
"""

_TABLES = f"""
    SELECT c.oid::int8, n.nspname, c.relname, c.relkind, (SELECT count(*) FROM pg_partition_ancestors(c.oid)),
           array(SELECT inhparent::int8 FROM pg_inherits WHERE inhrelid = c.oid), c.relforcerowsecurity,
           has_schema_privilege(n.oid, 'USAGE'), has_table_privilege(c.oid, 'REFERENCES'),
           (SELECT coalesce(jsonb_agg(jsonb_build_array(
                     a.attname, format_type(a.atttypid, a.atttypmod), a.attgenerated <> '',
                     (a.attnotnull OR t.typnotnull) AND NOT a.atthasdef AND a.attidentity = '' AND t.typdefault IS NULL)
                   ORDER BY a.attnum), '[]')
            FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
           {_OWNERSHIP}
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relpersistence <> 't'
      AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'datareplication')
    ORDER BY 5, 2, 3
"""  # noqa: S608 - constants only

_SEQUENCES = f"""
    SELECT c.oid::int8, n.nspname, c.relname, s.seqmin, s.seqmax, {_OWNERSHIP}
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_sequence s ON s.seqrelid = c.oid
    WHERE c.relpersistence <> 't' ORDER BY 2, 3
"""  # noqa: S608 - constants only

_VIEWS = f"""
    SELECT c.oid::int8, format('%%I.%%I', v.schema, v.name), {_OWNERSHIP}
    FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY v(schema, name, position)
    JOIN pg_namespace n ON n.nspname = v.schema JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = v.name
    WHERE c.relkind = 'm' ORDER BY v.position
"""  # noqa: S608 - constants only

_FOREIGN_KEYS = """
    SELECT n.nspname, c.relname, f.conname, c.relkind = 'p', f.conrelid::int8, f.confrelid::int8,
           pg_get_constraintdef(f.oid), obj_description(f.oid, 'pg_constraint')
    FROM pg_constraint f JOIN pg_class c ON c.oid = f.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE f.contype = 'f' AND f.conparentid = 0 ORDER BY 1, 2, 3
"""
"""Those of partitions that come from a partitioned table's go and return with it."""

_TRIGGERS = """
    SELECT n.nspname, c.relname, t.tgname, t.tgenabled, t.tgisinternal
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE t.tgrelid = ANY(%s::oid[]) AND t.tgenabled <> 'D'
      AND (NOT t.tgisinternal OR t.tgparentid <> 0
           AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.oid = t.tgconstraint AND k.contype <> 't'))
    ORDER BY 1, 2, 3
"""

_DEFERRABLES = """
    SELECT n.nspname, k.conname, k.condeferred FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace
    WHERE k.conrelid = ANY(%s::oid[]) AND k.condeferrable AND k.contype IN ('p', 'u', 'x') ORDER BY 1, 2
"""


def read(session: Session, views: Sequence[MaterializedView]) -> Layout:
    """Return the layout of the session's database. views: of these, those that exist are in it."""
    names = [[view.schema for view in views], [view.name for view in views]]
    return Layout(
        tuple(_table(*found) for found in rows(session, _TABLES, doing=DOING)),
        tuple(
            SequenceObject(oid, schema, name, smallest, largest, Ownership(*ownership))
            for oid, schema, name, smallest, largest, *ownership in rows(session, _SEQUENCES, doing=DOING)
        ),
        tuple(ForeignKey(*found) for found in rows(session, _FOREIGN_KEYS, doing=DOING)),
        tuple(
            View(oid, name, Ownership(*ownership))
            for oid, name, *ownership in rows(session, _VIEWS, names, doing=DOING)
        ),
        not_valid.of_tables(session),
    )


def triggers(session: Session, oids: Iterable[int]) -> list[Trigger]:
    """Return the users' triggers of tables that are not disabled."""
    return [Trigger(*found) for found in rows(session, _TRIGGERS, [list(oids)], doing=DOING)]


def deferrables(session: Session, oids: Iterable[int]) -> list[Deferrable]:
    """Return the deferrable unique and exclusion constraints of tables."""
    return [Deferrable(*found) for found in rows(session, _DEFERRABLES, [list(oids)], doing=DOING)]


def holders(session: Session, oids: Iterable[int]) -> list[str]:
    """Return who else holds a lock on one of these relations."""
    query = """
        SELECT DISTINCT coalesce(nullif(a.application_name, ''), a.backend_type), a.pid, a.usename
        FROM pg_locks l JOIN pg_stat_activity a USING (pid)
        WHERE l.locktype = 'relation' AND l.granted AND l.relation = ANY(%s::oid[]) AND a.pid <> pg_backend_pid()
          AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY 2
    """
    found = rows(session, query, [list(oids)], doing=DOING)
    return [f"{name or 'a session'} (role {role}, backend {pid})" for name, pid, role in found]


def _table(  # noqa: PLR0913, PLR0917 - a catalog row
    oid: int,
    schema: str,
    name: str,
    kind: str,
    _depth: int,
    parents: list[int],
    forces_security: bool,
    is_reachable: bool,
    may_be_referenced: bool,
    columns: list[tuple[str, str, bool, bool]],
    *ownership: object,
) -> Table:
    return Table(
        oid=oid,
        schema=schema,
        name=name,
        kind=KINDS[kind],
        parents=tuple(parents),
        forces_security=forces_security,
        is_reachable=is_reachable,
        may_be_referenced=may_be_referenced,
        columns=tuple(Column(*column) for column in columns),
        ownership=Ownership(*ownership),  # type: ignore[arg-type]
    )
