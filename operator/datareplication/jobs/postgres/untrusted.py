"""What only a superuser may make: it comes along when a superuser loads.

It owns which objects these are. The code of some reaches beyond SQL and is called without a check of rights (a type's
input, an operator class, a cast) or by whoever has EXECUTE, so no build role can be kept from it.
"""

from datareplication.jobs.model.manifest import CatalogObject
from datareplication.jobs.postgres.connection import Session, records, rows

SHOWN = 5

_UNTRUSTED = """
    SELECT 'pg_proc'::regclass AS classid, p.oid FROM pg_proc p JOIN pg_language l ON l.oid = prolang
    WHERE NOT lanpltrusted AND (lanname <> 'internal' OR prokind <> 'a') AND lanname <> 'sql'
    UNION ALL SELECT 'pg_type'::regclass, oid FROM pg_type WHERE typtype = 'b'
    UNION ALL SELECT 'pg_opclass'::regclass, oid FROM pg_opclass
    UNION ALL SELECT 'pg_opfamily'::regclass, oid FROM pg_opfamily
    UNION ALL SELECT 'pg_language'::regclass, oid FROM pg_language
    UNION ALL SELECT 'pg_am'::regclass, oid FROM pg_am
    UNION ALL SELECT 'pg_ts_parser'::regclass, oid FROM pg_ts_parser
    UNION ALL SELECT 'pg_ts_template'::regclass, oid FROM pg_ts_template
    UNION ALL SELECT 'pg_foreign_data_wrapper'::regclass, oid FROM pg_foreign_data_wrapper
    UNION ALL SELECT 'pg_cast'::regclass, oid FROM pg_cast WHERE castsource < 16384 AND casttarget < 16384
"""

_HARMLESS = """
    SELECT 'pg_proc'::regclass, p.oid FROM pg_proc p WHERE proleakproof OR prosupport <> 0 OR EXISTS (
        SELECT FROM unnest(proconfig) AS given(value) JOIN pg_settings s ON s.name = split_part(value, '=', 1)
        WHERE s.context = 'superuser')
    UNION ALL SELECT 'pg_proc'::regclass, aggfnoid FROM pg_aggregate WHERE aggtranstype = 'internal'::regtype
    UNION ALL SELECT 'pg_type'::regclass, oid FROM pg_type WHERE typtype = 'p'
    UNION ALL SELECT 'pg_type'::regclass, rngtypid FROM pg_range WHERE rngcanonical <> 0
    UNION ALL SELECT 'pg_class'::regclass, ftrelid FROM pg_foreign_table JOIN pg_foreign_server s ON s.oid = ftserver
    JOIN pg_foreign_data_wrapper w ON w.oid = srvfdw
    JOIN pg_proc p ON p.oid = fdwhandler AND prosrc = 'file_fdw_handler'
"""
"""Code that holds to SQL's rights, with what an owner may not promise for it; shell types, and ranges that need one;
files of the server (file_fdw)."""

_FOUND = """
    SELECT classid::int8 AS catalog, oid::int8, left(pg_describe_object(classid, oid, 0), 200) AS name
    FROM ({}) AS made(classid, oid)
    WHERE oid >= 16384 AND pg_describe_object(classid, oid, 0) IS NOT NULL AND NOT EXISTS (
        SELECT FROM pg_depend d WHERE (d.classid, d.objid) = (made.classid, made.oid) AND d.deptype IN ('e', 'i'))
    ORDER BY 3
"""
"""An extension's are as its author made them; a range's constructors and an array's type belong to their type."""


def found(session: Session) -> list[str]:
    """Return what the session's database holds of untrusted code, each as the server describes it."""
    query = _FOUND.format(_UNTRUSTED)
    return [name for _, _, name in rows(session, query, doing="looking for code of untrusted languages")]


def only_superusers(session: Session) -> tuple[CatalogObject, ...]:
    """Return what only a superuser may make anew, untrusted code or not."""
    query = _FOUND.format(f"{_UNTRUSTED} UNION ALL {_HARMLESS}")
    return tuple(records(session, query, into=CatalogObject, doing="looking for what only superusers may make"))
