"""A snapshot that somebody has rewritten, with right checksums: nothing in it can do harm."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from datareplication.jobs.load.swap.building import Building
from datareplication.jobs.model import manifest_file
from support.programs import Programs, databases

BOMB_MIB = 300


@pytest.fixture
def older(dumped: Programs) -> Programs:
    """A target that holds something older."""
    dumped.target.run("CREATE TABLE old AS SELECT 1 AS id", database=dumped.database)
    return dumped


def forge(snapshot: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Rewrite the manifest, with a checksum that is right."""
    path = snapshot / "manifest.json"
    content = json.loads(path.read_text())
    del content["checksum"]
    change(content)
    path.write_text(json.dumps({"checksum": manifest_file._checksum(content), **content}))


def part_of(content: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = content["relations"][0]["parts"][0]
    return found


def untouched(programs: Programs) -> bool:
    return databases(programs.target, programs.database) == [programs.database] and programs.target.run(
        "TABLE old", database=programs.database
    ) == [(1,)]


@pytest.mark.parametrize("strategy", ["Swap", "InPlace"])
@pytest.mark.parametrize("form", ["text", "name"])
def test_a_views_name_is_a_name_whatever_stands_in_it(older: Programs, form: str, strategy: str) -> None:
    """Once the name was put unquoted into REFRESH MATERIALIZED VIEW."""
    role = f"{older.database}_intruder"
    statement = f'public.t"; CREATE ROLE {role} SUPERUSER --'
    view: Any = {"schema": "public", "name": statement} if form == "name" else statement.replace('"', "")
    forge(older.snapshot, lambda content: content["schema"].update(materializedViews=[view]))
    if strategy == "InPlace":
        older.target.run("CREATE TABLE t (id int, v text)", database=older.database)
    loaded = older.load("--overwrite", "Any", "--strategy", strategy)
    assert older.target.run(f"SELECT FROM pg_roles WHERE rolname = '{role}'") == []
    if strategy == "Swap" or form == "text":
        assert loaded.code == 65
        assert untouched(older)


@pytest.mark.parametrize("absolute", [False, True])
def test_a_file_outside_of_the_snapshot_is_not_loaded(older: Programs, absolute: bool) -> None:
    elsewhere = shutil.copytree(older.snapshot, older.root / "run" / "elsewhere")
    (file,) = (elsewhere / "data").iterdir()
    path = str(file) if absolute else f"../elsewhere/data/{file.name}"
    forge(older.snapshot, lambda content: part_of(content).update(path=path))
    assert older.load("--overwrite", "Any").summary == (65, "SnapshotCorrupt")
    assert untouched(older)


@pytest.mark.parametrize("what", ["data/part", "data", "schema.dump", "manifest.json", "snapshot", "run"])
def test_a_link_in_a_snapshot_is_not_followed(older: Programs, what: str) -> None:
    (part,) = (older.snapshot / "data").iterdir()
    places = {"data/part": part, "snapshot": older.snapshot, "run": older.snapshot.parent}
    path = places.get(what, older.snapshot / what)
    moved = path.rename(older.root / "moved")
    path.symlink_to(moved)
    loaded = older.load("--overwrite", "Any")
    assert loaded.summary == (65, "SnapshotCorrupt")
    assert "symbolic link" in loaded.report.message
    assert untouched(older)


def test_a_dump_follows_no_link_and_writes_over_nothing(programs: Programs) -> None:
    programs.source.run("CREATE TABLE t AS SELECT 1 AS id", database=programs.database)
    elsewhere = programs.root / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").write_text("precious")
    run = programs.snapshot.parent
    run.mkdir()
    for name, target in {"lock": elsewhere / "file", "partial": elsewhere}.items():
        link = run / f".{programs.snapshot.name}.{name}"
        link.symlink_to(target)
        dumped = programs.dump()
        assert dumped.code == 73
        assert "symbolic link" in dumped.report.message
        link.unlink()
    run.rmdir()
    run.symlink_to(elsewhere)
    assert programs.dump().code == 73
    assert [(path.name, path.read_text()) for path in elsewhere.iterdir()] == [("file", "precious")]


def test_a_small_file_that_unpacks_to_a_large_one_stops_at_the_manifests_size(programs: Programs) -> None:
    """Once a file of 28 KB unpacked to 622 MiB on the target: the size was compared only at the end of the file."""
    programs.source.run(
        "CREATE TABLE t AS SELECT i AS id, md5(i::text) AS v FROM generate_series(1, 1000) i",
        database=programs.database,
    )
    programs.target.run("CREATE TABLE old AS SELECT 1 AS id", database=programs.database)
    assert programs.dump().code == 0
    (file,) = (programs.snapshot / "data").iterdir()
    row = b"1,%s\n" % (b"a" * 1000)
    bomb = zstandard.compress(row * (BOMB_MIB * 1024 * 1024 // len(row)))
    file.write_bytes(bomb)
    stated = {"storedBytes": len(bomb), "sha256": hashlib.sha256(bomb).hexdigest()}
    forge(programs.snapshot, lambda content: part_of(content).update(stated))
    position = "SELECT pg_current_wal_insert_lsn() - '0/0'"
    ((before,),) = programs.target.run(position)
    assert programs.load("--overwrite", "Any").summary == (65, "SnapshotCorrupt")
    ((after,),) = programs.target.run(position)
    assert after - before < BOMB_MIB << 17, "an eighth of it went into the target's log"
    assert untouched(programs)


@pytest.mark.parametrize("moment", ["before it is restored", "after it was restored"])
def test_a_schema_that_is_exchanged_while_it_is_loaded_is_not_shown(
    older: Programs, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """The archive is hashed when the load begins; it is exchanged afterwards."""
    # The schema must differ: two archives of one schema, made in the same second, are equal.
    older.source.run("CREATE TABLE more (id int)", database=older.source_database)
    other = older.dump("--schema-only", "public.*", run="run-2", CSV_OUTPUT_PATH=str(older.root / "other"))
    older.source.run("DROP TABLE more", database=older.source_database)
    assert other.code == 0

    method = {"before it is restored": "make_schema", "after it was restored": "seal"}[moment]
    go_on = getattr(Building, method)

    def exchange(*given: Any, **more: Any) -> None:
        (older.root / "other" / "schema.dump").rename(older.snapshot / "schema.dump")
        go_on(*given, **more)

    monkeypatch.setattr(Building, method, exchange)
    loaded = older.load("--overwrite", "Any")
    assert loaded.summary == (65, "SnapshotCorrupt")
    assert untouched(older)


def test_a_name_without_end_never_reaches_a_target(older: Programs) -> None:
    """Once such a name got into the target's provenance, which later loads then could not read."""
    good = (older.snapshot / "manifest.json").read_text()
    forge(older.snapshot, lambda content: content["run"].update(name="y" * 200_000))
    assert older.load("--overwrite", "Any").summary == (65, "SnapshotCorrupt")
    (older.snapshot / "manifest.json").write_text(good)
    assert older.load("--overwrite", "Any").code == 0
