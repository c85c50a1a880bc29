"""Large objects in the catalogs: how many there are, and which of them the role cannot read.

pg_dump copies them, with owners, grants and comments.
"""

from datareplication.jobs.postgres.connection import Session, row, rows

DOING = "reading the catalogs"

# A function such as has_table_privilege() exists for large objects only from PostgreSQL 18 on.
_UNREADABLE = """
    SELECT oid::int8, format('%I', current_user) FROM pg_largeobject_metadata
    WHERE NOT EXISTS (SELECT FROM aclexplode(coalesce(lomacl, acldefault('L', lomowner))) a
                      WHERE a.privilege_type = 'SELECT' AND (a.grantee = 0 OR pg_has_role(a.grantee, 'USAGE')))
      AND NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
      AND NOT current_setting('lo_compat_privileges')::bool
    ORDER BY 1
"""


def count(session: Session) -> int:
    """Return how many large objects there are."""
    return int(row(session, "SELECT count(*) FROM pg_largeobject_metadata", doing=DOING)[0])


def unreadable(session: Session) -> list[tuple[int, str]]:
    """Return (oid, the session's role, quoted) for each large object that the role may not read."""
    return [(oid, role) for oid, role in rows(session, _UNREADABLE, doing=DOING)]
