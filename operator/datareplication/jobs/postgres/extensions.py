"""Tables in which extensions keep rows of users (pg_extension_config_dump): which, and whether a target has them.

CREATE EXTENSION creates these tables, and its script may put rows into them. The script registers a condition that
selects the users' rows. Nothing is locked or copied here.
"""

import contextlib
from collections.abc import Collection, Iterable
from graphlib import CycleError, TopologicalSorter
from typing import Any

from psycopg2 import sql

from datareplication.errors import CapabilityError
from datareplication.jobs.model.manifest import Column, Relation
from datareplication.jobs.model.selection import Node
from datareplication.jobs.model.tables import Table
from datareplication.jobs.postgres import unplanned
from datareplication.jobs.postgres.catalog import DOING
from datareplication.jobs.postgres.connection import Session, identifier, records, row, rows

KIND = "ExtensionTable"

CONFIG = """
    FROM pg_extension e CROSS JOIN unnest(extconfig, extcondition) config(oid, condition)
    JOIN pg_depend m ON (m.classid, m.objid, m.refclassid, m.refobjid, m.deptype)
        = ('pg_class'::regclass, config.oid, 'pg_extension'::regclass, e.oid, 'e')
    JOIN pg_class c ON c.oid = config.oid JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname <> 'pg_catalog'
"""
"""Only tables that belong to the extension: a superuser can write any table into its list, also one of passwords."""

_NAMES = f"""
    SELECT c.oid::int8, n.nspname AS schema, c.relname AS name, 'x' AS kind {CONFIG} WHERE c.relkind = 'r' ORDER BY 1
"""

_TABLES = f"""
    SELECT c.oid::int8, n.nspname AS schema, c.relname AS name, c.relpersistence = 'u' AS is_unlogged,
           pg_relation_size(c.oid) / current_setting('block_size')::int AS blocks,
           pg_table_size(c.oid) AS bytes, greatest(c.reltuples, 0)::int8 AS estimated_rows,
           (SELECT coalesce(array_agg(ARRAY[attname::text, format_type(atttypid, atttypmod)] ORDER BY attnum), '{{}}')
            FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
           ) AS columns,
           e.extname AS extension, coalesce(condition, '') AS condition
    {CONFIG} WHERE c.relkind = 'r' AND c.oid <> ALL (%(rowless)s::oid[]) ORDER BY 1
"""  # noqa: S608 - constants only

_REFERENCES = """
    SELECT conrelid::int8, confrelid::int8 FROM pg_constraint
    WHERE contype = 'f' AND conrelid = ANY (%(oids)s::oid[]) AND confrelid = ANY (%(oids)s::oid[])
"""

_UNREADABLE = f"""
    SELECT c.oid::int8, format('%I.%I', n.nspname, c.relname),
           CASE WHEN NOT has_schema_privilege(n.oid, 'USAGE')
                THEN format('GRANT USAGE ON SCHEMA %I TO %I', n.nspname, current_user)
                WHEN c.relkind = 'S'
                THEN format('GRANT SELECT ON SEQUENCE %I.%I TO %I', n.nspname, c.relname, current_user)
                WHEN NOT has_table_privilege(c.oid, 'SELECT')
                THEN format('GRANT SELECT ON TABLE %I.%I TO %I', n.nspname, c.relname, current_user)
                ELSE format('ALTER ROLE %I BYPASSRLS', current_user) END
    {CONFIG} WHERE c.relkind IN ('r', 'S') AND (NOT has_schema_privilege(n.oid, 'USAGE')
      OR NOT has_table_privilege(c.oid, 'SELECT') OR (c.relrowsecurity AND row_security_active(c.oid)))
    ORDER BY 2
"""

_LACKING = """
    SELECT name, column_name FROM unnest(%s::text[], %s::text[], %s::text[]) wanted(name, extension, column_name)
    WHERE NOT EXISTS (SELECT FROM pg_attribute
                      WHERE attrelid = to_regclass(name) AND attname = column_name AND NOT attisdropped)
      OR NOT EXISTS (SELECT FROM pg_depend m JOIN pg_extension e ON e.oid = m.refobjid
                     JOIN pg_class c ON c.oid = m.objid
                     WHERE (m.classid, m.objid) = ('pg_class'::regclass, to_regclass(name)) AND m.deptype = 'e'
                       AND m.refclassid = 'pg_extension'::regclass AND e.extname = extension
                       AND c.relkind = 'r' AND c.relnamespace <> 'pg_catalog'::regnamespace)
"""


def table_names(session: Session, rowless: Collection[int]) -> list[Node]:
    """Return the tables whose rows may have to be copied, by oid."""
    return [one for one in records(session, _NAMES, into=Node, doing=DOING) if one.oid not in rowless]


def unreadable(session: Session, rowless: Collection[int]) -> list[tuple[str, str]]:
    """Return (table or sequence, the statement that would help) for each that the role cannot read in full."""
    found = rows(session, _UNREADABLE, doing=DOING)
    return [(name, statement) for oid, name, statement in found if oid not in rowless]


def tables(session: Session, rowless: Collection[int]) -> list[Table]:
    """Return the tables that hold rows of users, each after the tables that it refers to.

    CapabilityError for a table over which no query may be planned, but whose rows only a query can select.
    """
    never = unplanned.tables(session)
    every = records(session, _TABLES, {"rowless": list(rowless)}, into=_table, doing=DOING)
    found = {one.oid: one for one in every if (_is_filled(one) if one.oid in never else _has_rows(session, one))}
    pairs = rows(session, _REFERENCES, {"oids": list(found)}, doing=DOING)
    return [found[oid] for oid in in_order(found, pairs)]


def _table(*, columns: Iterable[list[str]], **figures: Any) -> Table:
    return Table(kind=KIND, columns=tuple(Column(*column) for column in columns), **figures)


def in_order(oids: Collection[int], references: Iterable[tuple[int, ...]]) -> list[int]:
    """Return tables so that each comes after those it refers to; in the given order if the references form a circle."""
    sorter = TopologicalSorter(dict.fromkeys(oids, ()))
    for table, referenced in references:
        if table != referenced:
            sorter.add(table, referenced)
    with contextlib.suppress(CycleError):
        return list(sorter.static_order())
    return list(oids)


def lacking(session: Session, relations: Iterable[Relation]) -> list[tuple[Relation, str]]:
    """Return (table, column) for the relations of which the session's database lacks the table or a column.

    A table that is no member of the extension counts as lacking too: a forged manifest may name any table.
    """
    by_name = {identifier(one.schema, one.name).as_string(session): one for one in relations}
    wanted = [
        (name, one.extension, column)
        for name, one in by_name.items()
        for column in [column.name for column in one.columns] or ["ctid"]
    ]
    if not wanted:
        return []
    values = [[each[place] for each in wanted] for place in range(3)]
    found = rows(session, _LACKING, values, doing=DOING)
    return [(by_name[name], column) for name, column in found]


def _is_filled(table: Table) -> bool:
    if table.condition:
        name = f"{table.schema}.{table.name} of extension {table.extension}"
        text = f"indexes or statistics of {name} call functions, which the query for its rows would run"
        remedy = "drop them, or copy the table without its rows (source.tables.schemaOnly)"
        raise CapabilityError(f"{text}: {remedy}", reason="WouldRunCode")
    return table.blocks > 0


def _has_rows(session: Session, table: Table) -> bool:
    # The condition was written by an extension's script. It is put after the table's name unchanged, as in pg_dump.
    probe = sql.SQL("SELECT EXISTS (SELECT FROM ONLY {} {})")
    query = probe.format(identifier(table.schema, table.name), sql.SQL(table.condition))
    doing = f"reading {table.schema}.{table.name} of extension {table.extension}"
    return bool(row(session, query, doing=doing)[0])
