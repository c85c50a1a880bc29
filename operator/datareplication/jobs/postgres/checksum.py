"""A checksum of what a table holds, the same on two servers whatever the order of the rows.

It owns the formula. It relies on the sessions' settings, which fix the text of every type.
"""

from psycopg2 import sql

from datareplication.jobs.model.tables import Shape
from datareplication.jobs.postgres.connection import Session, identifier, row, rows

EMPTY = "0:0"
"""Of a table without rows."""

_COLUMNS = """
    SELECT attname FROM pg_attribute
    WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attname COLLATE "C"
"""


def of_table(session: Session, shape: Shape) -> str:
    """Return `<rows>:<sum>` of a table's own rows, its children's not counted.

    The sum is over 64 bits of each row's md5: a changed, a lost and a doubled row change it. Generated columns are
    included, which each server has computed by itself.
    """
    table = identifier(shape.schema, shape.name)
    doing = f"computing the checksum of {shape.schema}.{shape.name}"
    names = [column for (column,) in rows(session, _COLUMNS, [table.as_string(session)], doing=doing)]
    # By name: a child's columns may stand in another order at the target.
    columns = sql.SQL(", ").join(sql.Identifier(column) for column in names)
    text = sql.SQL("ROW({})::text").format(columns)
    if shape.encoding == "UTF8":  # the two servers may keep it differently; SQL_ASCII is bytes that nobody can convert
        text = sql.SQL("convert_to({}, 'UTF8')").format(text)
    query = sql.SQL("""
        SELECT count(*), coalesce(sum(('x' || left(md5({}), 16))::bit(64)::bigint), 0)::text FROM ONLY {}
    """).format(text, table)
    count, total = row(session, query, doing=doing)
    return f"{count}:{total}"
