"""Standard input, output and error of a program, by their descriptors.

It owns that each is open, that saying something neither blocks nor fails, and that nothing reaches standard error past
the log: what libraries print there may hold rows, and passwords that nobody has masked.
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
"""What a pipe that can be written to takes without blocking, on Linux."""

PATIENCE_SECONDS = 1.0
"""How long a line waits for a reader. One that has not read for so long is not waited for again until it reads."""


class Sink(Protocol):
    """What takes lines; OSError or ValueError when it does not."""

    def write(self, line: str, /) -> object:
        """Take a line, with its end."""
        ...


class Descriptor:
    """Takes lines for a descriptor; a line that is not taken in time is dropped, one that was begun is ended later.

    Not by making the descriptor non-blocking, which would count for others that have it too. Nor by Python's streams:
    they keep what was not taken, and starting a process tries to write it again.
    """

    def __init__(self, descriptor: int, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._descriptor = descriptor
        self._patience_seconds = patience_seconds
        self._is_read = True
        self._rest = b""
        self._lock = threading.Lock()

    def write(self, line: str, /) -> None:
        """Take a line, or drop it."""
        with self._lock:
            self._rest = self._after(self._rest)
            if not self._rest:
                data = line.encode()
                left = self._after(data)
                self._rest = left if len(left) < len(data) else b""

    def _after(self, data: bytes) -> bytes:
        """Write; return what was not taken."""
        while data and self._can_be_written():
            data = data[os.write(self._descriptor, data[:PIECE_BYTES]) :]
        return data

    def _can_be_written(self) -> bool:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        self._is_read = bool(poll.poll(self._patience_seconds * 1000 if self._is_read else 0))
        return self._is_read


def output() -> Sink | None:
    """Return what takes a program's lines: standard output, or what stands in its place within another program."""
    try:
        return Descriptor(sys.stdout.fileno())
    except io.UnsupportedOperation:
        return sys.stdout
    except (AttributeError, ValueError):  # it is closed
        return None


def opened() -> None:
    """Open those of 0 to 2 that are closed: the next file to be opened would get their number, and a child lose it."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= ERROR:
        pass
    os.close(descriptor)


@contextlib.contextmanager
def error_set_aside() -> Iterator[None]:
    """Let nothing reach standard error while the body runs, neither from here nor from children that it starts.

    psycopg2 prints what goes wrong in a COPY, with the row that was at fault.
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
