"""The cache outside the checkout: artifacts keyed by their inputs, built once, under a lock, and complete or absent.

Does not know what an artifact is.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

KEY_LENGTH = 12


def root() -> Path:
    """Return the cache's folder, made when it is not there."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(os.environ.get("DATAREPLICATION_CACHE") or home / "datareplication-operator").absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def folder(*names: str) -> Path:
    """Return a folder of the cache, made when it is not there."""
    path = root().joinpath(*names)
    path.mkdir(parents=True, exist_ok=True)
    return path


def key(*inputs: str | Path) -> str:
    """Return a short hash of `inputs`: texts by themselves, files and folders by names, modes and contents."""
    total = hashlib.sha256()
    for value in inputs:
        _add(total, value)
    return total.hexdigest()[:KEY_LENGTH]


def artifact(name: str, key_: str, build: Callable[[Path], None]) -> Path:
    """Return the folder of the artifact `name` with this key; let `build` fill it first when it is not there.

    The folder gets its name only when `build` has returned, so a build that was killed leaves nothing that
    looks complete.
    """
    finished = folder("artifacts") / f"{name}-{key_}"
    if finished.is_dir():
        return finished
    with lock(f"{name}-{key_}"):
        if not finished.is_dir():
            partial = finished.with_name(f".{finished.name}.partial")
            remove(partial)
            partial.mkdir()
            build(partial)
            partial.rename(finished)
    return finished


@contextmanager
def lock(name: str) -> Iterator[None]:
    """Hold a lock between processes; the kernel lets go of it when its holder dies."""
    with (folder("locks") / name).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def remove(path: Path) -> None:
    """Remove a folder with all that is in it; fine when it is not there."""
    if path.exists():
        shutil.rmtree(path)


def _add(total: "hashlib._Hash", value: str | Path) -> None:
    if isinstance(value, str):
        total.update(f"text {len(value)}\n{value}".encode())
    elif value.is_dir():
        for path in sorted(value.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                total.update(f"name {path.relative_to(value)}\n".encode())
                _add(total, path)
    else:
        content = value.read_bytes()
        total.update(f"file {value.stat().st_mode & 0o100} {len(content)}\n".encode() + content)
