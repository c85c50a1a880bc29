"""The dump program prunes snapshots that it published earlier, and nothing else."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from datareplication.jobs.commands import snapshot
from datareplication.jobs.model import contents, manifest_file
from datareplication.jobs.model.manifest import Manifest
from datareplication.jobs.model.volume import Inventory
from datareplication.jobs.snapshot import inventory, store
from support.programs import Outcome, Programs


@pytest.fixture
def root(programs: Programs) -> Path:
    """The DataReplication's directory on the volume; the source has a table of a few rows."""
    programs.source.run("CREATE TABLE t AS SELECT generate_series(1, 10) AS i", database=programs.database)
    return programs.root / "prod"


def dump(programs: Programs, root: Path, run: str, *arguments: str, replication: str = "prod") -> Outcome:
    order = ["--replication-name", replication, "--prune-root", str(root), *arguments]
    return programs.dump(*order, run=run, CSV_OUTPUT_PATH=str(root / run / "prod_snapshot"))


def messages(outcome: Outcome) -> list[tuple[Any, Any]]:
    return [(line["level"], line["message"]) for line in outcome.lines]


def test_each_dump_keeps_so_many_and_what_runs_use(
    programs: Programs, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "dead").mkdir(parents=True)
    (root / "dead" / ".prod_snapshot.partial").mkdir()
    assert dump(programs, root, "other-1", "--keep", "1", replication="other").code == 0
    for number in range(1, 5):
        outcome = dump(programs, root, f"run-{number}", "--keep", "2", "--in-use", "run-1")
        assert outcome.summary == (0, "Dumped")
    assert {path.name for path in root.iterdir()} == {"other-1", "run-1", "run-3", "run-4"}
    assert ("info", "removed from the volume") in messages(outcome)
    assert snapshot.main(["verify", str(root / "run-4" / "prod_snapshot")]) == 0
    assert "1 tables, 10 rows" in capsys.readouterr().out


def test_snapshots_with_large_objects_are_pruned_like_all_others(programs: Programs, root: Path) -> None:
    programs.source.run("SELECT lo_from_bytea(42, '\\x00ff00')", database=programs.database)
    for run in ("run-1", "run-2"):
        outcome = dump(programs, root, run, "--keep", "1")
    assert ("warning", "not removed from the volume") not in messages(outcome)
    assert [path.name for path in root.iterdir()] == ["run-2"]


def test_an_attempt_after_publishing_prunes_what_the_first_did_not(programs: Programs, root: Path) -> None:
    for run in ("run-1", "run-2"):
        assert dump(programs, root, run).code == 0
    assert dump(programs, root, "run-2", "--keep", "1").summary == (0, "Dumped")
    assert [path.name for path in root.iterdir()] == ["run-2"]


def test_failing_to_prune_does_not_fail_the_dump(programs: Programs, root: Path) -> None:
    assert dump(programs, root, "run-1").code == 0
    (root / "run-1" / "prod_snapshot" / "notes.txt").write_text("a person's")
    outcome = dump(programs, root, "run-2", "--keep", "1")
    assert outcome.summary == (0, "Dumped")
    assert ("warning", "not removed from the volume") in messages(outcome)


def test_a_volume_that_may_be_too_small_is_told_before_any_row_is_copied(programs: Programs, root: Path) -> None:
    assert dump(programs, root, "run-1").code == 0
    grow(root / "run-1" / "prod_snapshot")
    said = messages(dump(programs, root, "run-2"))
    warned = said.index(("warning", "the snapshot may not fit"))
    assert said.index(("info", "snapshot taken")) < warned < said.index(("info", "snapshot published"))


def grow(directory: Path) -> None:
    """Make a snapshot's file larger than the free space of the volume, as a sparse file."""
    found = os.statvfs(directory)
    size = found.f_bavail * found.f_frsize + (1 << 30)
    manifest = store.read_manifest(directory)
    archive = replace(manifest.schema.archive, stored_bytes=size)
    grown = replace(manifest, schema=replace(manifest.schema, archive=archive))
    os.truncate(directory / contents.ARCHIVE, size)
    (directory / contents.MANIFEST).write_text(manifest_file.to_json(grown))


def test_the_volume_is_looked_at_once_and_before_production_holds_anything(
    programs: Programs, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each look reads every manifest on the volume."""
    assert dump(programs, root, "run-1", "--keep", "1").code == 0
    take, looks = inventory.take, []

    def take_and_ask(directory: Path) -> Inventory:
        held = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND backend_xmin IS NOT NULL"
        looks.append(programs.source.run(held.replace("%s", f"'{programs.database}'")))
        return take(directory)

    monkeypatch.setattr(inventory, "take", take_and_ask)
    assert dump(programs, root, "run-2", "--keep", "1").code == 0
    assert looks == [[(0,)]]
    assert [path.name for path in root.iterdir()] == ["run-2"]


@pytest.mark.parametrize(("other", "summary"), [("run-1", (0, "Dumped")), ("run-9", (64, "SnapshotExists"))])
def test_a_dump_that_another_has_overtaken_does_not_dump_again(
    programs: Programs, root: Path, monkeypatch: pytest.MonkeyPatch, other: str, summary: tuple[int, str]
) -> None:
    published, overtaken = store.published, [other]

    def published_before(directory: Path, run_uid: str) -> Manifest | None:
        found = published(directory, run_uid)
        if overtaken:
            assert programs.dump(run=overtaken.pop()).code == 0
        return found

    assert root.parent.is_dir()
    monkeypatch.setattr(store, "published", published_before)
    ended = programs.dump(run="run-1")
    assert ended.summary == summary
    assert ("info", "snapshot taken") not in messages(ended)
