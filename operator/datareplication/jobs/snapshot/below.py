"""Files and directories of a volume that others may write to: opened name by name, without following symbolic links.

A symbolic link in place of a directory, a lock or a file would make the programs read, empty or remove the file that it
points at. Nothing here knows what is in a file.
"""

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import Self

FILE_MODE = 0o660
DIRECTORY_MODE = 0o770
"""Production's data: for the volume's user and group (fsGroup), for nobody else. The umask of the dump allows this."""

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_ON_THE_WAY = _DIRECTORY | getattr(os, "O_PATH", 0)
"""For directories above the wanted one: O_PATH needs only the right to pass through a directory, not to read it."""

_FILE = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
"""O_NONBLOCK: opening a named pipe must not wait for its other end. It does not affect a regular file."""


class StrangeError(OSError):
    """A name leads to something else than the expected file or directory, usually to a symbolic link."""


class Directory:
    """A directory that is held open, so that it does not matter if its name changes meanwhile.

    Its methods raise OSError, StrangeError among them. A path is relative and may have several names.
    """

    def __init__(self, descriptor: int, path: Path) -> None:
        self._descriptor = descriptor
        self.path = path

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        os.close(self._descriptor)

    def directory(self, name: str, flags: int = _DIRECTORY) -> "Directory":
        """Return a directory in it."""
        try:
            return Directory(os.open(name, flags, dir_fd=self._descriptor), self.path / name)
        except NotADirectoryError:
            raise self._strange(name, "no directory") from None

    def open(self, path: str, flags: int = os.O_RDONLY) -> int:
        """Return a descriptor of a regular file below it."""
        with self._parent_of(path) as (parent, name):
            return parent._open(name, flags)  # noqa: SLF001 - another of its kind

    @contextlib.contextmanager
    def reading(self, path: str) -> Iterator[BufferedReader]:
        """Yield a regular file below it, opened for reading."""
        with os.fdopen(self.open(path), "rb") as file:
            yield file

    def size(self, path: str) -> int:
        """Return the bytes of a regular file below it."""
        with self._parent_of(path) as (parent, name):
            found = parent.stat(name)
            if not stat.S_ISREG(found.st_mode):
                raise parent._strange(name, "no regular file")  # noqa: SLF001
            return found.st_size

    def stat(self, name: str) -> os.stat_result:
        """Return the attributes of a name in it; a symbolic link's own, not its target's."""
        return os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)

    def entries(self) -> list[os.DirEntry[str]]:
        """Return its entries."""
        with os.scandir(self._descriptor) as found:
            return list(found)

    def names(self) -> set[str]:
        """Return the names in it."""
        return {entry.name for entry in self.entries()}

    def make(self, name: str) -> None:
        """Make a directory in it."""
        os.mkdir(name, DIRECTORY_MODE, dir_fd=self._descriptor)

    def rename(self, name: str, to: str) -> None:
        """Rename a file or directory in it."""
        os.rename(name, to, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)

    def unlink(self, name: str) -> None:
        """Remove a file in it."""
        os.unlink(name, dir_fd=self._descriptor)

    def remove_empty(self, path: str) -> None:
        """Remove an empty directory below it."""
        with self._parent_of(path) as (parent, name):
            os.rmdir(name, dir_fd=parent._descriptor)  # noqa: SLF001

    def remove_tree(self, name: str) -> None:
        """Remove a directory in it, with all that it holds. Links are removed, not the files that they point at."""
        if not stat.S_ISDIR(self.stat(name).st_mode):
            raise self._strange(name, "no directory")
        try:
            shutil.rmtree(name, dir_fd=self._descriptor)
        except RecursionError:
            raise StrangeError(errno.ELOOP, f"{self.path / name} is nested too deeply") from None

    def sync(self) -> None:
        """Wait until it is on the disk; do nothing on a file system that cannot sync directories."""
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise

    def _open(self, name: str, flags: int) -> int:
        try:
            descriptor = os.open(name, flags | _FILE, FILE_MODE, dir_fd=self._descriptor)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO, errno.EISDIR):
                raise self._strange(name, "no regular file") from None
            raise
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise self._strange(name, "no regular file")
        return descriptor

    @contextlib.contextmanager
    def _parent_of(self, path: str) -> Iterator[tuple["Directory", str]]:
        """Yield the directory of the path's last name, and that name."""
        *names, last = PurePosixPath(path).parts
        with contextlib.ExitStack() as stack:
            here = self
            for name in names:
                here = stack.enter_context(here.directory(name))
            yield here, last

    def _strange(self, name: str, otherwise: str) -> StrangeError:
        """Return the error for a name that is something else than was expected."""
        is_link = False
        with contextlib.suppress(OSError):
            is_link = stat.S_ISLNK(self.stat(name).st_mode)
        what = "a symbolic link, which is never followed; if the link is intended, give the path that it leads to"
        return StrangeError(errno.ELOOP, f"{self.path / name} is {what if is_link else otherwise}")


def directory(path: Path, *, make: bool = False) -> Directory:
    """Return a directory. make: create it and those above it. OSError, also if a name in the path is a link."""
    names = path.relative_to(path.anchor).parts
    here = Directory(os.open(path.anchor or ".", _ON_THE_WAY if names else _DIRECTORY), Path(path.anchor))
    for number, name in enumerate(names, 1):
        with here:
            if make:
                with contextlib.suppress(FileExistsError):
                    here.make(name)
            here = here.directory(name, _DIRECTORY if number == len(names) else _ON_THE_WAY)
    return here


def path_of(descriptor: int) -> str:
    """Return a path by which a child can open the file of an inherited descriptor."""
    return f"/dev/fd/{descriptor}"
