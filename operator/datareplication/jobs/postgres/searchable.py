"""The tables and columns of a loaded database that can hold text, and the reading of all their rows.

No query is planned over a table if that might run code of users: COPY of a whole table runs none.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from psycopg2 import sql

from datareplication.errors import CapabilityError
from datareplication.jobs.model.masking.searches import Searchable
from datareplication.jobs.model.tables import Shape
from datareplication.jobs.postgres import unplanned
from datareplication.jobs.postgres.catalog import USER_CLASS
from datareplication.jobs.postgres.connection import Session, classified, execute, identifier, records
from datareplication.jobs.postgres.copying import Writable

_RELATIONS = f"""
    WITH holds AS (
        SELECT t.oid, CASE WHEN t.oid IN ('json'::regtype, 'jsonb'::regtype) THEN 'Json'
                           WHEN t.typcategory = 'S' THEN 'Text' ELSE 'Other' END AS content
        FROM pg_type t LEFT JOIN pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'
        LEFT JOIN pg_range r ON t.oid IN (r.rngtypid, r.rngmultitypid) LEFT JOIN pg_type s ON s.oid = r.rngsubtype
        WHERE CASE t.typcategory WHEN 'A' THEN e.typcategory IN ('S', 'U', 'C') AND e.oid <> 'bytea'::regtype
                                 WHEN 'R' THEN s.typcategory IN ('S', 'U', 'C')
                                 ELSE t.typcategory IN ('S', 'U', 'C') AND t.oid <> 'bytea'::regtype END
    ), wanted AS (
        SELECT c.oid, n.nspname, c.relname, c.relkind, c.relrowsecurity {USER_CLASS} AND c.relkind IN ('r', 'm')
        UNION ALL
        SELECT c.oid, n.nspname, c.relname, c.relkind, c.relrowsecurity
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE (n.nspname, c.relname) IN (SELECT * FROM unnest(%(schemas)s::text[], %(names)s::text[]))
          AND c.relkind = 'r'
    )
    SELECT DISTINCT ON (w.oid) w.oid::int8, nspname AS schema, relname AS name, relkind = 'm' AS is_view,
           relrowsecurity AS has_policies, has_table_privilege(w.oid, 'SELECT') AS may_read, columns, contents,
           generated
    FROM wanted w CROSS JOIN LATERAL (
        SELECT array_agg(attname::text ORDER BY attnum) AS columns, array_agg(content ORDER BY attnum) AS contents,
               coalesce(array_agg(attname::text) FILTER (WHERE attgenerated <> ''), '{{}}') AS generated
        FROM pg_attribute JOIN holds ON holds.oid = atttypid
        WHERE attrelid = w.oid AND attnum > 0 AND NOT attisdropped
    ) c
    WHERE columns IS NOT NULL AND pg_relation_size(w.oid) > 0 ORDER BY w.oid
"""  # noqa: S608 - constants only


def read(session: Session, extension_tables: Sequence[tuple[str, str]]) -> list[Searchable]:
    """Return what can be searched in the database. extension_tables: (schema, name) of those that hold users' rows."""
    given = {"schemas": [schema for schema, _ in extension_tables], "names": [name for _, name in extension_tables]}
    found = records(session, _RELATIONS, given, into=Searchable, doing="looking up columns of text")
    computed = [Shape(one.schema, one.name, ()) for one in found if one.generated and not one.is_view]
    never = unplanned.among(session, computed) if computed else ()
    every = (one.without_generated() if (one.schema, one.name) in never else one for one in found)
    return [one for one in every if one.columns]


def copy_out(session: Session, of: Searchable, stream: Writable, encoding: str) -> None:
    """Write all rows to the stream, one row at a time, in COPY's text format; the database stays as it is.

    session: without a transaction, or in one that goes on afterwards.
    """
    name, doing = identifier(of.schema, of.name), f"searching {of.schema}.{of.name}"
    columns = sql.SQL(", ").join(map(sql.Identifier, of.columns))
    if of.is_view and unplanned.among(session, [Shape(of.schema, of.name, ())]):
        text = f"a query over materialized view {of.schema}.{of.name} would run functions of the source"
        raise CapabilityError(f"{text}: name the view's columns in leakGate.ignore", reason="WouldRunCode")
    is_planned = of.is_view or set(of.generated) & set(of.columns)  # COPY of a table leaves out generated columns
    what = sql.SQL("(SELECT {} FROM ONLY {})" if is_planned else "{1} ({0})").format(columns, name)
    statement = sql.SQL("COPY {} TO STDOUT WITH (ENCODING {})").format(what, sql.Literal(encoding))
    with _opened_up(session, of, doing), classified(doing, of_rows=True), session.cursor() as cursor:
        cursor.copy_expert(statement, stream)


@contextmanager
def _opened_up(session: Session, of: Searchable, doing: str) -> Iterator[None]:
    """Let the session's role read all rows until the end of the block."""
    changes = [
        *(["ALTER TABLE {} DISABLE ROW LEVEL SECURITY"] if of.has_policies else []),
        *(["GRANT SELECT ON {} TO CURRENT_USER"] if not of.may_read else []),
    ]
    if not changes:
        yield
        return
    is_alone = session.info.transaction_status == 0
    execute(session, "BEGIN; SAVEPOINT opened_up" if is_alone else "SAVEPOINT opened_up", doing=doing)
    for change in changes:
        execute(session, sql.SQL(change).format(identifier(of.schema, of.name)), doing=doing)
    yield
    execute(session, "ROLLBACK" if is_alone else "ROLLBACK TO SAVEPOINT opened_up", doing=doing)
