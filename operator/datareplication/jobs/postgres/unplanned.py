"""Tables over which no query may be planned: the planner would run functions of users as the session's role.

For any query over a table, the planner evaluates constant parts of the expressions of the table's indexes and
statistics. COPY of a whole table plans nothing. Functions in C do not count: only a superuser can create them.
Functions of extensions count: an extension's owner may add functions of his own to it.
"""

from collections.abc import Iterable

from datareplication.jobs.model.tables import Shape
from datareplication.jobs.postgres.connection import Session, row, rows

_TABLES = """
    WITH called AS (
        SELECT 'pg_proc'::regclass AS classid, p.oid FROM pg_proc p
        WHERE p.oid >= 16384 AND p.prolang NOT IN (SELECT oid FROM pg_language WHERE lanname IN ('internal', 'c'))
    ), calling AS (
        SELECT d.classid, d.objid FROM pg_depend d JOIN called c ON (d.refclassid, d.refobjid) = (c.classid, c.oid)
        UNION SELECT d.classid, d.objid FROM pg_depend d JOIN pg_operator o
        ON d.refclassid = 'pg_operator'::regclass AND d.refobjid = o.oid JOIN called c ON c.oid = o.oprcode
    )
    SELECT i.indrelid::int8 FROM pg_index i JOIN calling ON (classid, objid) = ('pg_class'::regclass, i.indexrelid)
    UNION SELECT s.stxrelid::int8 FROM pg_statistic_ext s
    JOIN calling ON (classid, objid) = ('pg_statistic_ext'::regclass, s.oid)
"""

_NAMES = f"""
    SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid IN ({_TABLES}) AND (n.nspname, c.relname) IN (SELECT * FROM unnest(%s::text[], %s::text[]))
"""  # noqa: S608 - constants only

_IS_ONE = """
    SELECT EXISTS (
        SELECT FROM (
            SELECT 'pg_class'::regclass::oid AS classid, indexrelid AS objid FROM pg_index WHERE indrelid = %(oid)s
            UNION ALL SELECT 'pg_statistic_ext'::regclass, oid FROM pg_statistic_ext WHERE stxrelid = %(oid)s
        ) own JOIN pg_depend d USING (classid, objid)
        LEFT JOIN pg_operator o ON d.refclassid = 'pg_operator'::regclass AND o.oid = d.refobjid
        JOIN pg_proc p ON p.oid = CASE d.refclassid WHEN 'pg_proc'::regclass THEN d.refobjid ELSE o.oprcode::oid END
        WHERE p.oid >= 16384 AND p.prolang NOT IN (SELECT oid FROM pg_language WHERE lanname IN ('internal', 'c')))
"""
"""The same for one table, without a look at all dependencies of the database."""

DOING = "looking up functions that the planner would run"


def tables(session: Session) -> frozenset[int]:
    """Return the oids of all such tables, as the session's snapshot sees them."""
    return frozenset(oid for (oid,) in rows(session, _TABLES, doing=DOING))


def among(session: Session, shapes: Iterable[Shape]) -> frozenset[tuple[str, str]]:
    """Return (schema, name) of the shapes that are such tables."""
    wanted = [(shape.schema, shape.name) for shape in shapes]
    values = [[schema for schema, _ in wanted], [name for _, name in wanted]]
    return frozenset((schema, name) for schema, name in rows(session, _NAMES, values, doing=DOING))


def is_one(session: Session, oid: int) -> bool:
    """Return whether a table is such a table."""
    return bool(row(session, _IS_ONE, {"oid": oid}, doing=DOING)[0])
