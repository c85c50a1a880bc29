"""Standard input, output and error of a program, by their descriptors.

It ensures that each of them is open, that writing neither blocks nor fails, and that nothing is written to standard
error: libraries may print rows there, and passwords that nobody has masked.
"""

import contextlib
import io
import os
import select
import sys
import threading
from collections.abc import Iterator
from typing import Protocol

OUTPUT = 1
ERROR = 2

PIECE_BYTES = 4096
"""If poll() says that a pipe can be written to, it takes so many bytes without blocking, on Linux."""

PATIENCE_SECONDS = 1.0
"""How long a line waits for the reader. If the reader has not read for so long, later lines do not wait for it until it
reads again."""


class Sink(Protocol):
    """Takes lines; raises OSError or ValueError if it cannot."""

    def write(self, line: str, /) -> object:
        """Take a line, with its line break."""
        ...


class Descriptor:
    """Writes lines to a descriptor. A line that is not taken in time is dropped; a line that was begun is ended later.

    The descriptor is not made non-blocking: that would affect other processes that share it. Python's streams are not
    used either: they keep data that was not written, and try to write it again when a process is started.
    """

    def __init__(self, descriptor: int, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._descriptor = descriptor
        self._patience_seconds = patience_seconds
        self._is_read = True
        self._rest = b""
        self._lock = threading.Lock()

    def write(self, line: str, /) -> None:
        """Write a line, or drop it."""
        with self._lock:
            self._rest = self._after(self._rest)
            if not self._rest:
                data = line.encode()
                left = self._after(data)
                self._rest = left if len(left) < len(data) else b""

    def _after(self, data: bytes) -> bytes:
        """Write data; return the part that was not written."""
        while data and self._can_be_written():
            data = data[os.write(self._descriptor, data[:PIECE_BYTES]) :]
        return data

    def _can_be_written(self) -> bool:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        self._is_read = bool(poll.poll(self._patience_seconds * 1000 if self._is_read else 0))
        return self._is_read


def output() -> Sink | None:
    """Return what takes a program's lines: standard output, or the stream that another program has put in its place."""
    try:
        return Descriptor(sys.stdout.fileno())
    except io.UnsupportedOperation:
        return sys.stdout
    except (AttributeError, ValueError):  # it is closed
        return None


def opened() -> None:
    """Open those of the descriptors 0 to 2 that are closed.

    Otherwise the next file that is opened would get such a number, and a child would not inherit that file.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= ERROR:
        pass
    os.close(descriptor)


@contextlib.contextmanager
def error_set_aside() -> Iterator[None]:
    """Discard standard error while the body runs, also that of children that the body starts.

    psycopg2 prints errors of a COPY there, with the row that caused the error.
    """
    kept = os.dup(ERROR)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, ERROR)
    os.close(nowhere)
    try:
        yield
    finally:
        with contextlib.suppress(AttributeError, OSError, ValueError):
            sys.stderr.flush()
        os.dup2(kept, ERROR)
        os.close(kept)
