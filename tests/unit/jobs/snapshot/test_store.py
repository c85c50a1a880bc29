"""The snapshot's directory: it has its name only when the snapshot is complete."""

import errno
import os
import stat
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from datareplication.errors import DataError, StorageError, TransientError, UsageError
from datareplication.jobs.model import contents
from datareplication.jobs.model.manifest import Manifest
from datareplication.jobs.snapshot import lock, parts, store
from datareplication.jobs.snapshot.below import Directory
from datareplication.jobs.snapshot.hashing import hashed_file


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "prod" / "run" / "prod_snapshot_20240101"


def publish(directory: Path, manifest: Manifest) -> None:
    with store.draft(directory) as draft:
        (draft.root / contents.ARCHIVE).write_bytes(b"archive")
        draft.publish(manifest)


def fail(directory: Path) -> None:
    with store.draft(directory) as draft:
        (draft.root / "data" / "1-0.csv").write_bytes(b"1")
        assert not directory.exists()
        raise ZeroDivisionError


def test_a_snapshot_appears_with_its_manifest_and_nothing_else_stays(directory: Path, manifest: Manifest) -> None:
    publish(directory, manifest)
    assert store.read_manifest(directory) == manifest
    assert [path.name for path in directory.parent.iterdir()] == [directory.name]


def test_a_failed_one_leaves_nothing(directory: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        fail(directory)
    assert list(directory.parent.iterdir()) == []


def test_two_do_not_write_the_same(directory: Path) -> None:
    with store.draft(directory) as first:
        (first.root / "data" / "1-0.csv").write_bytes(b"1")
        with pytest.raises(TransientError), store.draft(directory):
            pass
        assert (first.root / "data" / "1-0.csv").exists()
    with store.draft(directory):
        pass


def test_the_lock_of_one_that_was_killed_is_removed_and_one_that_is_held_stays(directory: Path) -> None:
    path = directory.with_name(f".{directory.name}.lock")
    with store.draft(directory):
        lock.remove(directory)
        assert path.exists()
    path.touch()
    lock.remove(directory)
    assert list(directory.parent.iterdir()) == []
    lock.remove(directory)
    assert list(directory.parent.iterdir()) == []


def test_a_directory_that_a_pruning_removes_before_the_lock_is_in_it_is_made_again(
    directory: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, removed = lock.held, [directory.parent, directory.parent]

    def held_later(path: Path, parent: Directory) -> AbstractContextManager[None]:
        if removed:
            removed.pop().rmdir()
        return held(path, parent)

    monkeypatch.setattr(lock, "held", held_later)
    publish(directory, manifest)
    assert store.read_manifest(directory) == manifest


def test_a_directory_that_never_stays_is_an_error_of_the_volume(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def held_never(*_: object) -> AbstractContextManager[None]:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory")

    monkeypatch.setattr(lock, "held", held_never)
    with pytest.raises(StorageError, match="removed"), store.draft(directory):
        pass


@pytest.mark.parametrize("code", [errno.ESTALE, errno.ETIMEDOUT, errno.EMFILE, errno.ENOMEM])
def test_what_a_file_server_does_not_answer_is_worth_another_attempt(code: int) -> None:
    for doing in (parts.storing("x"), parts.reading("x")):
        with pytest.raises(TransientError, match=os.strerror(code)), doing:
            raise OSError(code, os.strerror(code))
    for doing in (parts.storing("x"), parts.reading("x")):
        with pytest.raises(StorageError), doing:
            raise OSError(errno.EIO, "Input/output error")


def test_a_file_system_that_syncs_no_directories_is_none_the_worse(
    directory: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = os.fsync

    def sync_files_only(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", sync_files_only)
    publish(directory, manifest)
    assert store.read_manifest(directory) == manifest


def test_publishing_over_another_fails(directory: Path, manifest: Manifest) -> None:
    directory.mkdir(parents=True)
    (directory / "file").write_text("another's")
    with pytest.raises(StorageError):
        publish(directory, manifest)
    assert (directory / "file").read_text() == "another's"


def test_what_is_published_is_known_by_its_run(directory: Path, manifest: Manifest) -> None:
    assert store.published(directory, "uid") is None
    publish(directory, manifest)
    assert store.published(directory, "uid") == manifest
    for other in ("other", ""):
        with pytest.raises(UsageError, match="belongs to run run"):
            store.published(directory, other)


def test_a_directory_without_a_manifest_is_refused(directory: Path) -> None:
    directory.mkdir(parents=True)
    with pytest.raises(UsageError, match="no complete snapshot"):
        store.published(directory, "uid")
    with pytest.raises(DataError, match=r"has no manifest\.json"):
        store.read_manifest(directory)


def test_files_are_checked_by_size_and_the_schema_by_content(directory: Path, manifest: Manifest) -> None:
    publish(directory, manifest)
    archive = hashed_file(directory, contents.ARCHIVE)
    whole = replace(manifest, schema=replace(manifest.schema, archive=archive))
    store.check_files(directory, whole)
    (directory / contents.ARCHIVE).write_bytes(b"ARCHIVE")
    with pytest.raises(DataError, match="sha256"):
        store.check_files(directory, whole)
    (directory / contents.ARCHIVE).write_bytes(b"cut")
    with pytest.raises(DataError, match="3 bytes"):
        store.check_files(directory, whole)
    (directory / contents.ARCHIVE).unlink()
    with pytest.raises(DataError, match="missing"):
        store.check_files(directory, whole)
