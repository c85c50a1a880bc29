"""Where the schema carries text past the masking rules: constants, comments, labels, bodies. Names only.

The test is rough on purpose: a quoted text with a letter, or with four digits in a row, may be data.
"""

from collections.abc import Collection, Mapping, Sequence

from datareplication.jobs.postgres.connection import Session, rows

DOING = "looking for text in the schema"

_TEXTS = """
    SELECT CASE attgenerated WHEN '' THEN 'defaults' ELSE 'generated columns' END AS kind,
           'pg_class'::regclass::oid AS classid, adrelid AS objid, adnum::int AS subid, adrelid AS relation,
           pg_get_expr(adbin, adrelid) AS text
    FROM pg_attrdef JOIN pg_attribute ON (attrelid, attnum) = (adrelid, adnum)
    UNION ALL SELECT 'CHECK constraints', 'pg_constraint'::regclass, oid, 0, conrelid, pg_get_expr(conbin, conrelid)
    FROM pg_constraint WHERE contype = 'c'
    UNION ALL SELECT 'domain defaults', 'pg_type'::regclass, oid, 0, 0,
                     coalesce(pg_get_expr(typdefaultbin, 0), quote_literal(typdefault))
    FROM pg_type WHERE typtype IN ('b', 'd') AND typdefault IS NOT NULL
    UNION ALL SELECT 'partition bounds', 'pg_class'::regclass, oid, 0, oid, pg_get_expr(relpartbound, oid)
    FROM pg_class WHERE relpartbound IS NOT NULL
    UNION ALL SELECT 'functions', 'pg_proc'::regclass, p.oid, 0, 0,
                     concat_ws(' ', prosrc, pg_get_function_sqlbody(p.oid), pg_get_expr(proargdefaults, 0),
                               quote_literal(proconfig::text), quote_literal(agginitval), quote_literal(aggminitval))
    FROM pg_proc p JOIN pg_language l ON l.oid = prolang LEFT JOIN pg_aggregate ON aggfnoid = p.oid
    WHERE p.oid >= 16384 AND (lanname NOT IN ('c', 'internal') OR prokind = 'a')
    UNION ALL SELECT CASE relkind WHEN 'v' THEN 'views' ELSE 'materialized views' END, 'pg_class'::regclass, oid, 0,
                     oid, pg_get_viewdef(oid)
    FROM pg_class WHERE relkind IN ('v', 'm') AND oid >= 16384 AND oid <> ALL (%(left_out)s::oid[])
    UNION ALL SELECT 'rules', 'pg_rewrite'::regclass, oid, 0, ev_class, pg_get_ruledef(oid)
    FROM pg_rewrite WHERE rulename <> '_RETURN' AND oid >= 16384 AND ev_class <> ALL (%(left_out)s::oid[])
    UNION ALL SELECT 'enum types', 'pg_type'::regclass, oid, 0, 0, $$'label'$$
    FROM pg_type WHERE typtype = 'e' AND EXISTS (SELECT FROM pg_enum WHERE enumtypid = pg_type.oid)
    UNION ALL SELECT 'indexes', 'pg_class'::regclass, indexrelid, 0, indrelid,
                     concat_ws(' ', pg_get_expr(indexprs, indrelid), pg_get_expr(indpred, indrelid))
    FROM pg_index WHERE indexprs IS NOT NULL OR indpred IS NOT NULL
    UNION ALL SELECT 'statistics objects', 'pg_statistic_ext'::regclass, oid, 0, stxrelid,
                     pg_get_expr(stxexprs, stxrelid)
    FROM pg_statistic_ext WHERE stxexprs IS NOT NULL
    UNION ALL SELECT 'policies', 'pg_policy'::regclass, oid, 0, polrelid,
                     concat_ws(' ', pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
    FROM pg_policy
    UNION ALL SELECT 'triggers', 'pg_trigger'::regclass, oid, 0, tgrelid, pg_get_triggerdef(oid)
    FROM pg_trigger WHERE NOT tgisinternal AND tgrelid <> ALL (%(left_out)s::oid[])
    UNION ALL SELECT 'foreign data options', classid, objid, subid, relation, quote_literal(options::text) FROM (
        SELECT 'pg_foreign_data_wrapper'::regclass::oid, oid, 0, 0, fdwoptions FROM pg_foreign_data_wrapper
        UNION ALL SELECT 'pg_foreign_server'::regclass, oid, 0, 0, srvoptions FROM pg_foreign_server
        UNION ALL SELECT 'pg_user_mapping'::regclass, umid, 0, 0, umoptions FROM pg_user_mappings
        UNION ALL SELECT 'pg_class'::regclass, ftrelid, 0, ftrelid, ftoptions FROM pg_foreign_table
        UNION ALL SELECT 'pg_class'::regclass, attrelid, attnum, attrelid, attfdwoptions FROM pg_attribute
        WHERE attfdwoptions IS NOT NULL) AS given(classid, objid, subid, relation, options)
    UNION ALL SELECT 'comments', classoid, objoid, objsubid,
                     CASE classoid WHEN 'pg_class'::regclass THEN objoid ELSE 0 END, quote_literal(description)
    FROM pg_description WHERE description <> 'standard public schema'
      AND classoid NOT IN ('pg_publication'::regclass, 'pg_subscription'::regclass)
    UNION ALL SELECT 'security labels', classoid, objoid, objsubid,
                     CASE classoid WHEN 'pg_class'::regclass THEN objoid ELSE 0 END, quote_literal(label)
    FROM pg_seclabel
"""
_CARRYING = r"""
    EXISTS (SELECT FROM regexp_replace(text, $$'[^']*'::regclass$$, '', 'g') AS rest,
                        regexp_matches(rest, $$'((?:[^']|'')*)'$$, 'g') AS quoted(parts)
            WHERE parts[1] ~ '[[:alpha:]]|[0-9]{4}')
    OR (kind = 'functions' AND text ~ '--|/[*]|[$][A-Za-z_]*[$]')
"""
"""nextval('…'::regclass) names a sequence. In a body, comments and dollar quotes carry text too."""

_QUERY = f"""
    WITH members AS (SELECT classid, objid FROM pg_depend WHERE deptype = 'e'), ours AS (
        SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
        WHERE n.nspname = 'datareplication' OR n.nspname ~ '^pg_' OR n.nspname = 'information_schema'
    )
    SELECT DISTINCT kind, CASE WHEN kind IN ('comments', 'security labels', 'foreign data options')
                               THEN known.type || ' ' ELSE '' END || known.identity
    FROM ({_TEXTS}) AS texts CROSS JOIN LATERAL pg_identify_object(classid, objid, subid) AS known
    WHERE (objid >= 16384 OR classid = 'pg_largeobject'::regclass
           OR (classid, objid) = ('pg_namespace'::regclass, 2200))
      AND relation <> ALL (%(left_out)s::oid[]) AND relation NOT IN (SELECT oid FROM ours)
      AND known.identity IS NOT NULL AND ({_CARRYING})
      AND (classid, objid) NOT IN (SELECT classid, objid FROM members)
      AND ('pg_class'::regclass::oid, relation) NOT IN (SELECT classid, objid FROM members)
    ORDER BY 1, 2
"""  # noqa: S608 - constants only
"""Members of extensions come with CREATE EXTENSION."""


def read(session: Session, left_out: Collection[int]) -> Mapping[str, Sequence[str]]:
    """Return the names of all places that carry text, by kind. left_out: oids of relations that are not copied."""
    found: dict[str, list[str]] = {}
    for kind, name in rows(session, _QUERY, {"left_out": list(left_out)}, doing=DOING):
        found.setdefault(kind, []).append(name)
    return found
