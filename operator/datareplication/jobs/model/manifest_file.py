"""The manifest as `manifest.json`: values <-> text, with the format's version and the file's own checksum."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from datareplication.errors import CapabilityError, DataError
from datareplication.jobs.model import codec
from datareplication.jobs.model.manifest import FORMAT_VERSION, Manifest


def to_json(manifest: Manifest) -> str:
    """Return the file's text: an object with the manifest's fields and `checksum`, the sha256 of all the others."""
    content = codec.encoded(manifest)
    return json.dumps({"checksum": _checksum(content), **content}, ensure_ascii=False) + "\n"


def from_json(text: str) -> Manifest:
    """Read the file's text. DataError if it is cut, changed or no manifest, CapabilityError for another format."""
    try:
        content = codec.parsed(text)
        stated = content.pop("checksum")
        version = content["formatVersion"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError("manifest.json is cut or not a manifest", reason="SnapshotCorrupt") from error
    if stated != _checksum(content):
        raise DataError("manifest.json does not match its own checksum", reason="SnapshotCorrupt")
    if version != FORMAT_VERSION:
        text = f"the snapshot has format {version}; this program reads {FORMAT_VERSION}: dump again"
        raise CapabilityError(text, reason="SnapshotFormat")
    manifest: Manifest = codec.decoded(Manifest, content, "manifest.json: manifest")
    return manifest


def _checksum(content: Mapping[str, Any]) -> str:
    return "sha256:" + hashlib.sha256(codec.canonical(content)).hexdigest()
