"""A snapshot's directory: written under another name, published by one rename, checked before it is read.

It handles paths, permissions, fsync and the order of the steps: `.<name>.partial`, files, `manifest.json` last, rename.
It knows neither PostgreSQL nor what is in a file.
"""

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from datareplication.errors import DataError, StorageError, UsageError
from datareplication.jobs.model import codec, contents, manifest_file, plausible
from datareplication.jobs.model.contents import DATA, MANIFEST
from datareplication.jobs.model.manifest import Manifest, Part
from datareplication.jobs.snapshot import below, lock
from datareplication.jobs.snapshot.archives import Archives
from datareplication.jobs.snapshot.below import Directory, StrangeError
from datareplication.jobs.snapshot.hashing import nothing
from datareplication.jobs.snapshot.parts import storing

UMASK = 0o007
"""Production's data: for the volume's user and group (fsGroup), for nobody else. The program sets the umask."""

MANIFEST_LIMIT_BYTES = 256 << 20
"""The manifest's size for 100,000 tables of 30 columns. A larger manifest is not read: it would fill the memory."""

TIMES_PRUNED = 10
"""How often another pruning may remove the empty directory before the lock is in it."""

SYNCED_AT_ONCE = 8
"""Files that are synced at the same time: the file system puts simultaneous requests into one journal entry."""


class Draft:
    """A snapshot that is being written. root: the directory of its files until then; nobody reads them there."""

    def __init__(self, directory: Path, parent: Directory, syncing: ThreadPoolExecutor) -> None:
        self._name = directory.name
        self._parent = parent
        self._syncing = syncing
        self._synced: list[Future[None]] = []
        self.root = directory.with_name(_partial(directory.name))

    def written(self, path: str) -> None:
        """Begin to sync a finished file in the background; publishing waits for it."""
        self._synced.append(self._syncing.submit(_sync, self.root, path))

    @contextlib.contextmanager
    def made(self, path: str) -> Iterator[int]:
        """Yield a descriptor of a new file, for a child to write."""
        with storing(path), below.directory(self.root) as root:
            descriptor = root.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def publish(self, manifest: Manifest) -> None:
        """Write the manifest, then make the snapshot visible under its name; also a crash cannot reverse this order."""
        for synced in self._synced:
            synced.result()
        content = manifest_file.to_json(manifest)
        text = content.encode()
        if len(text) > MANIFEST_LIMIT_BYTES or codec.is_too_dense(content):
            size = f"{len(text) >> 20} MiB, and no load reads more than {MANIFEST_LIMIT_BYTES >> 20} MiB"
            raise StorageError(f"{MANIFEST} would have {size}: copy fewer tables", reason="ManifestTooLarge")
        with storing(MANIFEST), self._parent.directory(self.root.name) as root:
            with os.fdopen(root.open(MANIFEST, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            with root.directory(DATA) as data:
                data.sync()
            root.sync()
            self._parent.rename(self.root.name, self._name)
            self._parent.sync()


@contextlib.contextmanager
def draft(directory: Path) -> Iterator[Draft]:
    """Yield an empty draft of a snapshot; if the body fails, remove all that was written.

    The left-overs of an earlier attempt are removed first. TransientError if another dump writes the same snapshot now,
    StorageError if the volume cannot be written.
    """
    with contextlib.ExitStack() as stack:
        with storing(str(directory.parent)):
            parent = _locked(directory, stack)
        syncing = stack.enter_context(ThreadPoolExecutor(SYNCED_AT_ONCE))
        made = Draft(directory, parent, syncing)
        with storing(str(made.root)):
            _remove(parent, made.root.name)
            parent.make(made.root.name)
            with parent.directory(made.root.name) as root:
                root.make(DATA)
        try:
            yield made
        finally:
            syncing.shutdown(cancel_futures=True)
            with contextlib.suppress(OSError):  # nobody reads the draft, and the next attempt removes it
                _remove(parent, made.root.name)


def _locked(directory: Path, stack: contextlib.ExitStack) -> Directory:
    """Return the parent of a snapshot's directory, created if necessary, with the snapshot's lock in it; or OSError.

    A pruning may remove the parent while it is empty, but not when the lock is in it.
    """
    for _ in range(TIMES_PRUNED):
        with contextlib.suppress(FileNotFoundError), contextlib.ExitStack() as attempt:
            parent = attempt.enter_context(below.directory(directory.parent, make=True))
            attempt.enter_context(lock.held(directory, parent))
            stack.enter_context(attempt.pop_all())
            return parent
    raise FileNotFoundError(errno.ENOENT, "the directory is removed as soon as it is created")


def published(directory: Path, run_uid: str) -> Manifest | None:
    """Return the manifest if this run has already published the snapshot, None if there is no such directory.

    UsageError if the directory is another run's or no snapshot, StorageError if a name in its path is a symbolic link.
    """
    try:
        with below.directory(directory):
            pass
    except FileNotFoundError:
        return None
    except StrangeError as error:
        raise StorageError(str(error.strerror)) from None
    except OSError:
        pass  # read_manifest raises a better error
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
    """Return the manifest of a published snapshot; a missing, corrupt or implausible one is a DataError."""
    try:
        with below.directory(directory) as here, here.reading(MANIFEST) as file:
            text = file.read(MANIFEST_LIMIT_BYTES + 1)
    except StrangeError as error:
        raise DataError(str(error.strerror), reason="SnapshotCorrupt") from error
    except (FileNotFoundError, NotADirectoryError) as error:
        said = f"{directory} is no snapshot: it has no {MANIFEST}; the path is wrong, or its dump did not finish"
        raise DataError(said, reason="SnapshotIncomplete") from error
    except OSError as error:
        said = f"cannot read {directory / MANIFEST}: {error.strerror}"
        raise StorageError(said, reason="CannotReadSnapshot") from error
    if len(text) > MANIFEST_LIMIT_BYTES:
        limit = f"{MANIFEST_LIMIT_BYTES >> 20} MiB"
        raise DataError(f"{MANIFEST} has more than {limit}; no dump writes that", reason="SnapshotCorrupt")
    try:
        manifest = manifest_file.from_json(text.decode())
    except UnicodeDecodeError as error:
        raise DataError(f"{MANIFEST} is not text", reason="SnapshotCorrupt") from error
    plausible.check(manifest)
    return manifest


def check_files(directory: Path, manifest: Manifest, tick: Callable[[], None] = nothing) -> Archives:
    """Check the files' sizes and the archives' sha256; return the archives. DataError if one is not as in the manifest.

    A part's sha256 is checked while the part is read, before its rows are committed. tick: as for hashed_file.
    """
    check_sizes(directory, manifest)
    archives = Archives(directory, {archive.path: archive.sha256 for archive in manifest.archives})
    archives.check(tick)
    return archives


def check_sizes(directory: Path, manifest: Manifest) -> None:
    """Raise DataError if a file is missing or has another size than the manifest says."""
    with below.directory(directory) as here:
        for part in manifest.parts:
            check_size(here, part)


def check_size(here: Directory, part: Part) -> None:
    """Raise DataError if a file is missing, is no regular file, or has another size than the manifest says."""
    try:
        size = here.size(part.path)
    except StrangeError as error:
        raise DataError(str(error.strerror), reason="SnapshotCorrupt") from error
    except OSError as error:
        raise DataError(f"{part.path} is missing in the snapshot", reason="SnapshotIncomplete") from error
    if size != part.stored_bytes:
        text = f"{part.path} has {size} bytes, the manifest says {part.stored_bytes}"
        raise DataError(text, reason="SnapshotCorrupt")


def check_is_ours(directory: Directory) -> None:
    """Raise StorageError if a directory holds more than a snapshot, so that it must not be removed."""
    names, data_names = directory.names(), set[str]()
    if DATA in names:
        with directory.directory(DATA) as data:
            data_names = data.names()
    if strange := contents.strangers(names, data_names):
        text = f"{directory.path} holds {strange[0]}, which is no part of a snapshot; move it out, or remove the"
        raise StorageError(f"{text} directory by hand", reason="NotOurs")


def discard(directory: Path) -> None:
    """Remove a published snapshot; OSError, or StorageError if its directory holds more than a snapshot.

    It is renamed first, and the rename is on the disk before a file is removed. So if the process dies in between, no
    incomplete snapshot has a snapshot's name.
    """
    with below.directory(directory.parent) as parent:
        with parent.directory(directory.name) as doomed:
            check_is_ours(doomed)
        hidden = f".{directory.name}.pruned"
        parent.rename(directory.name, hidden)
        parent.sync()
        parent.remove_tree(hidden)


def _partial(name: str) -> str:
    return f".{name}.partial"


def _remove(parent: Directory, name: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        parent.remove_tree(name)


def _sync(root: Path, path: str) -> None:
    """Wait until a file is on the disk."""
    with storing(path), below.directory(root) as here:
        descriptor = here.open(path)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
