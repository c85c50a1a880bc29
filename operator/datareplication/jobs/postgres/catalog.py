"""What is in the source database, read from its catalogs inside the dump's snapshot.

The queries return tables of users, but no system tables, temporary tables or tables of extensions. Nothing is locked or
copied here.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from psycopg2 import errors, sql

from datareplication.errors import TransientError
from datareplication.jobs.model.filling import View
from datareplication.jobs.model.manifest import PG_CLASS, PG_CONSTRAINT, Column, Extension, Index, Role
from datareplication.jobs.model.manifest import Sequence as State
from datareplication.jobs.model.selection import Node, Selection
from datareplication.jobs.model.tables import Table
from datareplication.jobs.postgres import classify
from datareplication.jobs.postgres.connection import Session, identifier, named, records, row, rows

PROVENANCE = ("datareplication", "provenance")
"""Schema and name of the table that a load leaves in its target. A target may be the source of another replication, so
a dump leaves this schema out."""

DOING = "reading the catalogs"

USER_CLASS = """
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND n.nspname !~ '^pg_(toast_)?temp_'
      AND n.nspname <> 'datareplication' AND c.relpersistence <> 't'
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                      AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e')
"""

_NAMES = f"""
    SELECT c.oid::int8, n.nspname AS schema, c.relname AS name, c.relkind AS kind
    {USER_CLASS} AND c.relkind IN ('r', 'p') ORDER BY 1
"""

_TABLES = f"""
    SELECT c.oid::int8, n.nspname AS schema, c.relname AS name, c.relkind AS kind,
           c.relpersistence = 'u' AS is_unlogged,
           pg_relation_size(c.oid) / current_setting('block_size')::int AS blocks,
           pg_table_size(c.oid) AS bytes, greatest(c.reltuples, 0)::int8 AS estimated_rows,
           (SELECT coalesce(array_agg(ARRAY[attname::text, format_type(atttypid, atttypmod)] ORDER BY attnum), '{{}}')
            FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
           ) AS columns,
           (SELECT coalesce(array_agg(ARRAY[CASE WHEN k.oid IS NULL THEN {PG_CLASS} ELSE {PG_CONSTRAINT} END,
                                            coalesce(k.oid, indexrelid)::int8, pg_relation_size(indexrelid)]
                                      ORDER BY indexrelid), '{{}}')
            FROM pg_index LEFT JOIN pg_constraint k ON k.conindid = indexrelid AND k.contype IN ('p', 'u', 'x')
            WHERE indrelid = c.oid) AS indexes
    {USER_CLASS} AND c.relkind IN ('r', 'p') AND c.oid <> ALL (%(left_out)s::oid[]) ORDER BY 1
"""  # noqa: S608 - constants only
"""pg_relation_size() waits for a relation's lock, so it must not be called for relations that are left out."""

_USERS_SEQUENCES = f"""
    SELECT c.oid, n.nspname, c.relname {USER_CLASS} AND c.relkind = 'S'
    UNION ALL
    SELECT c.oid, n.nspname, c.relname FROM pg_extension e CROSS JOIN unnest(extconfig) config(oid)
    JOIN pg_class c ON c.oid = config.oid AND c.relkind = 'S' JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_depend m ON (m.classid, m.objid, m.refclassid, m.refobjid, m.deptype)
        = ('pg_class'::regclass, c.oid, 'pg_extension'::regclass, e.oid, 'e')
"""  # noqa: S608 - constants only
"""Also the sequences of extensions whose state belongs to users (pg_extension_config_dump)."""

_SEQUENCES = f"SELECT oid::int8, nspname, relname FROM ({_USERS_SEQUENCES}) s ORDER BY 2, 3"  # noqa: S608

_UNREADABLE = f"""
    SELECT format('%%I.%%I', n.nspname, c.relname),
           CASE WHEN NOT has_schema_privilege(n.oid, 'USAGE')
                THEN format('GRANT USAGE ON SCHEMA %%I TO %%I', n.nspname, current_user)
                WHEN c.relkind = 'S'
                THEN format('GRANT SELECT ON SEQUENCE %%I.%%I TO %%I', n.nspname, c.relname, current_user)
                WHEN NOT has_table_privilege(c.oid, 'SELECT')
                THEN format('GRANT SELECT ON TABLE %%I.%%I TO %%I', n.nspname, c.relname, current_user)
                ELSE format('ALTER ROLE %%I BYPASSRLS', current_user) END
    {USER_CLASS} AND c.oid <> ALL (%(left_out)s::oid[]) AND (
      (c.relkind IN ('r', 'p', 'S') AND NOT has_schema_privilege(n.oid, 'USAGE'))
      OR (c.relkind IN ('r', 'p') AND NOT has_table_privilege(c.oid, 'SELECT'))
      OR (c.relkind = 'S' AND NOT has_sequence_privilege(c.oid, 'SELECT'))
      OR (c.relkind = 'r' AND c.relrowsecurity AND row_security_active(c.oid) AND c.oid <> ALL (%(rowless)s::oid[])))
    ORDER BY 1
"""

_ROLES = """
    WITH member AS (SELECT classid, objid FROM pg_depend WHERE deptype = 'e'),
    ours AS (
        SELECT 'pg_namespace'::regclass::oid AS classid, oid AS objid
        FROM pg_namespace WHERE nspname = 'datareplication'
        UNION ALL
        SELECT 'pg_class'::regclass, c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'datareplication' OR c.relpersistence = 't' OR c.oid = ANY (%(left_out)s::oid[])
        UNION ALL
        SELECT 'pg_policy'::regclass, oid FROM pg_policy WHERE polrelid = ANY (%(left_out)s::oid[])
    ), named AS (
        SELECT classid, objid, refobjid AS role, deptype FROM pg_shdepend
        WHERE refclassid = 'pg_authid'::regclass AND deptype IN ('o', 'a', 'r')
          AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
          AND classid NOT IN ('pg_extension'::regclass, 'pg_publication'::regclass, 'pg_subscription'::regclass)
        -- Dependencies on the bootstrap superuser are not recorded, because it cannot be dropped.
        UNION ALL
        SELECT 'pg_class'::regclass, oid, relowner, 'o' FROM pg_class WHERE relkind NOT IN ('i', 'I', 't', 'c')
        UNION ALL SELECT 'pg_proc'::regclass, oid, proowner, 'o' FROM pg_proc
        UNION ALL SELECT 'pg_type'::regclass, oid, typowner, 'o' FROM pg_type WHERE typrelid = 0 AND typelem = 0
        UNION ALL SELECT 'pg_namespace'::regclass, oid, nspowner, 'o' FROM pg_namespace WHERE nspname !~ '^pg_'
        UNION ALL SELECT 'pg_largeobject'::regclass, oid, lomowner, 'o' FROM pg_largeobject_metadata
    )
    SELECT r.rolname, array_agg(DISTINCT CASE n.deptype WHEN 'a' THEN 'Grant' WHEN 'r' THEN 'Policy' ELSE CASE n.classid
             WHEN 'pg_default_acl'::regclass THEN 'DefaultPrivileges'
             WHEN 'pg_user_mapping'::regclass THEN 'UserMapping'
             ELSE CASE WHEN n.objid = 2200 THEN 'Public' ELSE 'Owner' END END END)
    FROM named n JOIN pg_roles r ON r.oid = n.role
    WHERE (n.objid >= 16384 OR n.classid = 'pg_largeobject'::regclass
           OR (n.classid = 'pg_namespace'::regclass AND n.objid = 2200 AND n.role <> 10))
      AND r.rolname !~ '^pg_'
      AND NOT EXISTS (SELECT FROM ours o WHERE (o.classid, o.objid) = (n.classid, n.objid))
      AND NOT (n.deptype = 'o' AND EXISTS (SELECT FROM member m WHERE (m.classid, m.objid) = (n.classid, n.objid)))
    GROUP BY 1 ORDER BY 1
"""
"""Schema public (2200) exists from the start, but may have got grants or a new owner. If its owner is still the first
superuser of the server (10), that role need not exist at the target. An extension's script sets the owner of its
objects; grants on them may be a user's, and pg_dump copies those. A large object may have any oid that its creator
chose."""

_MATERIALIZED_VIEWS = """
    WITH RECURSIVE uses(class, object, used_class, used) AS (
        SELECT 'pg_class'::regclass::oid, r.ev_class, d.refclassid, d.refobjid FROM pg_rewrite r
        JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
        WHERE r.ev_type = '1' AND (d.refclassid, d.refobjid) <> ('pg_class'::regclass, r.ev_class)
        UNION SELECT classid, objid, refclassid, refobjid FROM pg_depend
        WHERE classid IN ('pg_proc'::regclass, 'pg_operator'::regclass)
          AND refclassid IN ('pg_proc'::regclass, 'pg_class'::regclass)
    ), below(view, class, object) AS (
        SELECT oid, 'pg_class'::regclass::oid, oid FROM pg_class WHERE relkind = 'm'
        UNION SELECT b.view, u.used_class, u.used
        FROM below b JOIN uses u ON (u.class, u.object) = (b.class, b.object)
    )
    SELECT c.oid::int8, n.nspname AS schema, c.relname AS name, c.relispopulated AS is_filled,
           NOT EXISTS (SELECT FROM pg_depend e
                       WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e') AS is_refreshed,
           array(SELECT r.oid::int8 FROM below b JOIN pg_class r ON (b.class, b.object) = ('pg_class'::regclass, r.oid)
                 WHERE b.view = c.oid AND r.oid <> c.oid AND r.relkind = 'm') AS reads
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'm'
"""
"""With the materialized views that they read, also through other views and through SQL functions in standard form
(BEGIN ATOMIC), whose dependencies PostgreSQL records. Only SELECT rules (1) count: rules for INSERT and so on take no
part in a refresh."""

_KINDS = {"r": "Table", "p": "PartitionedTable"}
_SEQUENCES_PER_QUERY = 200


def table_names(session: Session) -> list[Node]:
    """Return the user's tables and partitioned tables, by oid."""
    return records(session, _NAMES, into=Node, doing=DOING)


def tables(session: Session, left_out: Collection[int] = ()) -> list[Table]:
    """Return the user's tables and partitioned tables, by oid."""
    return records(session, _TABLES, {"left_out": list(left_out)}, into=_table, doing=DOING)


def _table(*, kind: str, columns: Iterable[list[str]], indexes: Iterable[list[int]], **figures: Any) -> Table:
    copied, found = tuple(Column(*c) for c in columns), tuple(Index(*i) for i in indexes)
    return Table(kind=_KINDS[kind], columns=copied, indexes=found, **figures)


def unreadable(session: Session, selected: Selection) -> list[tuple[str, str]]:
    """Return (table or sequence, the statement that would help) for each that the role cannot read in full.

    Copying only a table's definition needs SELECT as well, because the table is locked.
    """
    oids = {"left_out": list(selected.left_out_oids), "rowless": list(selected.rowless_oids)}
    return [(name, statement) for name, statement in rows(session, _UNREADABLE, oids, doing=DOING)]


def sequences(session: Session, left_out: Collection[int] = ()) -> tuple[State, ...]:
    """Return the state of all sequences; TransientError if a sequence was dropped or replaced.

    The state is not part of an MVCC snapshot. Read right after the snapshot was taken, it is never behind the tables'
    rows. At most it includes a setval() or nextval() from the moment in between, which the rows do not reflect.
    """
    found = [one for one in rows(session, _SEQUENCES, doing=DOING) if one[0] not in left_out]
    states: list[State] = []
    for start in range(0, len(found), _SEQUENCES_PER_QUERY):
        states += _sequence_states(session, found[start : start + _SEQUENCES_PER_QUERY])
    return tuple(states)


def _sequence_states(session: Session, wanted: Sequence[tuple[Any, ...]]) -> list[State]:
    queries = [
        sql.SQL("SELECT {} AS index, tableoid::int8 AS oid, last_value, is_called FROM {}").format(
            sql.Literal(index), identifier(schema, name)
        )
        for index, (_, schema, name) in enumerate(wanted)
    ]
    try:
        with session.cursor() as cursor:
            cursor.execute(sql.SQL(" UNION ALL ").join(queries))
            found = named(cursor)
    except (errors.UndefinedTable, errors.InvalidSchemaName, errors.WrongObjectType) as error:
        text = "a sequence was dropped or renamed while the snapshot was taken"
        raise TransientError(text, reason="SchemaChanging") from error
    except errors.Error as error:
        raise classify.after_connect(error, "reading sequences") from error
    states = []
    for one in found:
        expected, schema, name = wanted[one["index"]]
        if one["oid"] != expected:
            text = f"sequence {schema}.{name} was replaced by another while the snapshot was taken"
            raise TransientError(text, reason="SchemaChanging")
        states.append(State(schema, name, one["last_value"], one["is_called"]))
    return states


def roles(session: Session, left_out: Collection[int] = ()) -> tuple[Role, ...]:
    """Return the roles that the schema names, and for what it names them, without predefined roles."""
    found = rows(session, _ROLES, {"left_out": list(left_out)}, doing=DOING)
    return tuple(Role(name, tuple(uses)) for name, uses in found)


def extensions(session: Session) -> tuple[Extension, ...]:
    """Return the extensions, without plpgsql, which every database has."""
    query = "SELECT extname, extversion FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY 1"
    return tuple(Extension(name, version) for name, version in rows(session, query, doing=DOING))


def materialized_views(session: Session) -> list[View]:
    """Return the materialized views, with the materialized views that they read."""
    return records(session, _MATERIALIZED_VIEWS, into=_view, doing=DOING)


def _view(*, reads: Iterable[int], **rest: Any) -> View:
    return View(reads=frozenset(reads), **rest)


def strangers_in_our_schema(session: Session) -> list[str]:
    """Return objects of any kind that are in the provenance's schema and would not be copied."""
    query = """
        SELECT pg_describe_object(d.classid, d.objid, 0)
        FROM pg_depend d JOIN pg_namespace n ON n.oid = d.refobjid AND d.refclassid = 'pg_namespace'::regclass
        WHERE n.nspname = %s AND d.deptype = 'n' AND NOT EXISTS (
          SELECT FROM pg_class c
          WHERE (d.classid, d.objid) = ('pg_class'::regclass, c.oid) AND c.relname = %s AND c.relkind = 'r')
        ORDER BY 1
    """
    return [name for (name,) in rows(session, query, PROVENANCE, doing=DOING)]


def has_public_schema(session: Session) -> bool:
    """Return whether the schema public, with which every new database starts, still exists."""
    return bool(row(session, "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'public')", doing=DOING)[0])
