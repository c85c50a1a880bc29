"""What is in the source database, read from its catalogs inside the dump's snapshot.

It owns the queries and which objects count: user tables, not system ones, temporary ones or those of extensions. It
refuses to lock or to copy.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg2 import sql

from datareplication.jobs.manifest import PG_CLASS, PG_CONSTRAINT, Column, Extension, Index, Role
from datareplication.jobs.manifest import Sequence as State
from datareplication.jobs.postgres.connection import Session, identifier, row, rows

PROVENANCE = ("datareplication", "provenance")
"""Schema and name of the table that a load leaves in its target. The schema is not copied: a target may be another
replication's source."""

DOING = "reading the catalogs"

USER_CLASS = """
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND n.nspname !~ '^pg_(toast_)?temp_'
      AND n.nspname <> 'datareplication' AND c.relpersistence <> 't'
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                      AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e')
"""

_NAMES = f"SELECT c.oid::int8, n.nspname, c.relname, c.relkind {USER_CLASS} AND c.relkind IN ('r', 'p') ORDER BY 1"

_TABLES = f"""
    SELECT c.oid::int8, n.nspname, c.relname, c.relkind, c.relpersistence = 'u',
           pg_relation_size(c.oid) / current_setting('block_size')::int,
           pg_table_size(c.oid), greatest(c.reltuples, 0)::int8,
           (SELECT coalesce(array_agg(ARRAY[attname::text, format_type(atttypid, atttypmod)] ORDER BY attnum), '{{}}')
            FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''),
           (SELECT coalesce(array_agg(ARRAY[CASE WHEN k.oid IS NULL THEN {PG_CLASS} ELSE {PG_CONSTRAINT} END,
                                            coalesce(k.oid, indexrelid)::int8, pg_relation_size(indexrelid)]
                                      ORDER BY indexrelid), '{{}}')
            FROM pg_index LEFT JOIN pg_constraint k ON k.conindid = indexrelid AND k.contype IN ('p', 'u', 'x')
            WHERE indrelid = c.oid)
    {USER_CLASS} AND c.relkind IN ('r', 'p') ORDER BY 1
"""  # noqa: S608 - constants only

_SEQUENCES = f"SELECT n.nspname, c.relname {USER_CLASS} AND c.relkind = 'S' ORDER BY 1, 2"

_UNREADABLE = f"""
    SELECT format('%I.%I', n.nspname, c.relname),
           CASE WHEN NOT has_schema_privilege(n.oid, 'USAGE')
                THEN format('GRANT USAGE ON SCHEMA %I TO %I', n.nspname, current_user)
                WHEN c.relkind = 'S'
                THEN format('GRANT SELECT ON SEQUENCE %I.%I TO %I', n.nspname, c.relname, current_user)
                WHEN NOT has_table_privilege(c.oid, 'SELECT')
                THEN format('GRANT SELECT ON TABLE %I.%I TO %I', n.nspname, c.relname, current_user)
                ELSE format('ALTER ROLE %I BYPASSRLS', current_user) END
    {USER_CLASS} AND (
      (c.relkind IN ('r', 'p', 'S') AND NOT has_schema_privilege(n.oid, 'USAGE'))
      OR (c.relkind IN ('r', 'p') AND NOT has_table_privilege(c.oid, 'SELECT'))
      OR (c.relkind = 'S' AND NOT has_sequence_privilege(c.oid, 'SELECT'))
      OR (c.relkind = 'r' AND c.relrowsecurity AND row_security_active(c.oid)))
    ORDER BY 1
"""

_ROLES = """
    WITH member AS (SELECT classid, objid FROM pg_depend WHERE deptype = 'e'),
    ours AS (
        SELECT 'pg_namespace'::regclass::oid AS classid, oid AS objid
        FROM pg_namespace WHERE nspname = 'datareplication'
        UNION ALL
        SELECT 'pg_class'::regclass, c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'datareplication' OR c.relpersistence = 't'
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
    )
    SELECT r.rolname, bool_or(n.deptype = 'o' AND n.objid >= 16384) FROM named n JOIN pg_roles r ON r.oid = n.role
    WHERE (n.objid >= 16384 OR (n.classid = 'pg_namespace'::regclass AND n.objid = 2200 AND n.role <> 10))
      AND r.rolname !~ '^pg_'
      AND NOT EXISTS (SELECT FROM ours o WHERE (o.classid, o.objid) = (n.classid, n.objid))
      AND NOT (n.deptype = 'o' AND EXISTS (SELECT FROM member m WHERE (m.classid, m.objid) = (n.classid, n.objid)))
    GROUP BY 1 ORDER BY 1
"""
"""Schema public (2200) is there from the start, but may have got grants, or another owner than the server's first
superuser (10), who need not exist at the target. An extension's script makes its members' owner; grants on them may
be the user's, and pg_dump carries those."""

_MATERIALIZED_VIEWS = """
    WITH RECURSIVE uses(view, used) AS (
        SELECT DISTINCT r.ev_class, d.refobjid FROM pg_rewrite r
        JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
        WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.ev_class
    ), depth(view, level) AS (
        SELECT oid, 0 FROM pg_class WHERE relkind IN ('m', 'v')
        UNION SELECT u.view, p.level + 1 FROM uses u JOIN depth p ON p.view = u.used WHERE p.level < 1000
    )
    SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN depth p ON p.view = c.oid
    WHERE c.relkind = 'm' AND c.relispopulated
      AND NOT EXISTS (SELECT FROM pg_depend e
                      WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
    GROUP BY 1 ORDER BY max(p.level), 1
"""
"""A view's level is its longest way down through other views; refreshing by level finds every input filled."""

_KINDS = {"r": "Table", "p": "PartitionedTable"}
_SEQUENCES_PER_QUERY = 200


@dataclass(frozen=True)
class Table:
    """A user table as the snapshot sees it.

    kind: as manifest.Relation. blocks: of its main fork, which ctid counts. bytes: on disk, with TOAST.
    estimated_rows: the planner's, 0 when unknown.
    """

    oid: int
    schema: str
    name: str
    kind: str
    is_unlogged: bool
    blocks: int
    bytes: int
    estimated_rows: int
    columns: tuple[Column, ...]
    indexes: tuple[Index, ...] = ()


def table_names(session: Session) -> list[tuple[int, str, str, str]]:
    """Return (oid, schema, name, relkind) of the user's tables and partitioned tables, by oid."""
    return [(oid, schema, name, kind) for oid, schema, name, kind in rows(session, _NAMES, doing=DOING)]


def tables(session: Session) -> list[Table]:
    """Return the user's tables and partitioned tables, by oid."""
    return [_table(*found) for found in rows(session, _TABLES, doing=DOING)]


def _table(oid: int, schema: str, name: str, kind: str, *figures: Any) -> Table:
    unlogged, blocks, size, estimate, columns, indexes = figures
    copied, found = tuple(Column(*c) for c in columns), tuple(Index(*i) for i in indexes)
    return Table(oid, schema, name, _KINDS[kind], unlogged, blocks, size, estimate, copied, found)


def unreadable(session: Session) -> list[tuple[str, str]]:
    """Return (table or sequence, the statement that would help) for what the role cannot read in full."""
    return [(name, statement) for name, statement in rows(session, _UNREADABLE, doing=DOING)]


def sequences(session: Session) -> tuple[State, ...]:
    """Return the state of all sequences. It is not subject to the snapshot, so it is never behind the tables' rows."""
    names = rows(session, _SEQUENCES, doing=DOING)
    states: list[State] = []
    for start in range(0, len(names), _SEQUENCES_PER_QUERY):
        states += _sequence_states(session, names[start : start + _SEQUENCES_PER_QUERY])
    return tuple(states)


def _sequence_states(session: Session, names: Sequence[tuple[str, ...]]) -> list[State]:
    queries = [
        sql.SQL("SELECT {}, last_value, is_called FROM {}").format(sql.Literal(index), identifier(schema, name))
        for index, (schema, name) in enumerate(names)
    ]
    found = rows(session, sql.SQL(" UNION ALL ").join(queries), doing="reading sequences")
    return [State(names[index][0], names[index][1], value, called) for index, value, called in found]


def roles(session: Session) -> tuple[Role, ...]:
    """Return the roles that own objects, hold grants or are named by policies; predefined ones excepted."""
    return tuple(Role(name, owns) for name, owns in rows(session, _ROLES, doing=DOING))


def extensions(session: Session) -> tuple[Extension, ...]:
    """Return the extensions, plpgsql excepted: every database has it."""
    query = "SELECT extname, extversion FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY 1"
    return tuple(Extension(name, version) for name, version in rows(session, query, doing=DOING))


def extension_tables_with_rows(session: Session) -> list[tuple[str, str]]:
    """Return (extension, table) where an extension keeps rows of the user, which pg_dump would carry."""
    query = """
        SELECT extname, n.nspname, c.relname, condition FROM pg_extension
        CROSS JOIN unnest(extconfig, extcondition) AS config(oid, condition)
        JOIN pg_class c ON c.oid = config.oid AND c.relkind = 'r' JOIN pg_namespace n ON n.oid = c.relnamespace
    """
    found = []
    for extension, schema, name, condition in rows(session, query, doing=DOING):
        # An extension's script wrote the condition, to be put after a table's name as it is; pg_dump does the same.
        probe = sql.SQL("SELECT EXISTS (SELECT FROM {} {})").format(identifier(schema, name), sql.SQL(condition or ""))
        if row(session, probe, doing=f"reading {schema}.{name} of extension {extension}")[0]:
            found.append((extension, f"{schema}.{name}"))
    return found


def materialized_views(session: Session) -> tuple[str, ...]:
    """Return the filled materialized views, qualified and quoted, each after those it reads from."""
    return tuple(name for (name,) in rows(session, _MATERIALIZED_VIEWS, doing=DOING))


def large_objects(session: Session) -> int:
    """Return how many large objects there are."""
    return int(row(session, "SELECT count(*) FROM pg_largeobject_metadata", doing=DOING)[0])


def strangers_in_our_schema(session: Session) -> list[str]:
    """Return what else is in the schema of the provenance table, and would not be copied."""
    query = """
        SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = %s AND c.relname <> %s AND c.relkind NOT IN ('i', 'c') ORDER BY 1
    """
    return [name for (name,) in rows(session, query, PROVENANCE, doing=DOING)]


def has_public_schema(session: Session) -> bool:
    """Return whether the schema that every new database starts with is still there."""
    return bool(row(session, "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'public')", doing=DOING)[0])
