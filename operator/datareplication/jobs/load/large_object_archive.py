"""How a load verifies the large objects that pg_restore has restored."""

from datareplication.errors import DataError
from datareplication.jobs.model.manifest import Manifest
from datareplication.jobs.postgres import large_objects
from datareplication.jobs.postgres.connection import Session


def verify(session: Session, manifest: Manifest) -> None:
    """Raise DataError unless the session's database has as many large objects as were dumped."""
    wanted = manifest.large_objects.count if manifest.large_objects else 0
    found = large_objects.count(session)
    if found != wanted:
        text = f"{found} large objects arrived, {wanted} were dumped"
        raise DataError(text, reason="LargeObjectsDiffer")
