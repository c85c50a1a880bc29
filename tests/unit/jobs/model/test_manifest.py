"""The manifest's JSON: what is written is read again, and nothing else."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datareplication.errors import CapabilityError, DataError
from datareplication.jobs.model import manifest as manifests
from datareplication.jobs.model import manifest_file
from datareplication.jobs.model.manifest import FORMAT_VERSION, Column, Manifest, Part, Relation, Sequence

PART = Part("data/1-0.csv.zst", rows=3, bytes=30, stored_bytes=20, sha256="ab")


names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)
relations = st.builds(
    Relation,
    oid=st.integers(1, 2**32 - 1),
    schema=names,
    name=names,
    kind=st.sampled_from(["Table", "PartitionedTable"]),
    columns=st.lists(st.builds(Column, names, names), max_size=3).map(tuple),
    parts=st.lists(st.just(PART), max_size=3).map(tuple),
    checksum=st.sampled_from([None, "1:-5"]),
)
sequences = st.builds(Sequence, names, names, st.integers(-(2**63), 2**63 - 1), st.booleans())


@given(found=st.lists(relations, max_size=3).map(tuple), states=st.lists(sequences, max_size=3).map(tuple))
def test_what_is_written_is_read_again(
    manifest: Manifest, found: tuple[Relation, ...], states: tuple[Sequence, ...]
) -> None:
    written = replace(manifest, relations=found, sequences=states)
    assert manifest_file.from_json(manifest_file.to_json(written)) == written


def test_totals(manifest: Manifest) -> None:
    table = Relation(1, "public", "t", "Table", (), (PART, PART))
    filled = replace(manifest, relations=(table, Relation(2, "public", "p", "PartitionedTable", ())))
    assert (filled.tables, filled.rows, filled.bytes, len(filled.parts)) == (1, 6, 60, 3)


@given(data=st.data())
def test_any_changed_character_is_found(manifest: Manifest, data: st.DataObject) -> None:
    table = Relation(1, "public", "t", "Table", (Column("id", "integer"),), (PART,))
    text = manifest_file.to_json(replace(manifest, relations=(table,)))
    position = data.draw(st.integers(0, len(text) - 1))
    changed = text[:position] + data.draw(st.characters(codec="utf-8")) + text[position + 1 :]
    try:
        same = json.loads(changed) == json.loads(text)
    except ValueError:
        same = False
    if not same:
        with pytest.raises(DataError):
            manifest_file.from_json(changed)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "7", '"text"', "{}", '{"checksum": "sha256:00"}'])
def test_what_is_no_manifest_is_a_data_error(text: str) -> None:
    with pytest.raises(DataError):
        manifest_file.from_json(text)


def _rewritten(manifest: Manifest, **changes: Any) -> str:
    content = {**json.loads(manifest_file.to_json(manifest)), **changes}
    del content["checksum"]
    return json.dumps({"checksum": manifest_file._checksum(content), **content})


def test_a_newer_format_is_a_missing_capability(manifest: Manifest) -> None:
    with pytest.raises(CapabilityError):
        manifest_file.from_json(_rewritten(manifest, formatVersion=FORMAT_VERSION + 1))


@pytest.mark.parametrize("change", [{"lsn": 5}, {"relations": {}}, {"relations": [{}]}, {"run": None}, {"schema": []}])
def test_a_wrong_shape_names_its_field(manifest: Manifest, change: dict[str, Any]) -> None:
    (field,) = change
    with pytest.raises(DataError, match=field):
        manifest_file.from_json(_rewritten(manifest, **change))


def test_the_fingerprint_follows_names_and_types_only() -> None:
    table = Relation(1, "public", "t", "Table", (Column("id", "integer"),), (PART,))
    same = Relation(99, "public", "t", "Table", (Column("id", "integer"),))
    others = [
        Relation(1, "public", "u", "Table", (Column("id", "integer"),)),
        Relation(1, "public", "t", "Table", (Column("id", "bigint"),)),
        Relation(1, "public", "t", "Table", ()),
    ]
    fingerprint = manifests.fingerprint((table,))
    assert manifests.fingerprint((same,)) == fingerprint
    assert fingerprint not in {manifests.fingerprint((other,)) for other in others}


def test_a_field_that_came_later_may_be_missing(manifest: Manifest) -> None:
    content = json.loads(manifest_file.to_json(manifest))
    del content["checksum"], content["notCarried"]
    text = json.dumps({"checksum": manifest_file._checksum(content), **content})
    assert manifest_file.from_json(text) == manifest
