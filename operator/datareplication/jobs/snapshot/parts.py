"""A part's file as a stream: COPY writes into a PartWriter and reads from a PartReader.

Both compress, count and hash on the way, and keep a chunk or two in memory, whatever the file's size.
"""

import contextlib
import errno
import gzip
import hashlib
import io
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Protocol, Self

import zstandard

from datareplication.core.choices import Compression
from datareplication.core.reasons import Reason
from datareplication.errors import DataError, ReplicationError, StorageError
from datareplication.jobs.frame import surprises
from datareplication.jobs.model.contents import SUFFIXES
from datareplication.jobs.model.manifest import Part
from datareplication.jobs.snapshot import below
from datareplication.jobs.snapshot.below import StrangeError

CHUNK_BYTES = 1 << 20
"""COPY hands over one row at a time. In chunks of a mebibyte, calling the hash and the compressor costs nothing."""

ZSTD_LEVEL = 1
GZIP_LEVEL = 1
"""The fastest levels: a snapshot is read a few times at most, and slower levels would delay COPY on the source."""

ZSTD_WINDOW_BYTES = 8 << 20
"""The most memory that a file may need for its decompression, as the format recommends. Our level needs 512 KiB."""

GZIP_WINDOW = 31
"""zlib's number for a 32 KiB window with gzip's header and checksum."""

FULL_VOLUME_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

Tell = Callable[[int], None]


class PartWriter:
    """Writes one part's file: `with PartWriter(...) as writer: copy(writer.stream); part = writer.part(rows)`.

    tell: called with the bytes of CSV of each chunk. A full or broken volume is a StorageError.
    """

    def __init__(self, root: Path, path: str, compression: Compression, tell: Tell) -> None:
        self._path = path
        with storing(path), below.directory(root) as directory:
            descriptor = directory.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        self._file = os.fdopen(descriptor, "wb", buffering=0)
        self._sink = _Sink(self._file, path, compression, tell)
        self.stream = io.BufferedWriter(self._sink, CHUNK_BYTES)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file, finished or not."""
        self._sink.discard()
        with contextlib.suppress(OSError):
            self._file.close()

    def part(self, rows: int) -> Part:
        """Finish the file and return its description, inside the with statement; it may not be on the disk yet."""
        self.stream.flush()
        sha256 = self._sink.finish()
        with storing(self._path):
            self._file.close()
        return Part(self._path, rows, self._sink.bytes, self._sink.stored_bytes, sha256)


class PartReader:
    """Reads one part's file as CSV; at its end it raises DataError unless sizes and sha256 are the manifest's.

    COPY turns an error of read() into an error of its own, so `failure` keeps the error.
    """

    def __init__(self, root: Path, part: Part, tell: Tell) -> None:
        self._part = part
        self._tell = tell
        self._bytes = 0
        self.failure: ReplicationError | None = None
        with self._keeping_failure(), below.directory(root) as directory:
            descriptor = directory.open(part.path)
        self._file = os.fdopen(descriptor, "rb", buffering=0)
        self._stored = _HashedFile(self._file, part)
        self._content = _decompressed(self._stored, part.path)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self._content.close()
        self._file.close()

    def read(self, size: int) -> bytes:
        """Return the next bytes of CSV, at most `size`; empty at the end, which has then been verified.

        It reads no more than the manifest says: a file of kilobytes can unpack to gigabytes.
        """
        left = self._part.bytes - self._bytes
        with self._keeping_failure():
            data = self._content.read(min(size, left + 1))
            if len(data) > left:
                raise DataError(f"{self._part.path} unpacks to more than was dumped", reason="SnapshotCorrupt")
            if not data:
                self._verify_end()
        self._bytes += len(data)
        self._tell(len(data))
        return data

    def _verify_end(self) -> None:
        while self._stored.read(CHUNK_BYTES):
            pass  # bytes after the compressed stream belong to the file, and to its hash
        found = (self._stored.bytes, self._stored.hash.hexdigest(), self._bytes)
        if found != (self._part.stored_bytes, self._part.sha256, self._part.bytes):
            text = f"{self._part.path} is not what was dumped: its size or sha256 differs from the manifest"
            raise DataError(text, reason="SnapshotCorrupt")

    @contextlib.contextmanager
    def _keeping_failure(self) -> Any:
        try:
            with reading(self._part.path), _decompressing(self._part.path):
                yield
        except ReplicationError as error:
            self.failure = error
        if self.failure is not None:
            raise self.failure


@contextlib.contextmanager
def _decompressing(path: str) -> Iterator[None]:
    try:
        yield
    except (zlib.error, zstandard.ZstdError, gzip.BadGzipFile, EOFError) as error:
        raise DataError(f"{path} cannot be decompressed", reason="SnapshotCorrupt") from error


@contextlib.contextmanager
def storing(what: str) -> Any:
    """Turn an OSError in the body into a StorageError that names `what`, or a TransientError if it may pass."""
    try:
        yield
    except OSError as error:
        _raise_passing(error)
        reason: Reason | None = "VolumeFull" if error.errno in FULL_VOLUME_ERRORS else None
        text = f"cannot write {what} on the snapshot's volume: {error.strerror or error}"
        raise StorageError(text, reason=reason) from error


@contextlib.contextmanager
def reading(path: str) -> Iterator[None]:
    """Turn an OSError in the body into a DataError if `path` is missing or no file, otherwise as `storing` does."""
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing in the snapshot", reason="SnapshotIncomplete") from error
    except StrangeError as error:
        raise DataError(str(error.strerror), reason="SnapshotCorrupt") from error
    except OSError as error:
        _raise_passing(error)
        raise StorageError(f"{path} cannot be read: {error.strerror}", reason="CannotReadSnapshot") from error


def _raise_passing(error: OSError) -> None:
    if error.errno in surprises.SCARCE:
        raise surprises.of_system(error) from error


class _Compressor(Protocol):
    def compress(self, data: memoryview, /) -> bytes | memoryview: ...
    def flush(self) -> bytes: ...


class _NoCompressor:
    def compress(self, data: memoryview, /) -> memoryview:
        return data

    def flush(self) -> bytes:
        return b""


def _compressor(compression: Compression) -> _Compressor:
    if compression == "Zstd":
        return zstandard.ZstdCompressor(level=ZSTD_LEVEL, write_checksum=True).compressobj()
    if compression == "Gzip":
        return zlib.compressobj(GZIP_LEVEL, wbits=GZIP_WINDOW)
    return _NoCompressor()


def _decompressed(file: "_HashedFile", path: str) -> BinaryIO:
    if path.endswith(SUFFIXES["Zstd"]):
        decompressor = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_BYTES)
        return decompressor.stream_reader(file, read_size=CHUNK_BYTES, closefd=False)  # type: ignore[arg-type]
    if path.endswith(SUFFIXES["Gzip"]):
        return gzip.GzipFile(fileobj=file, mode="rb")  # type: ignore[return-value]
    return file  # type: ignore[return-value]


class _HashedFile(io.RawIOBase):
    """A part's file whose bytes are hashed as they are read; DataError if it is larger than the manifest says."""

    def __init__(self, file: io.RawIOBase | BinaryIO, part: Part) -> None:
        self._file = file
        self._part = part
        self.hash = hashlib.sha256()
        self.bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        size: int = self._file.readinto(buffer)  # type: ignore[union-attr]
        self.hash.update(memoryview(buffer)[:size])
        self.bytes += size
        if self.bytes > self._part.stored_bytes:
            raise DataError(f"{self._part.path} is larger than what was dumped", reason="SnapshotCorrupt")
        return size


class _Sink(io.RawIOBase):
    """Counts, compresses, hashes and stores the data that is written to it."""

    def __init__(self, file: io.RawIOBase, path: str, compression: Compression, tell: Tell) -> None:
        self._file = file
        self._path = path
        self._compressor = _compressor(compression)
        self._tell = tell
        self._hash = hashlib.sha256()
        self._is_discarded = False
        self.bytes = 0
        self.stored_bytes = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        size = len(data)
        if not self._is_discarded:
            self.bytes += size
            self._store(self._compressor.compress(data))
            self._tell(size)
        return size

    def finish(self) -> str:
        self._store(self._compressor.flush())
        return self._hash.hexdigest()

    def discard(self) -> None:
        """Ignore all further data, such as the rest in an abandoned buffer."""
        self._is_discarded = True

    def _store(self, data: bytes | memoryview) -> None:
        self._hash.update(data)
        self.stored_bytes += len(data)
        rest = memoryview(data)
        with storing(self._path):
            while rest:
                rest = rest[self._file.write(rest) :]
