"""A snapshot's directory: written under another name, published by one rename, checked before it is read.

It owns paths, permissions, fsync and the order of these steps: `.<name>.partial`, files, `manifest.json` last,
rename. It refuses to know PostgreSQL or what is in a file.
"""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from datareplication.errors import DataError, StorageError, TransientError, UsageError
from datareplication.jobs import manifest as manifests
from datareplication.jobs.manifest import Manifest, Part
from datareplication.jobs.parts import sha256_of, storing

MANIFEST = "manifest.json"
ARCHIVE = "schema.dump"
DATA = "data"
OURS = {MANIFEST, ARCHIVE, DATA}

DIRECTORY_MODE = 0o770
UMASK = 0o007
"""Production's data: for the volume's user and group (fsGroup), for nobody else. The program sets the umask."""

SYNCED_AT_ONCE = 8
"""Files that are waited for at the same time: a file system puts what is asked for together into one journal entry."""


class Draft:
    """A snapshot that is being written. root: where its files go; nobody reads them there."""

    def __init__(self, directory: Path, syncing: ThreadPoolExecutor) -> None:
        self._directory = directory
        self._syncing = syncing
        self._synced: list[Future[None]] = []
        self.root = directory.with_name(f".{directory.name}.partial")

    def written(self, path: str) -> None:
        """Begin to bring a finished file to the disk, in the background; publishing waits for it."""
        self._synced.append(self._syncing.submit(_sync, self.root / path))

    def publish(self, manifest: Manifest) -> None:
        """Write the manifest and make the snapshot visible under its name, in that order also after a crash."""
        for synced in self._synced:
            synced.result()
        with storing(MANIFEST):
            with (self.root / MANIFEST).open("x", encoding="utf-8") as file:
                file.write(manifests.to_json(manifest))
                file.flush()
                os.fsync(file.fileno())
            _sync(self.root / DATA)
            _sync(self.root)
            self.root.rename(self._directory)
            _sync(self._directory.parent)


@contextlib.contextmanager
def draft(directory: Path) -> Iterator[Draft]:
    """Make room for a snapshot, and remove what was written if the body fails.

    What an earlier attempt left is removed first. A dump that writes the same snapshot now is a TransientError, a
    volume that cannot be written a StorageError.
    """
    with storing(str(directory.parent)):
        directory.parent.mkdir(DIRECTORY_MODE, parents=True, exist_ok=True)
    with _locked(directory), ThreadPoolExecutor(SYNCED_AT_ONCE) as syncing:
        made = Draft(directory, syncing)
        with storing(str(made.root)):
            _remove(made.root)
            (made.root / DATA).mkdir(DIRECTORY_MODE, parents=True)
        try:
            yield made
        finally:
            syncing.shutdown(cancel_futures=True)
            with contextlib.suppress(OSError):  # the next attempt removes it, and nobody reads it
                _remove(made.root)


def published(directory: Path, run_uid: str) -> Manifest | None:
    """Return the manifest if this run has published already, None if nobody has; another run's is a UsageError."""
    if not directory.exists():
        return None
    taken = f"{directory} exists already"
    remedy = "each run writes a directory of its own; choose another or remove it"
    try:
        manifest = read_manifest(directory)
    except DataError as error:
        raise UsageError(f"{taken} and is no complete snapshot; {remedy}", reason="SnapshotExists") from error
    if not run_uid or manifest.run.uid != run_uid:
        name = manifest.run.name or manifest.run.uid
        raise UsageError(f"{taken} and belongs to run {name}; {remedy}", reason="SnapshotExists")
    return manifest


def read_manifest(directory: Path) -> Manifest:
    """Return the manifest of a published snapshot; a missing or corrupt one is a DataError."""
    try:
        return manifests.from_json((directory / MANIFEST).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        text = f"{directory} is no snapshot: it has no {MANIFEST}; either the path is wrong or its dump did not finish"
        raise DataError(text, reason="SnapshotIncomplete") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{MANIFEST} is not text", reason="SnapshotCorrupt") from error
    except OSError as error:
        text = f"cannot read {directory / MANIFEST}: {error.strerror}"
        raise StorageError(text, reason="CannotReadSnapshot") from error


def check_files(directory: Path, manifest: Manifest) -> None:
    """Refuse by DataError a snapshot with a file that is missing or has another size than the manifest says.

    It reads the archives' content only: a part is checked against its sha256 while it streams, before it is committed.
    """
    check_sizes(directory, manifest)
    for archive in manifest.archives:
        if sha256_of(directory, archive.path) != archive.sha256:
            raise DataError(f"{archive.path} does not match its sha256", reason="SnapshotCorrupt")


def check_sizes(directory: Path, manifest: Manifest) -> None:
    """Refuse by DataError a snapshot with a file that is missing or has another size than the manifest says."""
    for part in manifest.parts:
        check_size(directory, part)


def check_size(directory: Path, part: Part) -> None:
    """Refuse by DataError a file that is missing or has another size than the manifest says."""
    try:
        size = (directory / part.path).stat().st_size
    except OSError as error:
        raise DataError(f"{part.path} is missing in the snapshot", reason="SnapshotIncomplete") from error
    if size != part.stored_bytes:
        text = f"{part.path} has {size} bytes, the manifest says {part.stored_bytes}"
        raise DataError(text, reason="SnapshotCorrupt")


def check_is_ours(directory: Path) -> None:
    """Refuse by StorageError to remove a directory that holds more than a snapshot."""
    if strange := sorted({entry.name for entry in directory.iterdir()} - OURS):
        text = (
            f"{directory} holds {strange[0]}, which is not the snapshot's; move it out, or remove the directory by hand"
        )
        raise StorageError(text, reason="NotOurs")


def discard(directory: Path) -> None:
    """Remove a published snapshot; OSError, or StorageError when it holds more than that.

    The rename comes first and is on the disk before a file goes: whoever dies half way leaves no half snapshot under a
    snapshot's name.
    """
    check_is_ours(directory)
    doomed = directory.with_name(f".{directory.name}.pruned")
    directory.rename(doomed)
    _sync(directory.parent)
    shutil.rmtree(doomed)


@contextlib.contextmanager
def abandoned(directory: Path) -> Iterator[bool]:
    """Yield whether no dump writes this snapshot, and let none begin while the body runs.

    False also where the file system cannot tell: what cannot be locked is never known to be abandoned.
    """
    path = _lock_path(directory)
    with path.open("a") as file:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_ours = _is_same(file.fileno(), path)
        except OSError:
            is_ours = False
        try:
            yield is_ours
        finally:
            if is_ours:
                with contextlib.suppress(OSError):
                    path.unlink()


def remove_lock(directory: Path) -> None:
    """Remove the lock of a dump that was killed when it had just published; one that is held stays."""
    with contextlib.suppress(OSError):  # it is in nobody's way
        if _lock_path(directory).exists():
            with abandoned(directory):
                pass


def is_abandoned(directory: Path) -> bool:
    """Whether no dump writes this snapshot now; nothing is changed to find out."""
    path = _lock_path(directory)
    if not path.exists():
        return True
    try:
        with path.open() as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Hold the lock that keeps two dumps from writing the same snapshot."""
    path = _lock_path(directory)
    with storing(str(path)):
        file = path.open("w")
    with file:
        if not _lock(file.fileno()) or not _is_same(file.fileno(), path):
            raise TransientError(f"another dump is writing {directory}", reason="SnapshotBusy")
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                path.unlink()


def _lock_path(directory: Path) -> Path:
    return directory.with_name(f".{directory.name}.lock")


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a network file system without locks: the Job's podReplacementPolicy keeps two pods apart
    return True


def _is_same(descriptor: int, path: Path) -> bool:
    """Whether the locked file still has its name: its last holder removes it."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _remove(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(path)


def _sync(path: Path) -> None:
    """Wait until a file or a directory is on the disk."""
    with storing(path.name):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
