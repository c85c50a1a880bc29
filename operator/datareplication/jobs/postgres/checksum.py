"""A checksum of a table's content, the same on two servers whatever the order of the rows.

There are two formulas: one in SQL, and one over the output of COPY, for tables over which no query may be planned. Both
rely on the sessions' settings, which fix the text form of every type.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

from psycopg2 import sql

from datareplication.jobs.model.tables import Shape
from datareplication.jobs.postgres.connection import Session, identifier, row, rows
from datareplication.jobs.postgres.copying import Choice, copy_out

EMPTY = "0:0"
"""The checksum of a table without rows."""

COPIED = "copy:"
"""Prefix of a checksum over the output of COPY."""

_COLUMNS = """
    SELECT attname, attgenerated <> '' FROM pg_attribute
    WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attname COLLATE "C"
"""


@dataclass
class _Sum:
    """Adds up the output of COPY, row by row, as the SQL formula does."""

    total: int = 0

    def write(self, data: bytes, /) -> None:
        """Take one row."""
        self.total += int.from_bytes(hashlib.md5(data, usedforsecurity=False).digest()[:8], "big", signed=True)


def is_of_copy(checksum: str | None) -> bool:
    """Return whether a checksum was computed over the output of COPY."""
    return (checksum or "").startswith(COPIED)


def same_kind(session: Session, shape: Shape, expected: str | None) -> str:
    """Return the table's checksum, by the same formula as the expected checksum."""
    return of_unplanned(session, shape) if is_of_copy(expected) else of_table(session, shape)


def of_unplanned(session: Session, shape: Shape) -> str:
    """Return `copy:<rows>:<sum>` of a table's own rows, without a query and without generated columns."""
    total = _Sum()
    plain = tuple(name for name, is_generated in _columns(session, shape) if not is_generated)
    count = copy_out(session, replace(shape, columns=plain), total)
    return f"{COPIED}{count}:{total.total}"


def of_masked(session: Session, shape: Shape, masked: Mapping[str, sql.Composable]) -> str:
    """Return the same of a table's rows as they are masked. masked: column -> its SQL."""
    total = _Sum()
    names = [name for name, is_generated in _columns(session, shape) if not is_generated]
    columns = [masked[name] for name in names]
    count = copy_out(session, replace(shape, columns=tuple(names)), total, Choice(masked=columns))
    return f"{COPIED}{count}:{total.total}"


def of_table(session: Session, shape: Shape) -> str:
    """Return `<rows>:<sum>` of a table's own rows, without its children's.

    The sum is over 64 bits of each row's md5: a changed, a lost or a doubled row changes the sum. Generated columns are
    included; each server has computed them by itself.
    """
    table = identifier(shape.schema, shape.name)
    doing = f"computing the checksum of {shape.schema}.{shape.name}"
    columns = sql.SQL(", ").join(sql.Identifier(name) for name, _ in _columns(session, shape))
    text = sql.SQL("ROW({})::text").format(columns)
    if shape.encoding == "UTF8":  # the databases' own encodings may differ; SQL_ASCII cannot be converted
        text = sql.SQL("convert_to({}, 'UTF8')").format(text)
    query = sql.SQL("""
        SELECT count(*), coalesce(sum(('x' || left(md5({}), 16))::bit(64)::bigint), 0)::text FROM ONLY {}
    """).format(text, table)
    count, total = row(session, query, doing=doing)
    return f"{count}:{total}"


def _columns(session: Session, shape: Shape) -> list[tuple[str, bool]]:
    """Return (name, whether it is generated) by name: a child's columns may be in another order at the target."""
    name = identifier(shape.schema, shape.name).as_string(session)
    found = rows(session, _COLUMNS, [name], doing=f"computing the checksum of {shape.schema}.{shape.name}")
    return [(column, is_generated) for column, is_generated in found]
