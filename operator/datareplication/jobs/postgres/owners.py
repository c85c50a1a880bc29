"""Giving everything that a load made to one role, the target database's owner.

It owns which objects have an owner that can be changed. It leaves what only superusers may own (event triggers,
foreign-data wrappers) and what belongs to an extension.
"""

from psycopg2 import sql

from datareplication.jobs.postgres.connection import Session, execute, rows, without_event_triggers

_OWNED = """
    WITH member AS (SELECT classid, objid, refclassid, deptype FROM pg_depend WHERE deptype IN ('a', 'e', 'i')),
    object(rank, classid, oid, owner) AS (
        SELECT 0, 'pg_namespace'::regclass, oid, nspowner FROM pg_namespace
        UNION ALL SELECT 1, 'pg_class'::regclass, c.oid, relowner FROM pg_class c
        WHERE relkind IN ('r', 'p', 'v', 'm', 'f') OR relkind = 'S' AND NOT EXISTS (
            SELECT FROM member WHERE objid = c.oid AND classid = 'pg_class'::regclass AND refclassid = classid)
        UNION ALL SELECT 1, 'pg_type'::regclass, t.oid, typowner FROM pg_type t
        WHERE NOT EXISTS (SELECT FROM member WHERE (classid, objid, deptype) = ('pg_type'::regclass, t.oid, 'i'))
           OR t.typtype = 'm' AND current_setting('server_version_num')::int < 170000
        UNION ALL SELECT 1, 'pg_proc'::regclass, p.oid, proowner FROM pg_proc p
        WHERE NOT EXISTS (SELECT FROM member WHERE (classid, objid, deptype) = ('pg_proc'::regclass, p.oid, 'i'))
        UNION ALL SELECT 1, 'pg_operator'::regclass, oid, oprowner FROM pg_operator
        UNION ALL SELECT 1, 'pg_opclass'::regclass, oid, opcowner FROM pg_opclass
        UNION ALL SELECT 1, 'pg_opfamily'::regclass, oid, opfowner FROM pg_opfamily
        UNION ALL SELECT 1, 'pg_collation'::regclass, oid, collowner FROM pg_collation
        UNION ALL SELECT 1, 'pg_conversion'::regclass, oid, conowner FROM pg_conversion
        UNION ALL SELECT 1, 'pg_ts_dict'::regclass, oid, dictowner FROM pg_ts_dict
        UNION ALL SELECT 1, 'pg_ts_config'::regclass, oid, cfgowner FROM pg_ts_config
        UNION ALL SELECT 1, 'pg_language'::regclass, oid, lanowner FROM pg_language
        UNION ALL SELECT 1, 'pg_foreign_server'::regclass, oid, srvowner FROM pg_foreign_server
        UNION ALL SELECT 1, 'pg_statistic_ext'::regclass, oid, stxowner FROM pg_statistic_ext
        UNION ALL SELECT 1, 'pg_largeobject'::regclass, oid, lomowner FROM pg_largeobject_metadata
    )
    SELECT CASE WHEN type = 'composite type' THEN 'type' WHEN type = 'statistics object' THEN 'statistics'
                WHEN type IN ('function', 'procedure', 'aggregate') THEN 'routine' ELSE type END, identity
    FROM object o CROSS JOIN LATERAL pg_identify_object(o.classid, o.oid, 0)
    WHERE o.oid >= 16384 AND owner = (SELECT oid FROM pg_roles WHERE rolname = current_user)
      AND NOT EXISTS (SELECT FROM member m WHERE (m.classid, m.objid, m.deptype) = (o.classid, o.oid, 'e'))
    ORDER BY rank, o.oid
"""
"""Schemas first: who is given an object must be allowed to create it there. An array's type, a table's row type, a
serial column's sequence, an index go with what they belong to; a multirange type from PostgreSQL 17 on."""


def give_all(session: Session, owner: str) -> None:
    """Give to `owner` all objects of the session's database that belong to the session's role.

    A role that is no superuser must have the rights of `owner`, which needs CREATE on the database.
    """
    doing = f"looking up what is to belong to {owner}"
    without_event_triggers(session)
    for kind, identity in rows(session, _OWNED, doing=doing):
        # Both are the server's own words, the identity qualified and quoted.
        statement = sql.SQL("ALTER {} {} OWNER TO {}").format(sql.SQL(kind), sql.SQL(identity), sql.Identifier(owner))
        execute(session, statement, doing=f"giving {kind} {identity} to {owner}")
