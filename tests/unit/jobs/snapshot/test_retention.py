"""Which snapshots are removed, and that nothing else is: the rule alone, then a directory with everything in it."""

import fcntl
import json
import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from datareplication.errors import StorageError, UsageError
from datareplication.jobs.commands import dump as dump_command
from datareplication.jobs.commands import snapshot
from datareplication.jobs.dump import volume
from datareplication.jobs.frame.log import Log
from datareplication.jobs.frame.program import Frame
from datareplication.jobs.frame.stop import Stop, Terminated
from datareplication.jobs.model import connections, contents, retention
from datareplication.jobs.model.manifest import Column, Manifest, Relation, Run
from datareplication.jobs.model.retention import Order, Rule, StoredSnapshot
from datareplication.jobs.model.settings import DumpSettings, RunSettings
from datareplication.jobs.snapshot import inventory, pruning, room, store
from datareplication.jobs.snapshot.hashing import hashed_file
from datareplication.jobs.snapshot.parts import PartWriter

NOW = datetime(2024, 1, 31, 12, tzinfo=UTC)
ENVIRONMENT = {
    "CSV_OUTPUT_PATH": "/snapshots/prod/run/x",
    **{f"PROD_DB_{name}": "x" for name in ("CONNECTION", "USERNAME", "PASSWORD")},
}


def day(number: int, replication: str = "prod") -> StoredSnapshot:
    return StoredSnapshot(f"run-{number}/data", replication, datetime(2024, 1, number, tzinfo=UTC))


@pytest.mark.parametrize(
    ("case", "rule", "gone"),
    [
        ("beyond the number", {"keep": 3}, [2, 1]),
        ("fewer than the number", {"keep": 9}, []),
        ("one always stays", {"keep": 1}, [4, 3, 2, 1]),
        ("too old although among the newest", {"keep": 9, "max_age_days": 28}, [3, 2, 1]),
        ("the newest stays however old", {"keep": 9, "max_age_days": 1}, [4, 3, 2, 1]),
        ("one in use stays and counts", {"keep": 2, "in_use": frozenset({"run-2"})}, [3, 1]),
        ("one in use by its path", {"keep": 2, "in_use": frozenset({"run-3/data"})}, [2, 1]),
        (
            "those since the list of used ones was made",
            {"keep": 1, "in_use_since": datetime(2024, 1, 3, tzinfo=UTC)},
            [2, 1],
        ),
    ],
)
def test_rule(case: str, rule: dict[str, Any], gone: list[int]) -> None:
    present = [day(number) for number in (2, 5, 1, 4, 3)]
    strangers = [day(number, "other") for number in (6, 7)] + [day(8, "")]
    expired = retention.expired([*present, *strangers], Rule("prod", **rule), NOW)
    assert expired == tuple(day(number) for number in gone), case


def publish(root: Path, path: str, manifest: Manifest, number: int, replication: str = "prod") -> Path:
    directory = root / path
    with store.draft(directory) as draft:
        (draft.root / contents.ARCHIVE).write_bytes(b"archive")
        with PartWriter(draft.root, "data/1-0.csv.zst", "Zstd", lambda _: None) as writer:
            writer.stream.write(b"1\n" * 1000)
            part = writer.part(1000)
        archive = replace(hashed_file(draft.root, contents.ARCHIVE), rows=0)
        relation = Relation(1, "public", "t", "Table", (Column("a", "integer"),), (part,))
        time = f"2024-01-{number:02}T00:00:00.000001Z"
        run = Run(f"uid-{number}", path.partition("/")[0], replication)
        schema = replace(manifest.schema, archive=archive)
        draft.publish(replace(manifest, run=run, snapshot_time=time, schema=schema, relations=(relation,)))
    return directory


@pytest.fixture
def root(tmp_path: Path, manifest: Manifest) -> Path:
    """The directory of DataReplication prod with snapshots of three days, run-1 to run-3."""
    for number in (1, 2, 3):
        publish(tmp_path / "prod", f"run-{number}/deep/snapshot", manifest, number)
    return tmp_path / "prod"


def left_over(root: Path, path: str) -> Path:
    partial = root / path
    (partial / "data").mkdir(parents=True)
    (partial / "data" / "1-0.csv").write_bytes(b"1")
    return partial


def names(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.iterdir()}


def test_run_directory_goes_with_its_snapshot(root: Path) -> None:
    done = pruning.prune(Order(root, Rule("prod", 1)), NOW)
    assert (done.removed, done.problems) == (["run-2/deep/snapshot", "run-1/deep/snapshot"], [])
    assert names(root) == {"run-3"}


def test_dry_run_says_the_same_and_removes_nothing(root: Path) -> None:
    dead = left_over(root, "run-0/.x.partial")
    (dead.parent / ".x.lock").touch()
    before = sorted(path for path in root.rglob("*"))
    dry = pruning.prune(Order(root, Rule("prod", 1)), NOW, is_dry=True)
    assert sorted(path for path in root.rglob("*")) == before
    assert pruning.prune(Order(root, Rule("prod", 1)), NOW) == dry


def test_what_is_not_a_complete_snapshot_of_this_replication_stays(root: Path, manifest: Manifest) -> None:
    publish(root, "other/x", manifest, 1, "other")
    publish(root, "damaged/x", manifest, 1)
    (root / "damaged/x" / contents.ARCHIVE).write_bytes(b"cut")
    publish(root, "shared/x", manifest, 1)
    (root / "shared/x" / "notes.txt").write_text("a person's")
    publish(root, ".server/copy", manifest, 1)
    (root / "mine").mkdir()
    (root / "mine" / "manifest.json").write_text("{}")
    left_over(root, "run-8/.x.partial").joinpath("notes.txt").write_text("a person's")
    done = pruning.prune(Order(root, Rule("prod", 1)), NOW)
    assert names(root) == {"run-3", "other", "damaged", "shared", ".server", "mine", "run-8"}
    assert len(done.problems) == 2
    assert all("notes.txt" in problem for problem in done.problems)


def test_a_damaged_newest_one_is_not_what_is_kept(root: Path) -> None:
    (root / "run-3/deep/snapshot/data/1-0.csv.zst").unlink()
    pruning.prune(Order(root, Rule("prod", 1)), NOW)
    assert names(root) == {"run-2", "run-3"}


def test_left_overs_of_dead_dumps_go_and_those_of_a_live_one_stay(root: Path) -> None:
    dead, alive = left_over(root, "dead/.x.partial"), left_over(root, "alive/.x.partial")
    (dead.parent / ".x.lock").touch()
    left_over(root, "run-5/.x.partial")
    (root / "lone").mkdir()
    (root / "lone" / ".x.lock").touch()
    (root / "empty" / "deep").mkdir(parents=True)
    with (alive.parent / ".x.lock").open("w") as lock:
        fcntl.flock(lock.fileno(), fcntl.LOCK_EX)
        pruning.prune(Order(root, Rule("prod", 9, in_use=frozenset({"run-5"}))), NOW)
    assert names(root) == {"alive", "run-1", "run-2", "run-3", "run-5"}
    assert (alive / "data" / "1-0.csv").exists()


def test_in_a_directory_of_a_person_lone_locks_and_empty_directories_stay(root: Path) -> None:
    (root / ".theirs.lock").touch()
    (root / "empty").mkdir()
    left_over(root, ".x.partial")
    pruning.prune(Order(root, Rule("by-hand", 1)), NOW)
    assert names(root) == {".theirs.lock", "empty", "run-1", "run-2", "run-3"}


def test_death_half_way_leaves_no_half_snapshot(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(name: str, *, dir_fd: int) -> None:
        os.unlink(f"{name}/{contents.ARCHIVE}", dir_fd=dir_fd)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", die)
        with pytest.raises(KeyboardInterrupt):
            pruning.prune(Order(root, Rule("prod", 2)), NOW)
    states = {one.path: one.state for one in inventory.take(root).found}
    assert states["run-1/deep/.snapshot.pruned"] == "Pruned"
    assert "run-1/deep/snapshot" not in states
    pruning.prune(Order(root, Rule("prod", 2)), NOW)
    assert names(root) == {"run-2", "run-3"}


def test_links_are_not_followed(root: Path, tmp_path: Path, manifest: Manifest) -> None:
    elsewhere = publish(tmp_path / "elsewhere", "run-0/x", manifest, 1)
    (root / "link").symlink_to(elsewhere.parent)
    pruning.prune(Order(root, Rule("prod", 1)), NOW)
    assert elsewhere.exists()


@pytest.mark.parametrize(
    ("case", "previous", "free", "answer"),
    [
        ("room for the tables as they are", None, 1000, "Fits"),
        ("less than the tables", None, 999, "MayNotFit"),
        ("less than a compressed snapshot ever takes", None, 19, "CannotFit"),
        ("room for the last one and a tenth", 300, 330, "Fits"),
        ("less than that", 300, 329, "MayNotFit"),
        ("less than half of the last one", 300, 149, "CannotFit"),
        ("less than half of the last one, of a database that was emptied", 9000, 1000, "MayNotFit"),
    ],
)
def test_room(case: str, previous: int | None, free: int, answer: str) -> None:
    assert room.answer(room.need(1000, "Zstd", previous), free) == answer, case


def dump_settings(output: Path, pruning: Order | None) -> DumpSettings:
    connection = connections.Connection("PROD", "", "x", "x")
    return DumpSettings(RunSettings(), connection, output, pruning=pruning)


def test_a_full_volume_is_pruned_before_it_is_refused(root: Path) -> None:
    left_over(root, "run-0/.x.partial")
    given = dump_settings(root / "run-4" / "x", Order(root, Rule("fresh", 1)))
    with pytest.raises(
        StorageError, match=r"at least 20\.5 TiB.* free on its volume.*datareplication-snapshot prune"
    ) as e:
        volume.make_room(given, volume.present(given), root, 1 << 50, Frame(Log(), Stop()))
    assert e.value.reason == "VolumeFull"
    assert not (root / "run-0/.x.partial").exists()


def test_where_there_is_room_nothing_is_pruned_before_the_dump(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = dump_settings(root / "run-4" / "x", Order(root, Rule("prod", 1)))
    # The newest snapshot is the estimate, and it is small, although the tables are large.
    volume.make_room(given, volume.present(given), root, 1 << 50, Frame(Log(), Stop()))
    assert names(root) == {"run-1", "run-2", "run-3"}
    assert capsys.readouterr().out == ""


def test_failing_to_prune_is_a_warning(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "run-1/deep/snapshot/notes.txt").write_text("a person's")
    volume.prune(dump_settings(root / "run-3/deep/snapshot", Order(root, Rule("prod", 1))), None, Frame(Log(), Stop()))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["level"], line.get("path")) for line in lines] == [("info", "run-2/deep/snapshot"), ("warning", None)]


def test_a_program_asked_to_stop_leaves_the_rest_to_the_next(root: Path) -> None:
    stop = Stop()
    stop.cause = Terminated(15)
    volume.prune(dump_settings(root / "run-3/deep/snapshot", Order(root, Rule("prod", 1))), None, Frame(Log(), stop))
    assert names(root) == {"run-1", "run-2", "run-3"}


@pytest.mark.parametrize("own", [2, 3])
def test_a_dump_spares_its_own_whatever_the_clocks_say(root: Path, own: int) -> None:
    volume.prune(
        dump_settings(root / f"run-{own}/deep/snapshot", Order(root, Rule("prod", 1))), None, Frame(Log(), Stop())
    )
    assert names(root) == {f"run-{own}", "run-3"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--keep", "3"], "need --prune-root"),
        (["--in-use", "x"], "need --prune-root"),
        (["--prune-root", "/snapshots/prod"], "needs --replication-name"),
        (["--prune-root", "/snapshots/prod", "--keep", "0"], "must be at least 1"),
    ],
)
def test_a_dump_told_a_half_is_refused(arguments: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        dump_command.parse(arguments, ENVIRONMENT)


def test_a_dump_keeps_seven_unless_told(tmp_path: Path) -> None:
    given = dump_command.parse(["--prune-root", str(tmp_path), "--replication-name", "prod"], ENVIRONMENT)
    assert given.pruning == Order(tmp_path, Rule("prod", 7))


def test_list_shows_what_is_there(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    left_over(root, "run-4/.x.partial")
    assert snapshot.main(["list", str(root)]) == 0
    heading, partial, first, *_ = capsys.readouterr().out.splitlines()
    assert heading.split() == [
        "REPLICATION",
        "RUN",
        "SNAPSHOT",
        "TIME",
        "TABLES",
        "ROWS",
        "CSV",
        "STORED",
        "STATE",
        "PATH",
    ]
    assert partial.split()[-4:] == ["1", "B", "Partial", "run-4/.x.partial"]
    assert first.split()[:7] == ["prod", "run-1", "2024-01-01T00:00:00Z", "1", "1000", "2.0", "KiB"]


def test_list_as_json_for_tools(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "run-3/deep/snapshot" / contents.ARCHIVE).unlink()
    assert snapshot.main(["list", str(root), "--output", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(one["run"], one["state"], one["problem"]) for one in found] == [
        ("run-1", "Complete", None),
        ("run-2", "Complete", None),
        ("run-3", "Damaged", "schema.dump is missing in the snapshot"),
    ]
    assert (found[0]["path"], found[0]["rows"], found[0]["bytes"]) == ("run-1/deep/snapshot", 1000, 2000)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("file", "damage", "said"),
    [
        ("data/1-0.csv.zst", flip, "data/1-0.csv.zst"),
        ("data/1-0.csv.zst", Path.unlink, "data/1-0.csv.zst is missing"),
        ("schema.dump", flip, "schema.dump does not match its sha256"),
        ("schema.dump", lambda path: path.write_bytes(b""), "schema.dump has 0 bytes"),
    ],
)
def test_verify_names_the_wrong_file(
    root: Path, capsys: pytest.CaptureFixture[str], file: str, damage: Any, said: str
) -> None:
    directory = root / "run-3/deep/snapshot"
    assert snapshot.main(["verify", str(directory)]) == 0
    assert "1 tables, 1,000 rows" in capsys.readouterr().out
    damage(directory / file)
    assert snapshot.main(["verify", str(directory)]) == 65
    output = capsys.readouterr()
    assert said in output.out
    assert "SnapshotCorrupt: " in output.err
    assert "1 of 2 files" in output.err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["verify", "{root}"], 65, "SnapshotIncomplete"),
        (["verify", "{root}/none"], 64, "is no directory"),
        (["prune", "{root}"], 64, "--replication"),
        (["prune", "{root}/run-1/deep/snapshot", "--replication", "prod"], 64, "is a snapshot itself"),
        (["list", "--keep", "1"], 64, "--keep"),
        ([], 64, "COMMAND"),
    ],
)
def test_wrong_use_has_a_message_and_a_code(
    root: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    assert snapshot.main([argument.format(root=root) for argument in arguments]) == code
    assert message in capsys.readouterr().err
    assert names(root) == {"run-1", "run-2", "run-3"}


def test_prune_by_hand_says_what_it_does(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    order = ["prune", str(root), "--replication", "prod", "--keep", "1", "--in-use", "run-1"]
    assert snapshot.main([*order, "--dry-run"]) == 0
    assert snapshot.main(order) == 0
    assert snapshot.main(order) == 0
    assert capsys.readouterr().out.splitlines() == [
        "would remove run-2/deep/snapshot",
        "removed run-2/deep/snapshot",
        "nothing to remove",
    ]
    assert names(root) == {"run-1", "run-3"}


def test_age_is_counted_from_the_snapshots_time(root: Path) -> None:
    pruning.prune(Order(root, Rule("prod", 9, max_age_days=10)), datetime(2024, 1, 12, tzinfo=UTC))
    assert names(root) == {"run-2", "run-3"}
