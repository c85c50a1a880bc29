"""Ending early: by SIGTERM, SIGINT, SIGHUP, the program's own deadline, or a request of other code.

It decides when the work must stop, and interrupts what is under way. It does not know what the work is: code that
blocks (a query, a child process) says how it can be interrupted.
"""

import contextlib
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

from datareplication.core import words
from datareplication.errors import TransientError

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""SIGHUP comes when a terminal closes. nohup starts a program with SIGHUP ignored; it then stays ignored."""

NO_SIGNAL = b"\0"

AGAIN_SECONDS = 0.1
"""How often the interruption is repeated: a query that is canceled just before it begins is not interrupted."""


class Terminated(BaseException):
    """A signal asked the program to end. It is no Exception, so that no handler of failures catches it."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"ended by {signal.Signals(signal_number).name}")
        self.exit_code = 128 + signal_number


class Stop:
    """Watches for signals and the deadline while it is entered; only in a process's main thread.

    A thread does the watching: Python runs a signal's handler only between two steps of the main thread, which may be
    inside libpq for hours. The C handler writes the signal's number to a pipe at once, and the thread reads it.

    afterwards: the signals' handler after the exit; None: the handlers from before.
    """

    def __init__(self, timeout_seconds: float | None = None, afterwards: signal.Handlers | None = None) -> None:
        self._afterwards = afterwards
        self._deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        self._timeout_seconds = timeout_seconds
        self._interrupts: dict[int, Callable[[], None]] = {}
        self._lock = threading.Lock()
        self._requested = threading.Event()
        self.cause: Terminated | TransientError | None = None

    def __enter__(self) -> Self:
        """Start watching."""
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        heard = [number for number in SIGNALS if number != signal.SIGHUP or not _is_ignored(number)]
        self._earlier = {number: signal.signal(number, lambda *_: None) for number in heard}
        self._earlier_fd = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._thread = threading.Thread(target=self._watch, name="stop", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop watching, and set the signals' handlers."""
        signal.set_wakeup_fd(self._earlier_fd)
        for number, handler in self._earlier.items():
            signal.signal(number, handler if self._afterwards is None else self._afterwards)
        os.close(self._writer)  # ends the thread
        self._thread.join()
        os.close(self._reader)

    def check(self) -> None:
        """Raise the cause if the work must stop: Terminated, or a TransientError such as the deadline's."""
        if self.cause is not None:
            raise self.cause

    def request(self, cause: TransientError) -> None:
        """Ask the work to stop for this cause, from any thread; the first cause counts."""
        self._request(cause)
        os.write(self._writer, NO_SIGNAL)  # wakes the watching thread

    def wait(self, seconds: float) -> None:
        """Sleep. A request to stop ends the sleep, and its cause is raised."""
        self._requested.wait(seconds)
        self.check()

    @contextlib.contextmanager
    def interrupting(self, interrupt: Callable[[], None]) -> Iterator[None]:
        """If the work must stop while the body runs, call `interrupt` from another thread, again and again.

        The cause for stopping is then raised instead of the body's own error.
        """
        with self._lock:
            self.check()
            self._interrupts[id(interrupt)] = interrupt
        try:
            with self.blamed():
                yield
        finally:
            with self._lock:
                del self._interrupts[id(interrupt)]
        self.check()

    @contextlib.contextmanager
    def blamed(self) -> Iterator[None]:
        """Raise the cause for stopping, if there is one, instead of an error of the body, which follows from it."""
        try:
            yield
        except Exception:
            self.check()
            raise

    def _watch(self) -> None:
        while True:
            if select.select([self._reader], [], [], self._patience())[0]:
                numbers = os.read(self._reader, 16)
                if not numbers:
                    return
                for number in filter(None, numbers):
                    self._request(Terminated(number))
            elif self.cause is None:
                text = f"not done after {words.duration(self._timeout_seconds or 0)} (--timeout-seconds)"
                self._request(TransientError(text, reason="DeadlineExceeded"))
            self._interrupt()

    def _patience(self) -> float | None:
        """Return how long to wait for a signal."""
        if self.cause is not None:
            return AGAIN_SECONDS
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    def _request(self, cause: Terminated | TransientError) -> None:
        if self.cause is None:
            self.cause = cause
            self._requested.set()

    def _interrupt(self) -> None:
        with self._lock:
            interrupts = list(self._interrupts.values())
        for interrupt in interrupts:
            with contextlib.suppress(Exception):
                interrupt()


def _is_ignored(number: signal.Signals) -> bool:
    return signal.getsignal(number) == signal.SIG_IGN
