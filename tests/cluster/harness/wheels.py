"""Locked dependencies unpacked for the images' Python, outside of any image: no pip and no compiler in there.

Does not know which image takes them.
"""

import sys
from pathlib import Path

from harness import cache, programs
from harness.errors import HarnessError
from harness.progress import step

PYTHON = "3.13"
# What glibc of Debian trixie runs, newest first in preference.
PLATFORMS = ("manylinux_2_28", "manylinux_2_17", "manylinux2014")


def unpack(lock: Path) -> Path:
    """Return a folder with everything that a hash-pinned requirements file names, ready for PYTHONPATH."""
    if not lock.is_file():
        raise HarnessError(f"{lock}: no such lock file")

    def install(folder: Path) -> None:
        with step(f"fetch the wheels of {lock.name}"):
            _require_pip()
            programs.run([*_command(), "--target", folder, "--requirement", lock])
        # Programs of dependencies, which would start this machine's Python.
        cache.remove(folder / "bin")

    return cache.artifact(f"site-{lock.stem}", cache.key(lock, *_command()[1:]), install)


def _command() -> list[str]:
    machine = _machine()
    platforms = [word for platform in PLATFORMS for word in ("--platform", f"{platform}_{machine}")]
    checked = ["--require-hashes", "--no-deps", "--only-binary=:all:", "--no-compile"]
    quiet = ["--disable-pip-version-check", "--no-input", "--quiet"]
    target = ["--implementation", "cp", "--python-version", PYTHON]
    return [sys.executable, "-m", "pip", "install", *checked, *quiet, *platforms, *target]


def _machine() -> str:
    return programs.run(["uname", "-m"]).strip()


def _require_pip() -> None:
    if not programs.succeeds([sys.executable, "-m", "pip", "--version"]):
        raise HarnessError(f"{sys.executable} has no pip: use the Python of the project's virtual environment")
