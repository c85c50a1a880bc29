"""The settings of the source with which a load fills tables and materialized views."""

from datareplication.jobs.frame.log import Log
from datareplication.jobs.model.manifest import Manifest
from datareplication.jobs.postgres import shaping
from datareplication.jobs.postgres.connection import Session


def accepted(session: Session, manifest: Manifest, log: Log) -> dict[str, str]:
    """Return those of the source's settings that the session's server accepts; log a warning about the others."""
    taken, refused = shaping.accepted(session, manifest.schema.settings)
    if refused:
        log.warning("the target's server does not accept some of the source's settings", why=refused)
    return taken
