"""How the relations of the source depend on each other, read from its catalogs for `selection`."""

from collections.abc import Collection

from datareplication.jobs.model.selection import Dependent, ForeignKey, Graph, Node
from datareplication.jobs.postgres.catalog import DOING, USER_CLASS
from datareplication.jobs.postgres.connection import Session, records, rows
from datareplication.jobs.postgres.extensions import CONFIG

_NODES = f"""
    SELECT c.oid::int8, n.nspname AS schema, c.relname AS name, c.relkind AS kind
    {USER_CLASS} AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    UNION ALL
    SELECT c.oid::int8, n.nspname, c.relname, 'x' {CONFIG} WHERE c.relkind = 'r'
"""

_CHILDREN = """
    SELECT inhrelid::int8, inhparent::int8, c.relispartition FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid
"""

_PARTS = """
    WITH part AS (
        SELECT 'pg_class'::regclass::oid AS classid, oid AS objid, oid AS relation FROM pg_class
        UNION ALL SELECT 'pg_type'::regclass, oid, typrelid FROM pg_type WHERE typrelid <> 0
        UNION ALL SELECT 'pg_type'::regclass, typarray, typrelid FROM pg_type WHERE typrelid <> 0 AND typarray <> 0
    )
"""
"""The objects that represent a relation in pg_depend: itself, its row type, and the array of its row type."""

_READS = f"""
    {_PARTS}
    SELECT DISTINCT r.ev_class::int8, p.relation::int8 FROM pg_rewrite r
    JOIN pg_class v ON v.oid = r.ev_class AND v.relkind IN ('v', 'm')
    JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
    JOIN part p ON (p.classid, p.objid) = (d.refclassid, d.refobjid)
    WHERE p.relation <> r.ev_class
"""  # noqa: S608 - constants only

_OWNED = """
    SELECT s.oid::int8, d.refobjid::int8 FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
    WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0
      AND d.deptype IN ('a', 'i')
"""

_DEFAULTS = """
    SELECT DISTINCT a.adrelid::int8, s.oid::int8 FROM pg_attrdef a
    JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = a.oid AND d.refclassid = 'pg_class'::regclass
    JOIN pg_class s ON s.oid = d.refobjid AND s.relkind = 'S'
"""

_FOREIGN_KEYS = """
    SELECT k.oid::int8, concat_ws('.', n.nspname, c.relname, conname) AS name, conrelid::int8 AS table,
           confrelid::int8 AS referenced
    FROM pg_constraint k JOIN pg_class c ON c.oid = conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE contype = 'f' AND conparentid = 0 ORDER BY 2
"""

_DEPENDENTS = f"""
    {_PARTS}
    SELECT p.relation::int8 AS relation,
           coalesce(w.ev_class, a.adrelid, k.conrelid, t.tgrelid, y.polrelid, s.stxrelid,
                    CASE WHEN d.classid = 'pg_class'::regclass THEN d.objid END, 0)::int8 AS owner,
           pg_describe_object(d.classid, d.objid, d.objsubid) AS description
    FROM part p JOIN pg_depend d ON (d.refclassid, d.refobjid) = (p.classid, p.objid)
    LEFT JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
    LEFT JOIN pg_attrdef a ON d.classid = 'pg_attrdef'::regclass AND a.oid = d.objid
    LEFT JOIN pg_constraint k ON d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
    LEFT JOIN pg_trigger t ON d.classid = 'pg_trigger'::regclass AND t.oid = d.objid
    LEFT JOIN pg_policy y ON d.classid = 'pg_policy'::regclass AND y.oid = d.objid
    LEFT JOIN pg_statistic_ext s ON d.classid = 'pg_statistic_ext'::regclass AND s.oid = d.objid
    WHERE p.relation = ANY (%s::oid[]) AND d.deptype = 'n' AND k.contype IS DISTINCT FROM 'f'
    ORDER BY 3
"""  # noqa: S608 - constants only


def read(session: Session) -> Graph:
    """Return the relations of users and their dependencies on each other."""
    nodes = tuple(records(session, _NODES, into=Node, doing=DOING))
    known = {node.oid for node in nodes}
    keys = records(session, _FOREIGN_KEYS, into=ForeignKey, doing=DOING)
    return Graph(
        nodes=nodes,
        children=tuple((c, p, part) for c, p, part in rows(session, _CHILDREN, doing=DOING) if {c, p} <= known),
        reads=_pairs(session, _READS, known),
        owned=_pairs(session, _OWNED, known),
        defaults=_pairs(session, _DEFAULTS, known),
        foreign_keys=tuple(key for key in keys if {key.table, key.referenced} <= known),
    )


def dependents(session: Session, oids: Collection[int]) -> list[Dependent]:
    """Return objects that need any of the relations: functions, policies, columns …, but no views, no foreign keys."""
    if not oids:
        return []
    return records(session, _DEPENDENTS, [list(oids)], into=Dependent, doing=DOING)


def _pairs(session: Session, query: str, known: Collection[int]) -> tuple[tuple[int, int], ...]:
    found = rows(session, query, doing=DOING)
    return tuple((one, other) for one, other in found if one in known and other in known)
