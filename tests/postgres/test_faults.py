"""A snapshot that is not what was dumped leaves the target as it was."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from datareplication.jobs.model import manifest_file
from support.programs import Dumped, Programs, databases


@pytest.fixture
def older(dumped: Programs) -> Programs:
    """A target that holds something older."""
    dumped.target.run("CREATE TABLE old AS SELECT 1 AS id", database=dumped.database)
    return dumped


def _data(snapshot: Path) -> Path:
    (path,) = (snapshot / "data").iterdir()
    return path


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _cut(path: Path, size: int = 1) -> None:
    path.write_bytes(path.read_bytes()[:-size])


def _change_a_row(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"\n7,", b"\n8,", 1))


def _without_row(snapshot: Path) -> None:
    """The manifest counts a row too many, but its own checksum is right."""
    path = snapshot / "manifest.json"
    content = json.loads(path.read_text())
    content["relations"][0]["parts"][0]["rows"] += 1
    content["checksum"] = manifest_file._checksum({key: value for key, value in content.items() if key != "checksum"})
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda snapshot: _flip(_data(snapshot)), "SnapshotCorrupt"),
        (lambda snapshot: _cut(_data(snapshot)), "SnapshotCorrupt"),
        (lambda snapshot: _change_a_row(_data(snapshot)), "SnapshotCorrupt"),
        (lambda snapshot: _data(snapshot).unlink(), "SnapshotIncomplete"),
        (lambda snapshot: _flip(snapshot / "schema.dump"), "SnapshotCorrupt"),
        (lambda snapshot: (snapshot / "schema.dump").unlink(), "SnapshotIncomplete"),
        (lambda snapshot: _flip(snapshot / "manifest.json"), "SnapshotCorrupt"),
        (lambda snapshot: _cut(snapshot / "manifest.json", 3), "SnapshotCorrupt"),
        (lambda snapshot: (snapshot / "manifest.json").unlink(), "SnapshotIncomplete"),
        (lambda snapshot: snapshot.rename(snapshot.with_name("elsewhere")), "SnapshotIncomplete"),
        (_without_row, "RowsDiffer"),
    ],
    ids=[
        "a bit flipped in a file",
        "a file cut",
        "a row changed",
        "a file missing",
        "a bit flipped in the schema",
        "the schema missing",
        "a bit flipped in the manifest",
        "the manifest cut",
        "the manifest missing",
        "the directory missing",
        "a row too few",
    ],
)
def test_a_damaged_snapshot_is_refused(older: Programs, damage: Callable[[Path], object], reason: str) -> None:
    damage(older.snapshot)
    loaded = older.load("--overwrite", "Any")
    assert loaded.summary == (65, reason)
    assert databases(older.target, older.database) == [older.database]
    assert older.target.run("TABLE old", database=older.database) == [(1,)]


def _flip_first(path: Path) -> None:
    path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])


def _flip_last(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1] + bytes([path.read_bytes()[-1] ^ 1]))


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _add(path: Path) -> None:
    path.write_bytes(path.read_bytes() * 2)


def _cut_unnoticed(path: Path) -> None:
    """Cut the file and pad it to its old size, as a file system does after a crash."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2].ljust(len(content), b"\0"))


DAMAGES = [_flip, _flip_first, _flip_last, _cut, _cut_unnoticed, _empty, _add]


@pytest.mark.parametrize("compression", ["Zstd", "Gzip"])
def test_a_damaged_compressed_file_is_refused(programs: Programs, compression: str) -> None:
    programs.source.run(
        "CREATE TABLE t AS SELECT i, md5(i::text) AS v FROM generate_series(1, 1000) i", database=programs.database
    )
    programs.target.run("CREATE TABLE old AS SELECT 1 AS id", database=programs.database)
    assert programs.dump("--compression", compression).code == 0
    file = _data(programs.snapshot)
    whole = file.read_bytes()
    refused = {}
    for damage in DAMAGES:
        damage(file)
        refused[damage.__name__] = programs.load("--overwrite", "Any").summary
        file.write_bytes(whole)
    assert refused == {damage.__name__: (65, "SnapshotCorrupt") for damage in DAMAGES}
    file.unlink()
    assert programs.load("--overwrite", "Any").summary == (65, "SnapshotIncomplete")
    assert databases(programs.target, programs.database) == [programs.database]
    assert programs.target.run("TABLE old", database=programs.database) == [(1,)]
    file.write_bytes(whole)
    assert programs.load("--overwrite", "Any").code == 0


def test_another_runs_snapshot_is_refused(dumped: Programs) -> None:
    loaded = dumped.load(run="run-2")
    assert loaded.summary == (65, "OtherRunsSnapshot")
    assert "run-1" in loaded.report.message


def test_rows_that_break_a_constraint_leave_the_target_alone(programs: Programs) -> None:
    """A row that violates a foreign key at the source is found when the load creates the key."""
    programs.source.run(
        "CREATE TABLE parent (id int PRIMARY KEY)",
        "CREATE TABLE child (id int REFERENCES parent)",
        "SET session_replication_role = replica",
        "INSERT INTO child VALUES (4242)",
        database=programs.database,
    )
    assert programs.dump().code == 0
    loaded = programs.load()
    assert loaded.summary == (65, "ConstraintViolated")
    assert "4242" not in loaded.report.message, "rows do not belong into messages"
    assert databases(programs.target, programs.database) == [programs.database]


def test_a_full_volume_ends_the_dump_and_leaves_nothing(
    programs_of: Callable[[Dumped], Programs], large: Dumped
) -> None:
    programs = programs_of(large)
    path = programs.root / "full" / "snapshot"
    ended = programs.start("dump", "--compression", "None", file_limit_kib=1024, CSV_OUTPUT_PATH=str(path)).end()
    assert ended.summary == (73, "VolumeFull")
    assert list(path.parent.iterdir()) == []
