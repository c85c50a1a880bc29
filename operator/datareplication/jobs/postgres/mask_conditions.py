"""What masked rows have to meet, read from the source's catalogs: CHECKs, domains' CHECKs, generated columns.

It owns which expressions may be evaluated in the source: they run as the dump's role, in a session that has the masking
key. An expression is safe if it consists of known kinds of nodes, calls only functions that are immutable, or that are
about dates and stable, and if no type in it has code of users. Other stable functions are not safe: current_setting()
reads the key, and table_to_xml() runs any view.
"""

from collections.abc import Collection, Mapping, Sequence

from datareplication.jobs.model.masking.trials import Condition
from datareplication.jobs.postgres.connection import Session, records

DOING = "reading what masked rows have to meet"

_NODES = (
    "VAR CONST OPEXPR DISTINCTEXPR NULLIFEXPR SCALARARRAYOPEXPR BOOLEXPR FUNCEXPR RELABELTYPE COERCEVIAIO "
    "ARRAYCOERCEEXPR COLLATE COLLATEEXPR CASE CASEEXPR WHEN CASEWHEN CASETESTEXPR ARRAY ARRAYEXPR COALESCE "
    "COALESCEEXPR MINMAX MINMAXEXPR NULLTEST BOOLEANTEST COERCETODOMAINVALUE SUBSCRIPTINGREF SQLVALUEFUNCTION"
)
"""Kinds of nodes in stored expressions, by the names of PostgreSQL 14 to 18."""

_HARMLESS = """
    (p.oid < 16384 OR l.lanname IN ('internal', 'c')) AND (p.provolatile = 'i' OR (
        p.provolatile = 's' AND p.oid < 16384 AND (
            p.proargtypes::oid[] && '{date,time,timetz,timestamp,timestamptz,interval}'::regtype[]::oid[]
            OR p.proname IN ('now', 'transaction_timestamp', 'statement_timestamp', 'to_date', 'to_timestamp'))))
"""

_TYPES = """
    inside(type, part) AS (
        SELECT used.oid, used.oid FROM (
            SELECT atttypid FROM pg_attribute WHERE attrelid = ANY (%(oids)s::oid[])
            UNION SELECT refobjid FROM pg_depend WHERE refclassid = 'pg_type'::regclass
              AND classid IN ('pg_constraint'::regclass, 'pg_attrdef'::regclass)) AS used(oid)
        UNION SELECT i.type, below.part FROM inside i JOIN pg_type t ON t.oid = i.part
        CROSS JOIN LATERAL (SELECT t.typbasetype UNION ALL SELECT t.typelem) AS below(part) WHERE below.part <> 0
    ), kinds AS (
        SELECT type, bool_or(typtype = 'd') AS has_domain, bool_or(typtype NOT IN ('b', 'd', 'e')) AS has_parts
        FROM inside JOIN pg_type t ON t.oid = part AND part >= 16384 GROUP BY type
    )
"""
"""has_domain: a cast to the type runs CHECKs. has_parts: it has values of other types in it (composites, ranges)."""

_IS_SAFE = f"""
    NOT EXISTS (SELECT FROM regexp_matches(tree, '\\{{([A-Z]+)', 'g') AS found(m)
                WHERE m[1] <> ALL (string_to_array('{_NODES}', ' ')))
    AND tree !~ ':varattno (0|-)' AND tree !~ 'SQLVALUEFUNCTION :op (9|1[0-9])'
    AND NOT EXISTS (
        SELECT FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang WHERE p.oid IN (
            SELECT m[1]::oid FROM regexp_matches(tree, ':(?:funcid|opfuncid|hashfuncid|negfuncid) (\\d+)', 'g') AS f(m)
            UNION SELECT oprcode FROM regexp_matches(tree, ':opno (\\d+)', 'g') AS f(m)
            JOIN pg_operator o ON o.oid = m[1]::oid) AND NOT ({_HARMLESS}))
    AND NOT EXISTS (SELECT FROM pg_depend d JOIN kinds ON kinds.type = d.refobjid
                    WHERE (d.classid, d.objid, d.refclassid) = (e.classid, e.objid, 'pg_type'::regclass)
                      AND d.deptype = 'n' AND (has_domain OR has_parts))
    AND NOT EXISTS (SELECT FROM pg_attribute a JOIN kinds ON kinds.type = a.atttypid
                    WHERE a.attrelid = e.oid AND a.attname = ANY (reads) AND has_parts)
"""  # noqa: S608 - constants only
"""SQLVALUEFUNCTION from 9 on are the names of users and databases, which differ between source and target."""

_READ_BY = """
    array(SELECT r.attname::text FROM pg_attribute r
          WHERE r.attrelid = {oid} AND r.attnum > 0 AND NOT r.attisdropped AND (
              {tree}::text ~ ':varattno 0 ' OR r.attnum IN (
                  SELECT m[1]::int FROM regexp_matches({tree}::text, ':varattno (\\d+)', 'g') AS f(m))))
"""
"""A reference to the whole row reads every column."""

_QUERY = f"""
    WITH RECURSIVE {_TYPES}, columns AS (
        SELECT attrelid AS oid, attnum, attname, atttypid, attgenerated <> '' AS is_generated,
               format_type(atttypid, atttypmod) AS type
        FROM pg_attribute WHERE attrelid = ANY (%(oids)s::oid[]) AND attnum > 0 AND NOT attisdropped
    ), below(oid, attname, type, is_part) AS (
        SELECT oid, attname, atttypid, false FROM columns
        UNION SELECT b.oid, b.attname, next.type, b.is_part OR next.is_part
        FROM below b JOIN pg_type t ON t.oid = b.type CROSS JOIN LATERAL (
            SELECT t.typbasetype, false
            UNION ALL SELECT t.typelem, true WHERE t.typsubscript = 'array_subscript_handler'::regproc
            UNION ALL SELECT atttypid, true FROM pg_attribute
            WHERE attrelid = t.typrelid AND attnum > 0 AND NOT attisdropped
            UNION ALL SELECT rngsubtype, true FROM pg_range WHERE t.oid IN (rngtypid, rngmultitypid)
        ) AS next(type, is_part) WHERE next.type <> 0
    ), expressions AS (
        SELECT conrelid AS oid, 'Check' AS kind, conname AS name, '' AS owner,
               pg_get_expr(conbin, conrelid) AS expression, '' AS type, conbin::text AS tree,
               {_READ_BY.format(tree="conbin", oid="conrelid")} AS reads,
               'pg_constraint'::regclass::oid AS classid, oid AS objid
        FROM pg_constraint WHERE contype = 'c' AND convalidated AND conrelid = ANY (%(oids)s::oid[])
        UNION ALL
        SELECT b.oid, CASE WHEN b.is_part THEN 'Made' ELSE 'Domain' END, k.conname, format_type(b.type, NULL),
               pg_get_expr(k.conbin, 0), '', k.conbin::text, ARRAY[b.attname::text],
               'pg_constraint'::regclass, k.oid
        FROM below b JOIN pg_constraint k ON k.contypid = b.type AND k.contype = 'c' AND (k.convalidated OR b.is_part)
        UNION ALL
        SELECT c.oid, 'Generated', c.attname, '', pg_get_expr(d.adbin, d.adrelid), c.type, d.adbin::text,
               {_READ_BY.format(tree="d.adbin", oid="c.oid")}, 'pg_attrdef'::regclass, d.oid
        FROM columns c JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (c.oid, c.attnum) WHERE c.is_generated
    )
    SELECT oid::int8, kind, name, owner, expression, type, reads, {_IS_SAFE} AS is_safe FROM expressions e
    UNION ALL
    SELECT DISTINCT b.oid::int8, 'Cast', '', format_type(b.type, NULL), '', '', ARRAY[b.attname::text], false
    FROM below b JOIN pg_cast ON b.type IN (castsource, casttarget) AND b.type >= 16384
    JOIN pg_proc p ON p.oid = castfunc JOIN pg_language l ON l.oid = p.prolang AND l.lanname NOT IN ('internal', 'c')
    ORDER BY 1, 2, 3, 4
"""  # noqa: S608 - constants only
"""Constraints that are NOT VALID do not count: a load adds them after the rows. Neither do those that are NOT ENFORCED,
which are never validated. A cast to a domain runs all of its CHECKs."""


def read(session: Session, oids: Collection[int]) -> Mapping[int, Sequence[Condition]]:
    """Return the conditions of these tables by oid, as the session's snapshot sees them."""
    found: dict[int, list[Condition]] = {oid: [] for oid in oids}
    for one in records(session, _QUERY, {"oids": list(oids)}, into=Condition, doing=DOING):
        found[one.oid].append(one)
    return found
