"""An archive that is exchanged or rewritten while a snapshot is loaded is not restored."""

import hashlib
import os
import pickle
from pathlib import Path

import pytest

from datareplication.errors import DataError, TransientError
from datareplication.jobs.frame.stop import Stop
from datareplication.jobs.snapshot.archives import Archives
from datareplication.jobs.snapshot.hashing import hashed_file
from datareplication.jobs.snapshot.parts import CHUNK_BYTES

NAME = "schema.dump"


@pytest.fixture
def archives(tmp_path: Path) -> Archives:
    """A checked archive."""
    (tmp_path / NAME).write_bytes(b"archive")
    made = Archives(tmp_path, {NAME: hashlib.sha256(b"archive").hexdigest()})
    made.check()
    return made


def opened(archives: Archives) -> bytes:
    with archives.opened(NAME) as descriptor:
        return os.pread(descriptor, 100, 0)


def test_what_nobody_touches_is_read_once(archives: Archives) -> None:
    def refuse() -> None:
        raise AssertionError("it is hashed again")

    archives.check(refuse)
    assert opened(archives) == b"archive"


def test_another_file_under_the_name_is_refused(archives: Archives) -> None:
    (archives.root / "other").write_bytes(b"ARCHIVE")
    (archives.root / "other").rename(archives.root / NAME)
    for one in (archives, pickle.loads(pickle.dumps(archives))):  # noqa: S301 - as a worker has it
        with pytest.raises(DataError, match="sha256"):
            opened(one)
        with pytest.raises(DataError, match="sha256"):
            one.check()


def test_another_content_is_refused_whatever_its_times_say(archives: Archives) -> None:
    before = (archives.root / NAME).stat()
    (archives.root / NAME).write_bytes(b"ARCHIVE")
    os.utime(archives.root / NAME, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(DataError, match="sha256"):
        opened(archives)


def test_what_was_only_given_to_a_group_or_copied_is_looked_at_again_and_taken(archives: Archives) -> None:
    (archives.root / NAME).chmod(0o600)
    assert opened(archives) == b"archive"
    (archives.root / "copy").write_bytes(b"archive")
    (archives.root / "copy").rename(archives.root / NAME)
    assert opened(archives) == b"archive"


def test_hashing_ends_when_the_program_must(tmp_path: Path) -> None:
    (tmp_path / NAME).touch()
    os.truncate(tmp_path / NAME, 1 << 40)  # hashing this would take an hour
    with Stop() as stop:
        stop.request(TransientError("not done in time", reason="DeadlineExceeded"))
        with pytest.raises(TransientError, match="in time"):
            Archives(tmp_path, {NAME: ""}).check(stop.check)
        os.truncate(tmp_path / NAME, CHUNK_BYTES)
        with pytest.raises(TransientError, match="in time"):
            hashed_file(tmp_path, NAME, stop.check)
