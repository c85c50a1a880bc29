"""What only a superuser may make, since it reaches beyond SQL: it comes along when a superuser loads.

It owns which objects these are. They are called without a check of rights (a type's input, an operator class) or by
whoever has EXECUTE, so no role that builds can be kept from them.
"""

from datareplication.jobs.postgres.connection import Session, rows

SHOWN = 5

_UNTRUSTED = """
    WITH made(classid, oid) AS (
        SELECT 'pg_proc'::regclass, p.oid FROM pg_proc p JOIN pg_language l ON l.oid = prolang
        WHERE NOT lanpltrusted AND (lanname <> 'internal' OR prokind <> 'a') AND lanname <> 'sql'
        UNION ALL SELECT 'pg_type'::regclass, oid FROM pg_type WHERE typtype = 'b'
        UNION ALL SELECT 'pg_opclass'::regclass, oid FROM pg_opclass
        UNION ALL SELECT 'pg_opfamily'::regclass, oid FROM pg_opfamily
        UNION ALL SELECT 'pg_language'::regclass, oid FROM pg_language
        UNION ALL SELECT 'pg_am'::regclass, oid FROM pg_am
        UNION ALL SELECT 'pg_ts_parser'::regclass, oid FROM pg_ts_parser
        UNION ALL SELECT 'pg_ts_template'::regclass, oid FROM pg_ts_template
        UNION ALL SELECT 'pg_foreign_data_wrapper'::regclass, oid FROM pg_foreign_data_wrapper
    )
    SELECT pg_describe_object(classid, oid, 0) FROM made m
    WHERE oid >= 16384 AND NOT EXISTS (
        SELECT FROM pg_depend d WHERE (d.classid, d.objid) = (m.classid, m.oid) AND d.deptype IN ('e', 'i'))
    ORDER BY 1
"""
"""An extension's are as its author made them; a range's constructors and an array's type belong to their type."""


def found(session: Session) -> list[str]:
    """Return what the session's database holds of these, each as the server describes it."""
    return [what for (what,) in rows(session, _UNTRUSTED, doing="looking for code of untrusted languages")]
