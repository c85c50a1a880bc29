"""The archive of large objects: how pg_dump is asked for it, how a load restores and verifies it.

They go through pg_dump and pg_restore, which know their owners, grants and comments. They are no relations: patterns
of tables do not choose among them.
"""

from datareplication.errors import DataError
from datareplication.jobs.model.manifest import Manifest
from datareplication.jobs.postgres import large_objects
from datareplication.jobs.postgres.connection import Session


def verify(session: Session, manifest: Manifest) -> None:
    """Raise DataError unless the session's database has as many as were dumped."""
    wanted = manifest.large_objects.count if manifest.large_objects else 0
    found = large_objects.count(session)
    if found != wanted:
        text = f"{found} large objects arrived, {wanted} were dumped"
        raise DataError(text, reason="LargeObjectsDiffer")
