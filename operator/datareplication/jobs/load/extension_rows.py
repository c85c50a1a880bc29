"""Rows that users keep in tables of extensions, on their way into a target.

CREATE EXTENSION has made the tables there, perhaps in another version, and may have put rows into them, so they are
added to, never emptied.
"""

from datareplication.errors import CapabilityError
from datareplication.jobs.model.manifest import Manifest
from datareplication.jobs.postgres import extensions
from datareplication.jobs.postgres.connection import Session


def refuse_lacking(session: Session, manifest: Manifest) -> None:
    """Raise CapabilityError when the target's version of an extension lacks a table or a column of these."""
    for relation, column in extensions.lacking(session, manifest.extension_tables):
        versions = {extension.name: extension.version for extension in manifest.schema.extensions}
        source = f"{relation.extension} {versions.get(relation.extension, '')}".strip()
        text = f"the source keeps rows in {relation.schema}.{relation.name} ({column}) of extension {source}"
        remedy = "the target's version does not have it: install that version there"
        raise CapabilityError(f"{text}; {remedy}", reason="ExtensionTooOld")
