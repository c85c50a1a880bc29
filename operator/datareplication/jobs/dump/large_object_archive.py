"""The archive of large objects: pg_dump's arguments for it, and the rights that it needs.

pg_dump and pg_restore copy large objects with owners, grants and comments. Large objects are no relations, so patterns
of tables do not apply to them.
"""

from datareplication.core.choices import Compression
from datareplication.errors import RightsError
from datareplication.jobs.postgres import large_objects
from datareplication.jobs.postgres.connection import Session

OIDS_IN_A_MESSAGE = 20


def refuse_unreadable(session: Session) -> None:
    """Raise RightsError, with the statement that helps, if the role may not read all large objects."""
    unreadable = large_objects.unreadable(session)
    if not unreadable:
        return
    oids, role = [str(oid) for oid, _ in unreadable], unreadable[0][1]
    text = f"the role may not read {len(oids)} large objects; run as their owner or as a superuser: "
    if len(oids) <= OIDS_IN_A_MESSAGE:
        text += f"GRANT SELECT ON LARGE OBJECT {', '.join(oids)} TO {role};"
    else:
        query = f"SELECT format('GRANT SELECT ON LARGE OBJECT %s TO ', oid) || $role${role}$role$"
        text += f"{query} FROM pg_largeobject_metadata \\gexec (in psql)"
    raise RightsError(text, reason="CannotReadLargeObjects")


def dump_options(snapshot_id: str, compression: Compression) -> list[str]:
    """Return pg_dump's arguments for an archive of all large objects and nothing else. No table is locked for it."""
    return [
        "--format=custom",
        "--data-only",
        "--blobs",
        "--exclude-schema=*",
        f"--compress={0 if compression == 'None' else 1}",
        f"--snapshot={snapshot_id}",
    ]
