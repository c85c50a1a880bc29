"""Which row is too large to be copied: COPY's limit for a row is 1 GB of text, and its error does not name the row.

The row is searched after COPY has failed. No values are quoted except a primary key of numbers or UUIDs; otherwise the
row is named by its place in the table.
"""

from psycopg2 import sql

from datareplication.core.reasons import Reason
from datareplication.errors import CapabilityError
from datareplication.jobs.model.tables import Shape
from datareplication.jobs.postgres import unplanned
from datareplication.jobs.postgres.connection import Session, identifier, rows

REASON: Reason = "ValueTooLarge"
DOING = "looking for the row that is too large"

WORDLESS_TYPES = ("int2", "int4", "int8", "oid", "uuid")
"""Types of keys that may be quoted. A key of type text is often a name or an address."""

_KEY = """
    SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
    WHERE i.indrelid = (SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                        WHERE n.nspname = %s AND c.relname = %s)
      AND i.indisprimary AND NOT EXISTS (
        SELECT FROM pg_attribute k JOIN pg_type t ON t.oid = k.atttypid
        WHERE k.attrelid = i.indrelid AND k.attnum = ANY (i.indkey) AND t.typname <> ALL (%s))
    ORDER BY array_position(i.indkey::int2[], a.attnum)
"""

_SIZED = """
    SELECT a.attname, a.atttypid IN ('bytea'::regtype, 'text'::regtype, 'varchar'::regtype)
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %s AND c.relname = %s AND a.attname = ANY (%s) AND a.attlen = -1 ORDER BY a.attnum
"""


def named(session: Session, shape: Shape, error: CapabilityError) -> CapabilityError:
    """Return the error with the row that probably caused it, and the remedy.

    Only sizes are queried, which PostgreSQL knows without reading the values; an `unplanned` table is not queried.
    session: a new one, without a transaction.
    """
    if unplanned.among(session, [shape]):
        return error
    sized = rows(session, _SIZED, [shape.schema, shape.name, list(shape.columns)], doing=DOING)
    if not sized:
        return error
    keys = [name for (name,) in rows(session, _KEY, [shape.schema, shape.name, list(WORDLESS_TYPES)], doing=DOING)]
    place, column, size = _largest(session, shape, keys, sized)
    text = f"{shape.schema}.{shape.name}: {place} does not fit into COPY, whose rows have at most 1 GB as text"
    why = f"its largest column, {column}, has {size} bytes, and bytes and quotes count double"
    remedy = "shorten it, store it as a large object, or copy the table without its rows (source.tables.schemaOnly)"
    return CapabilityError(f"{text}; {why}: {remedy}; PostgreSQL says: {error.message}", reason=REASON)


def _largest(session: Session, shape: Shape, keys: list[str], sized: list[tuple[str, bool]]) -> tuple[str, str, int]:
    """Return the row's key or place, its largest column, and that column's bytes."""
    sizes = [
        sql.SQL("coalesce({}({}), 0)").format(
            sql.SQL("octet_length" if is_plain else "pg_column_size"), sql.Identifier(name)
        )
        for name, is_plain in sized
    ]
    query = sql.SQL("SELECT ctid::text, {keys}, {sizes} FROM ONLY {table} ORDER BY {total} DESC LIMIT 1").format(
        keys=sql.SQL("ARRAY[{}]::text[]").format(sql.SQL(", ").join(sql.Identifier(key) for key in keys)),
        sizes=sql.SQL("ARRAY[{}]::int8[]").format(sql.SQL(", ").join(sizes)),
        total=sql.SQL(" + ").join(sql.SQL("{}::int8").format(size) for size in sizes),
        table=identifier(shape.schema, shape.name),
    )
    ((ctid, values, found),) = rows(session, query, doing=DOING)
    key = ", ".join(f"{name} = {value}" for name, value in zip(keys, values, strict=True))
    size, column = max(zip(found, (name for name, _ in sized), strict=True))
    return (f"row {key}" if key else f"row with ctid {ctid}"), column, size
