"""Ending early: SIGTERM, SIGINT, SIGHUP, the program's own deadline, and whoever else asks for it.

It owns the moment at which work must stop and the ways to interrupt what is under way. It refuses to know what that
work is: whoever blocks (a query, a child process) says how to be interrupted.
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

from datareplication.errors import TransientError

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""The last is a terminal's that closes. Whoever starts a program by nohup has it ignored, and so it stays."""

NO_SIGNAL = b"\0"

AGAIN_SECONDS = 0.1
"""How often what is under way is interrupted again: a query canceled just before it began would run on."""


class Terminated(BaseException):
    """A signal asked the program to end. Not an Exception, so that no handler of failures takes it for one."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"ended by {signal.Signals(signal_number).name}")
        self.exit_code = 128 + signal_number


class Stop:
    """Watches for signals and the deadline while it is entered; only in a process's main thread.

    A thread does the watching: Python runs a signal's handler only between two steps of the main thread, which may be
    inside libpq for hours. The C handler writes the signal's number to a pipe at once, and the thread reads it.

    afterwards: what the signals do when it is left; None: what they did before.
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
        """Start to watch."""
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
        """Give the signals back."""
        signal.set_wakeup_fd(self._earlier_fd)
        for number, handler in self._earlier.items():
            signal.signal(number, handler if self._afterwards is None else self._afterwards)
        os.close(self._writer)  # ends the thread
        self._thread.join()
        os.close(self._reader)

    def check(self) -> None:
        """Raise Terminated, or a TransientError for the deadline, when the work must stop."""
        if self.cause is not None:
            raise self.cause

    def request(self, cause: TransientError) -> None:
        """Ask the work to end for this cause, from any thread; the first cause counts."""
        self._request(cause)
        os.write(self._writer, NO_SIGNAL)  # wakes the thread that interrupts

    def wait(self, seconds: float) -> None:
        """Sleep, but not past a request to stop, which it raises."""
        self._requested.wait(seconds)
        self.check()

    @contextlib.contextmanager
    def interrupting(self, interrupt: Callable[[], None]) -> Iterator[None]:
        """Call `interrupt` from another thread, again and again, when the work must stop while the body runs.

        The body's own error then gives way to the reason for stopping.
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
        """Let an error of the body give way to the reason for stopping, when there is one: it follows from that."""
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
                text = f"not done after {self._timeout_seconds:.0f} s (--timeout-seconds)"
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
