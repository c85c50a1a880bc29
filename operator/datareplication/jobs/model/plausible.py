"""Finds what no dump writes into a manifest, where single fields do not show it. Pure.

A manifest's checksum shows damage, but not malice: whoever can write a snapshot can also write a right checksum. The
ranges and forms of single fields are in `manifest`.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from datareplication.core import times
from datareplication.errors import DataError
from datareplication.jobs.model import contents
from datareplication.jobs.model.manifest import Manifest

MOST = 2**63 - 1
"""The largest bigint."""


def check(manifest: Manifest) -> None:
    """Raise DataError when a table, file, index, sequence or view is there twice: it would be loaded twice.

    Also when an archive has another name than usual, when the snapshot's time is no time, or when a sum of rows or
    bytes does not fit into a column of the target's provenance.
    """
    try:
        times.from_text(manifest.snapshot_time)
    except (ValueError, OverflowError) as error:
        text = f"manifest.json has the time {manifest.snapshot_time}, which does not exist"
        raise DataError(text, reason="SnapshotCorrupt") from error
    if max(manifest.rows, manifest.bytes, manifest.stored_bytes) > MOST:
        raise DataError("manifest.json has more rows or bytes than there can be", reason="SnapshotCorrupt")
    relations = manifest.relations
    expected = (
        contents.ARCHIVE,
        *([contents.LARGE_OBJECTS] if manifest.large_objects else ()),
        *([contents.LEAK_GATE] if manifest.leak_gate else ()),
    )
    if tuple(archive.path for archive in manifest.archives) != expected:
        raise DataError("manifest.json gives an archive another name than a dump does", reason="SnapshotCorrupt")
    _once("table", ((one.schema, one.name) for one in relations))
    _once("oid of a table", (one.oid for one in relations))
    _once("file", (part.path for part in manifest.parts))
    _once("index", ((index.catalog, index.oid) for one in relations for index in one.indexes))
    _once("sequence", ((one.schema, one.name) for one in manifest.sequences))
    _once("materialized view", ((one.schema, one.name) for one in manifest.schema.materialized_views))


def _once(what: str, found: Iterable[Any]) -> None:
    if twice := [one for one, count in Counter(found).items() if count > 1]:
        text = f"manifest.json names the {what} {twice[0]!r} twice, which no dump does"
        raise DataError(text, reason="SnapshotCorrupt")
