"""Whatever somebody writes into a manifest with a right checksum: it is read or refused, and never ends as a defect."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datareplication.errors import ReplicationError
from datareplication.jobs.model import contents, manifest_file, plausible
from datareplication.jobs.model.manifest import (
    CatalogObject,
    Column,
    Extension,
    Index,
    LargeObjects,
    Manifest,
    MaterializedView,
    Omitted,
    Part,
    Relation,
    Role,
    Run,
    Schema,
    Sequence,
    Source,
)
from datareplication.jobs.model.masking.stamp import Masked
from datareplication.jobs.model.masking.unmasked import Unmasked
from datareplication.jobs.model.ownership import Owned, Ownership
from datareplication.jobs.snapshot import inventory, listing, store

FULL = Manifest(
    run=Run("uid", "run", "prod", "2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z"),
    source=Source("7711", "app", 150018, "UTF8", "2024-01-01T00:00:00.5Z"),
    snapshot_time="2024-01-02T00:00:01Z",
    lsn="0/16B3748",
    compression="Zstd",
    schema=Schema(
        archive=Part("schema.dump", 0, 100, 100, "cd"),
        pg_dump_version=15,
        fingerprint="ef",
        roles=(Role("app", ("Owner",)),),
        extensions=(Extension("pg_trgm", "1.6"),),
        materialized_views=(MaterializedView("public", "mv"),),
        has_public=True,
        ownership=Ownership("app", (Owned("table", "public.t", "bob"),)),
        only_superusers=(CatalogObject(1255, 6, "function f()"),),
    ),
    relations=(
        Relation(1, "public", "t", "Table", (Column("a", "int"),), (Part("data/1-0.csv.zst", 1, 2, 3, "ab"),), (Index(1259, 7, 8),), "1:5"),
    ),
    sequences=(Sequence("public", "s", 5, True),),
    tool_version="0.1.0",
    duration_seconds=1.5,
    large_objects=LargeObjects(Part("blobs.dump", 0, 5, 5, "ab"), 2),
    omitted=Omitted(("a.b",), ("c.d",), ("e.f",), (CatalogObject(2606, 5, "fk"),)),
    not_carried=("roles: app",),
    masked=Masked("ab", 3, "cd", (Unmasked("defaults", 1, ("public.t.a",)),)),
    leak_gate=Part("leak_gate.json", 0, 5, 5, "ab"),
)  # fmt: skip
CONTENT: dict[str, Any] = {
    name: value for name, value in json.loads(manifest_file.to_json(FULL)).items() if name != "checksum"
}

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | st.text(st.characters(), max_size=10)
    | st.sampled_from(
        ["../x", "/etc/passwd", "data/1-0.csv", "x\0", "\ud800", "9" * 5000, "0001-01-01T00:00:00+14:00"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path to each value in JSON's values."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


def changed(path: tuple[Any, ...], value: Any, *, is_removed: bool) -> str:
    content = copy.deepcopy(CONTENT)
    here: Any = content
    for key in path[:-1]:
        here = here[key]
    if is_removed:
        del here[path[-1]]
    else:
        here[path[-1]] = value
    return json.dumps({"checksum": manifest_file._checksum(content), **content})


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "x").mkdir()
    return tmp_path / "x"


@settings(max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.sampled_from(list(places(CONTENT))), value=values, is_removed=st.booleans())
def test_any_change_is_read_or_refused(directory: Path, path: tuple[Any, ...], value: Any, is_removed: bool) -> None:
    (directory / contents.MANIFEST).write_text(changed(path, value, is_removed=is_removed), encoding="utf-8")
    found = inventory.take(directory.parent).found
    assert found[0].state == "Damaged"  # at least its files are missing
    listing.table(found)
    listing.as_json(found)
    try:
        manifest = store.read_manifest(directory)
    except ReplicationError as error:
        assert error.exit_code in (65, 69)  # noqa: PT017 - an error is allowed, not required
    else:
        assert manifest_file.from_json(manifest_file.to_json(manifest)) == manifest
        assert all(
            part.path in {"schema.dump", "blobs.dump", "leak_gate.json"} or part.path.startswith("data/")
            for part in manifest.parts
        )


def test_what_is_whole_is_read() -> None:
    manifest = manifest_file.from_json(manifest_file.to_json(FULL))
    plausible.check(manifest)
    assert manifest == FULL


@given(text=st.text(st.characters(codec="utf-8")) | st.binary().map(lambda data: data.decode(errors="replace")))
def test_any_text_is_refused(text: str) -> None:
    with pytest.raises(ReplicationError):
        manifest_file.from_json(text)
