"""Objects that only a superuser may make: they are loaded if the load's role is a superuser.

It owns which objects these are. The code of some can do more than SQL, and the build role cannot be kept from calling
that code: no rights are checked (a type's input, an operator class, a cast), or EXECUTE is enough.
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

_PRIVILEGED = """
    SELECT 'pg_proc'::regclass, p.oid FROM pg_proc p WHERE proleakproof OR prosupport <> 0 OR EXISTS (
        SELECT FROM unnest(proconfig) AS given(value) LEFT JOIN pg_settings s ON s.name = split_part(value, '=', 1)
        WHERE s.context = 'superuser' OR strpos(split_part(value, '=', 1), '.') > 0)
    UNION ALL SELECT 'pg_proc'::regclass, aggfnoid FROM pg_aggregate
    WHERE 'internal'::regtype IN (aggtranstype, aggmtranstype)
    UNION ALL SELECT 'pg_operator'::regclass, oid FROM pg_operator
    WHERE greatest(oprrest::oid::int8, oprjoin::oid::int8) >= 16384
    UNION ALL SELECT 'pg_type'::regclass, oid FROM pg_type WHERE typtype = 'p'
    UNION ALL SELECT 'pg_type'::regclass, rngtypid FROM pg_range WHERE rngcanonical <> 0
    UNION ALL SELECT 'pg_class'::regclass, ftrelid FROM pg_foreign_table JOIN pg_foreign_server s ON s.oid = ftserver
    JOIN pg_foreign_data_wrapper w ON w.oid = srvfdw
    JOIN pg_proc p ON p.oid = fdwhandler AND prosrc = 'file_fdw_handler'
"""
"""Objects that obey SQL's rights and still need a superuser: an owner's promises (LEAKPROOF), settings of extensions
and applications, estimators, shell types, ranges that need a shell type, files of the server (file_fdw)."""

_EXPRESSIVE = """
    SELECT 'pg_proc'::regclass, p.oid FROM pg_proc p WHERE (pronargdefaults > 0 OR prosqlbody IS NOT NULL) AND EXISTS (
        SELECT FROM pg_depend d WHERE (d.classid, d.objid) = ('pg_proc'::regclass, p.oid) AND d.refobjid >= 16384
        AND d.refclassid IN ('pg_type'::regclass, 'pg_proc'::regclass, 'pg_operator'::regclass, 'pg_class'::regclass))
    UNION ALL SELECT 'pg_proc'::regclass, aggfnoid FROM pg_aggregate
    WHERE agginitval IS NOT NULL AND aggtranstype >= 16384 OR aggminitval IS NOT NULL AND aggmtranstype >= 16384
    UNION ALL SELECT 'pg_class'::regclass, relation FROM (
        SELECT 'pg_attrdef'::regclass, oid, adrelid FROM pg_attrdef
        UNION ALL SELECT 'pg_constraint'::regclass, oid, conrelid FROM pg_constraint WHERE contype = 'c'
    ) AS parsed(classid, oid, relation) WHERE EXISTS (
        SELECT FROM pg_depend d WHERE (d.classid, d.objid) = (parsed.classid, parsed.oid) AND d.refobjid >= 16384
        AND d.refclassid IN ('pg_type'::regclass, 'pg_proc'::regclass, 'pg_operator'::regclass))
"""
"""To make one of these objects, the server parses an expression that uses other users' objects. Their code then runs
as the maker. The load's role makes none of these objects, and the build role may not make them: they are refused."""

_FOUND = """
    SELECT classid::int8 AS catalog, oid::int8, left(pg_describe_object(classid, oid, 0), 200) AS name
    FROM ({}) AS made(classid, oid)
    WHERE oid >= 16384 AND pg_describe_object(classid, oid, 0) IS NOT NULL AND NOT EXISTS (
        SELECT FROM pg_depend d WHERE (d.classid, d.objid) = (made.classid, made.oid) AND d.deptype IN ('e', 'i'))
"""
"""Leaves out members of an extension, and what belongs to another object: a range's constructors, an array type."""


def found(session: Session) -> list[str]:
    """Return the untrusted code in the session's database, each object as the server describes it."""
    query = f"{_FOUND.format(_UNTRUSTED)} ORDER BY 3"
    return [name for _, _, name in rows(session, query, doing="looking for code of untrusted languages")]


def only_superusers(session: Session) -> tuple[CatalogObject, ...]:
    """Return the objects that only a superuser may make and that run no user's code when they are made."""
    query = f"""
        {_FOUND.format(f"{_UNTRUSTED} UNION ALL {_PRIVILEGED}")}
        AND (classid, oid) NOT IN ({_EXPRESSIVE}) ORDER BY 1, 2
    """
    found = records(session, query, into=CatalogObject, doing="looking for what only superusers may make")
    return tuple(dict.fromkeys(found))
