"""Rows that users keep in tables of extensions, on their way into a target.

CREATE EXTENSION has created these tables in the target, perhaps in another version, and may have put rows into them. So
users' rows are added, and the tables are never emptied.
"""

from datareplication.errors import CapabilityError
from datareplication.jobs.model.manifest import Manifest
from datareplication.jobs.postgres import extensions
from datareplication.jobs.postgres.connection import Session


def refuse_lacking(session: Session, manifest: Manifest) -> None:
    """Raise CapabilityError if the target's version of an extension lacks one of these tables or its columns."""
    for relation, column in extensions.lacking(session, manifest.extension_tables):
        versions = {extension.name: extension.version for extension in manifest.schema.extensions}
        source = f"{relation.extension} {versions.get(relation.extension, '')}".strip()
        text = f"the source has rows in {relation.schema}.{relation.name} (column {column}) of extension {source}"
        remedy = "the target's version of the extension does not have it: install the source's version there"
        raise CapabilityError(f"{text}; {remedy}", reason="ExtensionTooOld")
