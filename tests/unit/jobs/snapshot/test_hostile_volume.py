"""A volume that others may write to: none of their links is followed, none of their files counts as a snapshot's."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from datareplication.core import times
from datareplication.errors import CapabilityError, DataError, ReplicationError, StorageError
from datareplication.jobs.commands import snapshot
from datareplication.jobs.model import codec, contents, manifest_file
from datareplication.jobs.model import manifest as manifests
from datareplication.jobs.model.manifest import (
    FORMAT_VERSION,
    Column,
    Index,
    LargeObjects,
    Manifest,
    MaterializedView,
    Part,
    Relation,
)
from datareplication.jobs.model.retention import Order, Rule
from datareplication.jobs.snapshot import below, inventory, lock, pruning, store, verification
from datareplication.jobs.snapshot.hashing import hashed_file
from datareplication.jobs.snapshot.parts import PartReader, PartWriter

OPERATOR = Path(__file__).parents[4] / "operator"
NOW = times.from_text("2024-02-01T00:00:00Z")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's directory on the volume."""
    path = tmp_path / "volume" / "prod" / "run"
    path.mkdir(parents=True)
    return path


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A directory that belongs to somebody else, with a file in it."""
    path = tmp_path / "elsewhere"
    path.mkdir()
    (path / "file").write_text("precious")
    return path


def publish(directory: Path, manifest: Manifest) -> Manifest:
    """Publish a snapshot of one table."""
    with store.draft(directory) as draft:
        (draft.root / contents.ARCHIVE).write_bytes(b"archive")
        with PartWriter(draft.root, "data/1-0.csv", "None", lambda _: None) as writer:
            writer.stream.write(b"1\n")
            part = writer.part(1)
        schema = replace(manifest.schema, archive=hashed_file(draft.root, contents.ARCHIVE))
        whole = replace(manifest, schema=schema, relations=(table(1, part),))
        draft.publish(whole)
    return whole


def table(oid: int, *parts: Part, name: str = "t", indexes: tuple[Index, ...] = ()) -> Relation:
    return Relation(oid, "public", name, "Table", (Column("a", "integer"),), parts, indexes)


def untouched(elsewhere: Path) -> bool:
    return [path.name for path in elsewhere.iterdir()] == ["file"] and (elsewhere / "file").read_text() == "precious"


def test_a_lock_that_is_a_link_is_refused_and_what_it_points_at_keeps_its_content(run: Path, elsewhere: Path) -> None:
    (run / ".x.lock").symlink_to(elsewhere / "file")
    with pytest.raises(StorageError, match="symbolic link"), store.draft(run / "x"):
        pass
    assert untouched(elsewhere)


def test_a_lock_that_is_a_hard_link_keeps_its_content(run: Path, elsewhere: Path) -> None:
    os.link(elsewhere / "file", run / ".x.lock")
    with store.draft(run / "x"):
        pass
    assert untouched(elsewhere)


def test_a_lock_that_points_nowhere_makes_nothing_there(run: Path, elsewhere: Path) -> None:
    (run / ".x.lock").symlink_to(elsewhere / "new")
    with pytest.raises(StorageError, match="symbolic link"), store.draft(run / "x"):
        pass
    assert untouched(elsewhere)


def test_a_draft_that_is_a_link_is_refused_and_nothing_is_written_or_removed_there(run: Path, elsewhere: Path) -> None:
    (run / ".x.partial").symlink_to(elsewhere)
    with pytest.raises(StorageError, match="symbolic link"), store.draft(run / "x"):
        pass
    assert untouched(elsewhere)


def test_a_runs_directory_that_is_a_link_is_refused(run: Path, elsewhere: Path) -> None:
    run.rmdir()
    run.symlink_to(elsewhere)
    with pytest.raises(StorageError, match="symbolic link"), store.draft(run / "x"):
        pass
    with pytest.raises(StorageError, match="symbolic link"), store.draft(run / "deeper" / "x"):
        pass
    with pytest.raises(StorageError, match="symbolic link"):
        store.published(run / "x", "uid")
    assert untouched(elsewhere)


def test_a_data_directory_that_becomes_a_link_while_a_dump_writes_gets_no_file(run: Path, elsewhere: Path) -> None:
    with store.draft(run / "x") as draft:
        (draft.root / "data").rmdir()
        (draft.root / "data").symlink_to(elsewhere)
        with pytest.raises(StorageError, match="symbolic link"):
            PartWriter(draft.root, "data/1-0.csv", "None", lambda _: None)
    assert untouched(elsewhere)


def test_a_file_of_a_snapshot_that_is_a_link_is_no_file_of_it(run: Path, elsewhere: Path, manifest: Manifest) -> None:
    whole = publish(run / "x", manifest)
    for name in ("data/1-0.csv", contents.ARCHIVE, contents.MANIFEST):
        path = run / "x" / name
        content = path.read_bytes()
        (elsewhere / "same").write_bytes(content)
        path.unlink()
        path.symlink_to(elsewhere / "same")
        with pytest.raises(DataError, match="symbolic link"):
            store.check_files(run / "x", store.read_manifest(run / "x"))
        path.unlink()
        path.write_bytes(content)
    store.check_files(run / "x", whole)


def test_a_snapshots_directories_that_are_links_are_refused(run: Path, elsewhere: Path, manifest: Manifest) -> None:
    whole = publish(run / "x", manifest)
    (run / "x" / "data").rename(elsewhere / "data")
    (run / "x" / "data").symlink_to(elsewhere / "data")
    with pytest.raises(DataError, match="symbolic link"):
        store.check_files(run / "x", whole)
    with pytest.raises(DataError, match="symbolic link"):
        PartReader(run / "x", whole.relations[0].parts[0], lambda _: None)
    (run / "y").symlink_to(run / "x")
    with pytest.raises(DataError, match="symbolic link"):
        store.read_manifest(run / "y")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["a named pipe", "a directory"])
def test_what_is_no_file_is_refused_at_once(run: Path, manifest: Manifest, make: Callable[[Path], None]) -> None:
    whole = publish(run / "x", manifest)
    path = run / "x" / "data/1-0.csv"
    path.unlink()
    make(path)
    with pytest.raises(DataError, match="no regular file"):
        store.check_files(run / "x", whole)
    with pytest.raises(DataError, match="no regular file"):
        PartReader(run / "x", whole.relations[0].parts[0], lambda _: None)
    assert len(list(verification.faults(run / "x", whole))) == 1


def test_pruning_removes_links_and_never_what_they_point_at(run: Path, elsewhere: Path, manifest: Manifest) -> None:
    (elsewhere / "file").unlink()
    publish(elsewhere / "old", replace(manifest, run=manifests.Run("a", "a", "prod")))
    root = run.parent
    for number in (1, 2):
        time = f"2024-01-0{number}T00:00:00Z"
        publish(run / f"x{number}", replace(manifest, snapshot_time=time))
    (run / "x1" / "data" / "9-0.csv").symlink_to(elsewhere / "old" / "manifest.json")
    (root / "linked").symlink_to(elsewhere)
    (run / ".y.partial").symlink_to(elsewhere / "old")
    (run / ".z.partial").mkdir()
    (run / ".z.partial" / "data").symlink_to(elsewhere / "old" / "data")
    (run / ".z.lock").symlink_to(elsewhere / "old" / "manifest.json")
    before = sorted(elsewhere.rglob("*"))
    done = pruning.prune(Order(root, Rule("prod", 1)), NOW)
    assert done.removed == ["run/x1"]
    assert "symbolic link" in done.problems[0]
    assert sorted(elsewhere.rglob("*")) == before
    store.check_files(elsewhere / "old", store.read_manifest(elsewhere / "old"))


def test_what_lies_behind_links_is_not_listed(run: Path, elsewhere: Path, manifest: Manifest) -> None:
    publish(elsewhere / "old", manifest)
    for name in ("linked", ".y.partial", ".y.pruned"):
        (run / name).symlink_to(elsewhere / "old")
    (run / "made").mkdir()
    (run / "made" / "manifest.json").symlink_to(elsewhere / "old" / "manifest.json")
    found = inventory.take(run.parent).found
    assert [(one.path, one.state) for one in found] == [("run/made", "Damaged")]
    assert "symbolic link" in found[0].problem
    (run.parent.parent / "root").symlink_to(run.parent)
    with pytest.raises(StorageError, match="symbolic link"):
        inventory.take(run.parent.parent / "root")


def test_directories_without_end_do_not_stop_the_inventory(run: Path, manifest: Manifest) -> None:
    publish(run / "x", manifest)
    deep = os.open(run, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=deep)
        inner = os.open("d", os.O_RDONLY, dir_fd=deep)
        os.close(deep)
        deep = inner
    os.close(deep)
    assert [one.path for one in inventory.take(run.parent).found] == ["run/x"]
    (run / "d").rename(run / ".y.partial")
    with pytest.raises(StorageError), store.draft(run / "y"):
        pass
    assert pruning.prune(Order(run.parent, Rule("prod", 1)), NOW).removed == []
    subprocess.run(["rm", "-rf", run / ".y.partial"], check=True)


def test_a_file_of_a_persons_among_the_data_keeps_a_snapshot(run: Path, manifest: Manifest) -> None:
    publish(run / "x", manifest)
    (run / "x" / "data" / "notes.txt").write_text("a person's")
    with pytest.raises(StorageError, match=r"data/notes\.txt"):
        store.discard(run / "x")


def test_a_snapshot_with_large_objects_is_all_ours(run: Path, manifest: Manifest) -> None:
    with store.draft(run / "x") as draft:
        for name in (contents.ARCHIVE, "blobs.dump"):
            (draft.root / name).write_bytes(b"archive")
        blobs = LargeObjects(hashed_file(draft.root, "blobs.dump"), 1)
        draft.publish(replace(manifest, large_objects=blobs))
    store.discard(run / "x")
    assert list(run.iterdir()) == []


def test_a_lock_that_is_a_link_is_never_known_to_be_abandoned(run: Path, elsewhere: Path) -> None:
    (run / ".x.lock").symlink_to(elsewhere / "file")
    assert not lock.is_abandoned(run / "x")
    lock.remove(run / "x")
    assert (run / ".x.lock").is_symlink()
    assert untouched(elsewhere)


def test_a_path_is_walked_from_wherever_it_starts(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (run / "file").write_text("1")
    monkeypatch.chdir(run)
    for path in (run, Path(), Path(), Path("../run"), run / ".." / "run"):
        with below.directory(path) as found:
            assert found.names() == {"file"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not read a directory")
def test_a_directory_through_which_one_may_only_pass_is_passed() -> None:
    with tempfile.TemporaryDirectory() as made:
        run = Path(made) / "run"
        run.mkdir()
        Path(made).chmod(0o711)
        script = (
            f"import os, sys; sys.path.insert(0, {str(OPERATOR)!r}); from datareplication.jobs.snapshot import below\n"
        )
        script += f"from pathlib import Path; os.setuid(65534); below.directory(Path({str(run)!r}))"
        subprocess.run([sys.executable, "-c", script], check=True)


SEQUENCE = {"schema": "public", "name": "s", "lastValue": 1, "isCalled": True}
OTHER_PART = {"path": "data/1-1.csv"}

FORGED: list[tuple[str, Callable[[dict[str, Any]], object]]] = [
    ("a part above", lambda m: part_of(m).update(path="../../other/data/1-0.csv")),
    ("an absolute part", lambda m: part_of(m).update(path="/etc/passwd")),
    ("a part deeper", lambda m: part_of(m).update(path="data/a/1-0.csv")),
    ("a part with dots", lambda m: part_of(m).update(path="data/../data/1-0.csv")),
    ("a part with a line's end", lambda m: part_of(m).update(path="data/1-0.csv\n")),
    ("a part that is the archive", lambda m: part_of(m).update(path="schema.dump")),
    ("a part that is the manifest", lambda m: part_of(m).update(path="manifest.json")),
    ("an archive above", lambda m: m["schema"]["archive"].update(path="../schema.dump")),
    ("an archive that is an option", lambda m: m["schema"]["archive"].update(path="--dbname=x")),
    ("an archive among the data", lambda m: m["schema"]["archive"].update(path="data/2-0.csv")),
    ("a view as text", lambda m: m["schema"].update(materializedViews=["public.mv; DROP TABLE t"])),
    ("a view without schema", lambda m: m["schema"].update(materializedViews=[{"name": "mv"}])),
    ("negative rows", lambda m: part_of(m).update(rows=-1)),
    ("true for rows", lambda m: part_of(m).update(rows=True)),
    ("a text for rows", lambda m: part_of(m).update(rows="1")),
    ("a half row", lambda m: part_of(m).update(rows=1.5)),
    ("more rows than there can be", lambda m: part_of(m).update(rows=2**63)),
    ("negative bytes", lambda m: part_of(m).update(bytes=-5)),
    ("negative stored bytes", lambda m: part_of(m).update(storedBytes=-5)),
    ("an oid of nothing", lambda m: m["relations"][0].update(oid=0)),
    ("an oid too large", lambda m: m["relations"][0].update(oid=2**32)),
    ("an unknown kind", lambda m: m["relations"][0].update(kind="View")),
    ("an unknown compression", lambda m: m.update(compression="Xz")),
    ("an endless duration", lambda m: m.update(durationSeconds=float("inf"))),
    ("a duration that is no number", lambda m: m.update(durationSeconds=float("nan"))),
    ("a time that is none", lambda m: m.update(snapshotTime="yesterday")),
    ("a day that is none", lambda m: m.update(snapshotTime="2024-02-30T00:00:00Z")),
    ("a time without zone", lambda m: m.update(snapshotTime="2024-02-01T00:00:00")),
    ("an LSN that is none", lambda m: m.update(lsn="0/0; DROP")),
    ("an encoding with a quote", lambda m: m["source"].update(encoding="UTF8'")),
    ("a version below zero", lambda m: m["source"].update(serverVersion=-1)),
    ("a NUL in a name", lambda m: m["relations"][0].update(name="t\0")),
    ("half a character in a name", lambda m: m["relations"][0].update(name="t\ud800")),
    ("a table twice", lambda m: m["relations"].append({**m["relations"][0], "oid": 2, "parts": []})),
    ("an oid twice", lambda m: m["relations"].append({**m["relations"][0], "name": "u", "parts": []})),
    ("a file twice", lambda m: m["relations"].append({**m["relations"][0], "oid": 2, "name": "u"})),
    ("a file twice in a table", lambda m: m["relations"][0]["parts"].append(part_of(m))),
    ("an index twice", lambda m: m["relations"][0].update(indexes=[{"catalog": 1259, "oid": 7, "bytes": 0}] * 2)),
    ("a view twice", lambda m: m["schema"].update(materializedViews=m["schema"]["materializedViews"] * 2)),
    ("a sequence twice", lambda m: m.update(sequences=[SEQUENCE] * 2)),
    ("a name without end", lambda m: m["run"].update(name="y" * 200_000)),
    ("more rows than can be", lambda m: m["relations"][0]["parts"].append({**part_of(m), **OTHER_PART, "rows": 2**63 - 1})),
    ("a sequence beyond its type", lambda m: m.update(sequences=[{**SEQUENCE, "lastValue": 2**63}])),
]  # fmt: skip


def part_of(content: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = content["relations"][0]["parts"][0]
    return found


def forge(directory: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Rewrite a manifest, with a right checksum."""
    path = directory / contents.MANIFEST
    content = json.loads(path.read_text())
    del content["checksum"]
    change(content)
    path.write_text(json.dumps({"checksum": manifest_file._checksum(content), **content}))


@pytest.mark.parametrize(("case", "change"), FORGED, ids=[case for case, _ in FORGED])
def test_a_forged_manifest_is_refused(
    run: Path, manifest: Manifest, case: str, change: Callable[[dict[str, Any]], object]
) -> None:
    publish(run / "x", manifest)
    forge(run / "x", change)
    with pytest.raises(DataError) as raised:
        store.read_manifest(run / "x")
    assert raised.value.reason == "SnapshotCorrupt", case
    assert raised.value.message.startswith("manifest.json")
    assert inventory.take(run).found[0].state == "Damaged"


def test_what_is_forged_and_harmless_is_read(run: Path, manifest: Manifest) -> None:
    publish(run / "x", manifest)
    forge(run / "x", lambda content: content.update(lsn="0/0"))
    assert store.read_manifest(run / "x").schema.materialized_views == (MaterializedView("public", "mv"),)


def test_a_snapshot_of_the_first_format_is_refused_with_the_remedy(run: Path, manifest: Manifest) -> None:
    publish(run / "x", manifest)
    forge(run / "x", lambda content: content.update(formatVersion=1))
    with pytest.raises(CapabilityError, match="dump again"):
        store.read_manifest(run / "x")


@pytest.mark.parametrize(
    "text",
    ["[" * 200_000, '{"a":' * 200_000, '{"checksum": ' + "9" * 100_000 + "}", '{"checksum": NaN}', "\ud800"],
    ids=["lists without end", "objects without end", "a number without end", "NaN", "half a character"],
)
def test_a_bomb_of_json_is_no_manifest(run: Path, text: str) -> None:
    (run / "x").mkdir()
    (run / "x" / contents.MANIFEST).write_text(text, errors="surrogatepass")
    with pytest.raises(DataError) as raised:
        store.read_manifest(run / "x")
    assert raised.value.reason == "SnapshotCorrupt"


@pytest.mark.parametrize("inner", ["[]", "{}", '"ab"', "1"])
def test_a_manifest_of_more_values_than_text_is_not_parsed(inner: str) -> None:
    """32 MiB of empty lists would take 900 MiB of memory."""
    text = '{"x": [' + f"{inner}," * (1 << 20) + "1]}"
    with pytest.raises(ValueError, match="too many values for so little text"):
        codec.parsed(text)


def test_a_manifest_of_many_small_tables_is_not_too_dense(manifest: Manifest) -> None:
    columns = tuple(Column(f"c{number}", "int4[]") for number in range(5))
    many = tuple(replace(table(oid, name=f"t{oid}"), columns=columns) for oid in range(1, 30_000))
    assert not codec.is_too_dense(manifest_file.to_json(replace(manifest, relations=many)))


def test_a_manifest_that_is_nested_deeply_is_damaged_and_hides_no_other(run: Path, manifest: Manifest) -> None:
    """At a depth of some 900 the JSON can be parsed, but not be written again for its checksum."""
    publish(run / "good", manifest)
    for depth in (15, 16, 100, *range(900, 1000, 7)):
        (run / f"x{depth}").mkdir()
        text = f'{{"checksum": "x", "formatVersion": {FORMAT_VERSION}, "x": ' + "[" * depth + "]" * depth + "}"
        (run / f"x{depth}" / contents.MANIFEST).write_text(text)
    found = inventory.take(run.parent).found
    assert [one.path for one in found if one.state == "Complete"] == ["run/good"]
    assert {one.problem for one in found if one.state == "Damaged"} <= {
        "manifest.json is cut or not a manifest",
        "manifest.json does not match its own checksum",
    }


def test_whatever_a_manifest_does_to_its_reader_the_others_are_found(
    run: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(run / "good", manifest)
    publish(run / "worse", manifest)
    read = store.read_manifest

    def read_or_fail(directory: Path) -> Manifest:
        if directory.name == "worse":
            raise RecursionError("maximum recursion depth exceeded")
        return read(directory)

    monkeypatch.setattr(store, "read_manifest", read_or_fail)
    found = inventory.take(run).found
    assert [(one.path, one.state) for one in found] == [("good", "Complete"), ("worse", "Damaged")]
    assert "RecursionError" in found[1].problem


def test_a_manifest_of_gigabytes_is_not_read(run: Path, manifest: Manifest) -> None:
    publish(run / "x", manifest)
    os.truncate(run / "x" / contents.MANIFEST, 1 << 40)
    with pytest.raises(DataError, match="256 MiB"):
        store.read_manifest(run / "x")


def test_a_manifest_that_no_load_would_read_is_not_published(
    run: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MANIFEST_LIMIT_BYTES", 100)
    with pytest.raises(ReplicationError, match="copy fewer tables"):
        publish(run / "x", manifest)
    assert list(run.iterdir()) == []


def test_python_takes_true_for_one_and_codec_does_not() -> None:
    for kind in (int, float, str):
        with pytest.raises(DataError):
            codec.decoded(kind, True, "x")
    with pytest.raises(DataError):
        codec.decoded(bool, 1, "x")


def test_a_name_that_would_steer_a_terminal_or_is_no_text_is_shown_as_it_is(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in (b"\x1b[31mred", b"\xff"):
        path = run / os.fsdecode(name)
        path.mkdir()
        (path / contents.MANIFEST).write_text("{}")
    assert snapshot.main(["list", str(run)]) == 0
    said = capsys.readouterr().out
    assert "\\x1b[31mred" in said
    assert "\\udcff" in said
    assert said.isascii()


def test_a_runs_name_makes_no_line_of_its_own(
    run: Path, manifest: Manifest, capsys: pytest.CaptureFixture[str]
) -> None:
    forged = "x\nprod  r9  2024-01-09T00:00:00Z  1  5  5 B  5 B  Complete  FORGED"
    publish(run / "x", replace(manifest, run=replace(manifest.run, name=forged)))
    assert snapshot.main(["list", str(run)]) == 0
    heading, line = capsys.readouterr().out.splitlines()
    assert "x\\nprod" in line
    (run / "y\nz").mkdir()
    (run / "y\nz" / contents.MANIFEST).write_text("{}")
    assert snapshot.main(["list", str(run)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len([heading, line, "y", "", "problem"])
    assert snapshot.main(["list", str(run), "--output", "json"]) == 0
    assert {one["run"] for one in json.loads(capsys.readouterr().out)} == {forged, None}


@pytest.mark.parametrize(
    ("arguments", "redirection", "code"),
    [
        (["list"], ">&-", 0),
        (["list"], "<&- >&- 2>&-", 0),
        (["list"], "| true", 0),
        (["list"], ">/dev/full", 73),
        (["list", "--output", "json"], ">/dev/null", 0),
        (["prune", "--replication", "prod"], ">/dev/full", 0),
        (["prune", "--replication", "prod"], ">&-", 0),
    ],
    ids=lambda value: str(value).replace("/", "_"),
)
def test_by_hand_it_works_wherever_its_output_goes(
    run: Path, manifest: Manifest, arguments: list[str], redirection: str, code: int
) -> None:
    publish(run / "生产 \U0001f600", manifest)
    command = ["bash", "-c", f'"$@" {redirection}; exit ${{PIPESTATUS[0]}}', "sh", sys.executable, "-m"]
    environment = {**os.environ, "PYTHONPATH": str(OPERATOR), "PYTHONIOENCODING": "ascii"}
    module = "datareplication.jobs.commands.snapshot"
    ended = subprocess.run(
        [*command, module, *arguments, str(run)], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == code
    assert (ended.stderr != "") == (code != 0)
    assert "Traceback" not in ended.stderr
