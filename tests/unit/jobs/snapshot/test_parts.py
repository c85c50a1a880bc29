"""A part's file: what was written is read, and a change on the disk is found."""

import errno
import gzip
import hashlib
import os
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from datareplication.core.choices import Compression
from datareplication.errors import DataError, ReplicationError, StorageError
from datareplication.jobs.model.contents import SUFFIXES
from datareplication.jobs.model.manifest import Part
from datareplication.jobs.snapshot import parts
from datareplication.jobs.snapshot.parts import PartReader, PartWriter

COMPRESSIONS = ["Zstd", "Gzip", "None"]


def write(root: Path, compression: Compression, rows: list[bytes]) -> Part:
    with PartWriter(root, f"1-0{SUFFIXES[compression]}", compression, lambda _: None) as writer:
        for row in rows:
            writer.stream.write(row)
        return writer.part(len(rows))


def read(root: Path, part: Part, size: int = 1000) -> bytes:
    with PartReader(root, part, lambda _: None) as reader:
        return b"".join(iter(lambda: reader.read(size), b""))


@pytest.mark.parametrize("compression", COMPRESSIONS)
@settings(max_examples=30)
@given(rows=st.lists(st.binary(max_size=3000), max_size=20), size=st.integers(1, 5000))
def test_what_goes_in_comes_out(compression: Compression, rows: list[bytes], size: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        part = write(Path(directory), compression, rows)
        assert read(Path(directory), part, size) == b"".join(rows)
    assert (part.rows, part.bytes) == (len(rows), sum(map(len, rows)))


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_a_file_of_many_chunks(tmp_path: Path, compression: Compression) -> None:
    rows = [b"%d,some text that repeats\n" % number for number in range(200_000)]
    told: list[int] = []
    with PartWriter(tmp_path, f"1-0{SUFFIXES[compression]}", compression, told.append) as writer:
        for row in rows:
            writer.stream.write(row)
        part = writer.part(len(rows))
    assert sum(told) == part.bytes
    assert max(told) <= parts.CHUNK_BYTES
    assert part.stored_bytes == (tmp_path / part.path).stat().st_size
    assert read(tmp_path, part) == b"".join(rows)


@pytest.mark.parametrize("compression", COMPRESSIONS)
@settings(max_examples=50)
@given(position=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_any_flipped_bit_is_found(compression: Compression, position: float, bit: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        part = write(Path(directory), compression, [b"%d,text\n" % number for number in range(100)])
        path = Path(directory) / part.path
        content = bytearray(path.read_bytes())
        content[int(position * len(content))] ^= 1 << bit
        path.write_bytes(content)
        with pytest.raises(DataError):
            read(Path(directory), part)


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("change", [lambda content: content[:-1], lambda content: content[:1], lambda _: b""])
def test_a_cut_file_is_found(tmp_path: Path, compression: Compression, change: object) -> None:
    part = write(tmp_path, compression, [b"1,text\n"] * 100)
    path = tmp_path / part.path
    path.write_bytes(change(path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(DataError):
        read(tmp_path, part)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_a_longer_file_is_found(tmp_path: Path, compression: Compression) -> None:
    part = write(tmp_path, compression, [b"1,text\n"])
    with (tmp_path / part.path).open("ab") as file:
        file.write(gzip.compress(b"2,more\n") if compression == "Gzip" else b"2,more\n")
    with pytest.raises(DataError):
        read(tmp_path, part)


ROW = b"1,text that repeats itself\n"
BOMBS: dict[str, Callable[[int], bytes]] = {
    ".csv.zst": lambda size: zstandard.compress(ROW * (size // len(ROW))),
    ".csv.gz": lambda size: gzip.compress(ROW * (size // len(ROW))),
    ".csv": lambda size: ROW * (size // len(ROW)),
}


@pytest.mark.parametrize("suffix", BOMBS)
def test_no_more_comes_out_than_the_manifest_says_and_memory_stays_small(tmp_path: Path, suffix: str) -> None:
    bomb = BOMBS[suffix](200 << 20)
    (tmp_path / f"1-0{suffix}").write_bytes(bomb)
    part = Part(f"1-0{suffix}", 3, 3 * len(ROW), len(bomb), hashlib.sha256(bomb).hexdigest())
    size = len(bomb)
    del bomb
    tracemalloc.start()
    told: list[int] = []
    with PartReader(tmp_path, part, told.append) as reader, pytest.raises(DataError, match="more than was dumped"):
        list(iter(lambda: reader.read(256 << 10), b""))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (sum(told), size > part.bytes) == (0, True)
    assert peak < 4 << 20


@pytest.mark.parametrize("suffix", BOMBS)
def test_rows_up_to_the_manifests_size_come_out_before_the_rest_is_refused(tmp_path: Path, suffix: str) -> None:
    content = BOMBS[suffix](len(ROW) * 5)
    (tmp_path / f"1-0{suffix}").write_bytes(content)
    part = Part(f"1-0{suffix}", 4, 4 * len(ROW), len(content), hashlib.sha256(content).hexdigest())
    with PartReader(tmp_path, part, lambda _: None) as reader:
        assert reader.read(4 * len(ROW)) == ROW * 4
        with pytest.raises(DataError, match="more than was dumped"):
            reader.read(1)


def test_a_file_that_asks_for_a_large_window_is_refused(tmp_path: Path) -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=27)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    content = compressor.compress(ROW) + compressor.flush()
    (tmp_path / "1-0.csv.zst").write_bytes(content)
    with pytest.raises(DataError, match="cannot be decompressed"):
        read(tmp_path, Part("1-0.csv.zst", 1, len(ROW), len(content), hashlib.sha256(content).hexdigest()))


def test_a_file_that_grows_is_not_read_without_end(tmp_path: Path) -> None:
    part = write(tmp_path, "Zstd", [ROW])
    os.truncate(tmp_path / part.path, 1 << 40)
    with pytest.raises(DataError, match="larger"):
        read(tmp_path, part)


def test_the_readers_failure_is_kept_for_whom_copy_hides_it_from(tmp_path: Path) -> None:
    part = write(tmp_path, "None", [b"1\n"])
    (tmp_path / part.path).write_bytes(b"2\n")
    with PartReader(tmp_path, part, lambda _: None) as reader:
        assert reader.read(10) == b"2\n"
        with pytest.raises(DataError) as raised:
            reader.read(10)
        assert reader.failure is raised.value


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"data/9-0\.csv is missing"):
        PartReader(tmp_path, Part("data/9-0.csv", 0, 0, 0, ""), lambda _: None)


def test_an_abandoned_writer_writes_no_more(tmp_path: Path) -> None:
    with PartWriter(tmp_path, "1-0.csv", "None", lambda _: None) as writer:
        writer.stream.write(b"buffered")
    assert (tmp_path / "1-0.csv").read_bytes() == b""
    writer.stream.close()


def test_a_full_volume_is_a_storage_error_that_says_so() -> None:
    with pytest.raises(StorageError) as raised, parts.storing("data/1-0.csv"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert (raised.value.reason, raised.value.exit_code) == ("VolumeFull", 73)


def test_a_part_is_never_overwritten(tmp_path: Path) -> None:
    write(tmp_path, "None", [b"1\n"])
    with pytest.raises(ReplicationError):
        write(tmp_path, "None", [b"2\n"])
