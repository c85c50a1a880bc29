"""Tables whose rows pass through functions of users while they are copied; such a function may read other tables.

A function that is declared IMMUTABLE counts too: the declaration may be wrong. Functions of extensions do not count:
they do not read users' tables.
"""

from datareplication.jobs.postgres.connection import Session, rows

HELD_TYPES = """
    held(relation, type) AS (
        SELECT attrelid, atttypid FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
        WHERE c.relkind IN ('r', 'p') AND c.oid >= 16384 AND attnum > 0 AND NOT attisdropped
        UNION SELECT held.relation, part.oid FROM held JOIN pg_type t ON t.oid = held.type CROSS JOIN LATERAL (
            SELECT t.typbasetype UNION ALL SELECT t.typelem
            UNION ALL SELECT atttypid FROM pg_attribute WHERE attrelid = t.typrelid AND attnum > 0 AND NOT attisdropped
            UNION ALL SELECT rngsubtype FROM pg_range WHERE t.oid IN (rngtypid, rngmultitypid)
        ) AS part(oid) WHERE part.oid <> 0
    )
"""
"""For WITH RECURSIVE: the types of a table's columns, and the types inside arrays, composites, ranges and domains."""

_TABLES = f"""
    WITH RECURSIVE {HELD_TYPES}, calling AS (
        SELECT d.classid, d.objid FROM pg_depend d
        WHERE d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass) AND d.refobjid >= 16384
          AND NOT EXISTS (SELECT FROM pg_depend e
                          WHERE (e.classid, e.objid) = (d.refclassid, d.refobjid) AND e.deptype = 'e')
    ), checks AS (
        SELECT k.conrelid, k.contypid FROM pg_constraint k
        JOIN calling ON (classid, objid) = ('pg_constraint'::regclass, k.oid) WHERE k.contype = 'c'
    ), found(oid) AS (
        SELECT conrelid FROM checks
        UNION SELECT held.relation FROM checks JOIN held ON held.type = contypid
        UNION SELECT d.adrelid FROM pg_attrdef d JOIN calling ON (classid, objid) = ('pg_attrdef'::regclass, d.oid)
        JOIN pg_attribute a ON (a.attrelid, a.attnum) = (d.adrelid, d.adnum) AND a.attgenerated <> ''
    )
    SELECT n.nspname, c.relname FROM found JOIN pg_class c USING (oid) JOIN pg_namespace n ON n.oid = c.relnamespace
"""  # noqa: S608 - constants only


def tables(session: Session) -> frozenset[tuple[str, str]]:
    """Return (schema, name) of tables whose CHECKs, domains or generated columns call such functions."""
    found = rows(session, _TABLES, doing="looking up functions that rows pass through")
    return frozenset((schema, name) for schema, name in found)
