"""An extension of the tests' own: a script that every server of this machine can install."""

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.server import binaries

NAME = "datareplication_test"

Install = Callable[[str], None]


@contextlib.contextmanager
def installing() -> Iterator[Install]:
    """Yield a function that gives all servers of this machine the extension with a script, until the body ends."""
    shared = subprocess.run([binaries() / "pg_config", "--sharedir"], capture_output=True, text=True, check=True)
    directory = Path(shared.stdout.strip()) / "extension"
    if not os.access(directory, os.W_OK):
        pytest.skip(f"{directory} cannot be written")
    files = [directory / f"{NAME}.control", directory / f"{NAME}--1.0.sql"]

    def write(script: str) -> None:
        files[0].write_text("default_version = '1.0'\nrelocatable = false\nschema = public\n")
        files[1].write_text(script)

    try:
        yield write
    finally:
        for file in files:
            file.unlink(missing_ok=True)
