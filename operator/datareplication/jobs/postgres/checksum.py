"""A checksum of what a table holds, the same on two servers whatever the order of the rows.

It owns the formulas: one in SQL, and one over what COPY writes, for tables over which no query may be planned. It
relies on the sessions' settings, which fix the text of every type.
"""

import hashlib
from dataclasses import dataclass, replace

from psycopg2 import sql

from datareplication.jobs.model.tables import Shape
from datareplication.jobs.postgres.connection import Session, identifier, row, rows
from datareplication.jobs.postgres.copying import copy_out

EMPTY = "0:0"
"""Of a table without rows."""

COPIED = "copy:"
"""What a checksum over COPY begins with."""

_COLUMNS = """
    SELECT attname, attgenerated <> '' FROM pg_attribute
    WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attname COLLATE "C"
"""


@dataclass
class _Sum:
    """What COPY writes, row by row, summed up as the query does."""

    total: int = 0

    def write(self, data: bytes, /) -> None:
        """Take one row."""
        self.total += int.from_bytes(hashlib.md5(data, usedforsecurity=False).digest()[:8], "big", signed=True)


def is_of_copy(checksum: str | None) -> bool:
    """Return whether it was made over what COPY writes."""
    return (checksum or "").startswith(COPIED)


def same_kind(session: Session, shape: Shape, expected: str | None) -> str:
    """Return the table's checksum by the formula that the expected one was made by."""
    return of_unplanned(session, shape) if is_of_copy(expected) else of_table(session, shape)


def of_unplanned(session: Session, shape: Shape) -> str:
    """Return `copy:<rows>:<sum>` of a table's own rows, without a query; generated columns, which COPY lacks, aside."""
    total = _Sum()
    plain = tuple(name for name, is_generated in _columns(session, shape) if not is_generated)
    count = copy_out(session, replace(shape, columns=plain), total)
    return f"{COPIED}{count}:{total.total}"


def of_table(session: Session, shape: Shape) -> str:
    """Return `<rows>:<sum>` of a table's own rows, its children's not counted.

    The sum is over 64 bits of each row's md5: a changed, a lost and a doubled row change it. Generated columns are
    included, which each server has computed by itself.
    """
    table = identifier(shape.schema, shape.name)
    doing = f"computing the checksum of {shape.schema}.{shape.name}"
    columns = sql.SQL(", ").join(sql.Identifier(name) for name, _ in _columns(session, shape))
    text = sql.SQL("ROW({})::text").format(columns)
    if shape.encoding == "UTF8":  # the two servers may keep it differently; SQL_ASCII is bytes that nobody can convert
        text = sql.SQL("convert_to({}, 'UTF8')").format(text)
    query = sql.SQL("""
        SELECT count(*), coalesce(sum(('x' || left(md5({}), 16))::bit(64)::bigint), 0)::text FROM ONLY {}
    """).format(text, table)
    count, total = row(session, query, doing=doing)
    return f"{count}:{total}"


def _columns(session: Session, shape: Shape) -> list[tuple[str, bool]]:
    """Return (name, whether it is generated) by name: a child's columns may stand in another order at the target."""
    name = identifier(shape.schema, shape.name).as_string(session)
    found = rows(session, _COLUMNS, [name], doing=f"computing the checksum of {shape.schema}.{shape.name}")
    return [(column, is_generated) for column, is_generated in found]
