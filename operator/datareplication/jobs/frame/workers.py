"""Worker processes that do tasks one after the other, each with its own connection.

Processes, not threads: psycopg2 calls Python for every row that COPY writes. This module starts and ends the workers,
gives them tasks and receives their results. It does not know what a task is.
"""

import contextlib
import os
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from multiprocessing import connection as pipes
from multiprocessing import forkserver, get_context, parent_process
from multiprocessing.connection import Connection as Pipe
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import Any, Generic, TypeVar

from datareplication.errors import ReplicationError, TransientError
from datareplication.jobs.frame import surprises
from datareplication.jobs.frame.stop import Stop

_CONTEXT = get_context("forkserver")

TELL_INTERVAL_SECONDS = 0.5
"""How often a worker reports how many bytes it has copied; progress lines are written less often."""

Task = TypeVar("Task")
Result = TypeVar("Result")
Config = TypeVar("Config")
Tell = Callable[[int], None]
Handler = Callable[[Task, Tell], Result]
Opener = Callable[[Config], AbstractContextManager[Handler[Task, Result]]]


@dataclass(frozen=True)
class _Failed:
    error: ReplicationError | None
    trace: str = ""


@dataclass(frozen=True)
class _Done:
    result: Any
    moved: int


class WorkerError(Exception):
    """An unexpected error in a worker, with its traceback."""


class Crew(Generic[Task, Result]):
    """Worker processes, running once they are opened. `perform` may be called several times."""

    def __init__(self, size: int, opener: Opener[Any, Task, Result], stop: Stop) -> None:
        self._size = size
        self._opener = opener
        self._stop = stop
        self._members: dict[Pipe, BaseProcess] = {}

    def open(self, config: Any, count: int) -> None:
        """Start the workers, at most `count` of them, and let them open (connect) with `config`."""
        for number in range(min(self._size, count)):
            ours, theirs = _CONTEXT.Pipe()
            process: BaseProcess = _CONTEXT.Process(
                target=_serve, args=(theirs, self._opener), name=f"worker-{number}", daemon=True
            )
            with _without_main():
                process.start()
            theirs.close()
            self._members[ours] = process
            self._give(ours, config)

    def close(self) -> None:
        """End the workers, whatever they are doing."""
        for pipe, process in self._members.items():
            process.terminate()
            process.join()
            process.close()
            pipe.close()
        self._members.clear()

    def perform(self, tasks: Sequence[Task], hear: Callable[[Result | None, int], None]) -> None:
        """Give out tasks in order and return when all are done; the first failure is raised and ends the crew.

        hear: called at least every second, with a task's result or None, and the bytes copied since the last call.
        """
        waiting = deque(tasks)
        self.supply(lambda: waiting.popleft() if waiting else None, hear)

    def supply(self, take: Callable[[], Task | None], hear: Callable[[Result | None, int], None]) -> None:
        """Give out the tasks that `take` returns; otherwise like `perform`.

        `take` may return None because its next task needs a result: it is asked again after each result. The work is
        done when it returns None and no worker is busy.
        """
        idle = list(self._members)
        with self._stop.interrupting(self._terminate):
            while True:
                while idle and (task := take()) is not None:
                    self._give(idle.pop(), task)
                if not (busy := [pipe for pipe in self._members if pipe not in idle]):
                    return
                ready = pipes.wait(busy, timeout=1.0)
                idle += [pipe for pipe in busy if pipe in ready and self._hear(pipe, hear)]
                if not ready:
                    hear(None, 0)

    def _give(self, pipe: Pipe, task: Any) -> None:
        try:
            pipe.send(task)
        except OSError:
            raise self._gone(pipe) from None

    def _hear(self, pipe: Pipe, hear: Callable[[Result | None, int], None]) -> bool:
        """Receive one message; return whether the worker is idle now."""
        try:
            message = pipe.recv()
        except (EOFError, OSError):
            raise self._gone(pipe) from None
        if isinstance(message, _Failed):
            raise message.error or WorkerError(message.trace)
        if isinstance(message, _Done):
            hear(message.result, message.moved)
            return True
        hear(None, message)
        return False

    def _gone(self, pipe: Pipe) -> Exception:
        """Return why a worker has gone: from its last message, which may be unread (for example: it cannot connect)."""
        with contextlib.suppress(EOFError, OSError):
            while pipe.poll():
                if isinstance(said := pipe.recv(), _Failed):
                    return said.error or WorkerError(said.trace)
        process = self._members[pipe]
        process.join(5)
        hint = "; the usual cause is a memory limit" if process.exitcode == -signal.SIGKILL else ""
        return TransientError(f"a worker process ended with {process.exitcode}{hint}", reason="WorkerKilled")

    def _terminate(self) -> None:
        for process in self._members.values():
            process.terminate()


@contextlib.contextmanager
def crew(
    size: int, opener: Opener[Config, Task, Result], stop: Stop, also: Sequence[str] = ()
) -> Iterator[Crew[Task, Result]]:
    """Yield a crew of `size` workers that open with `opener`, a function of a module; end them with the body.

    also: modules that every worker is going to import, beside the opener's.

    Starting Python takes a fifth of a second, while the caller goes on: so enter this early, and open the workers when
    there is something to open. Only one Python is started, the fork server: the workers are forked from it.
    """
    # A child forked from this process would share its connections. The fork server has loaded only the needed modules.
    _CONTEXT.set_forkserver_preload([opener.__module__, *also])
    forkserver.ensure_running()
    with contextlib.closing(Crew(size, opener, stop)) as made:
        yield made


@contextlib.contextmanager
def _without_main() -> Iterator[None]:
    """Hide the program's main module, which a worker would run again: it imports the whole program, 90 ms of CPU."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _serve(pipe: Pipe, opener: Opener[Config, Task, Result]) -> None:
    """Open, then do tasks until killed: the parent ends a worker by SIGTERM, and the parent's own end ends it too."""
    for number in (signal.SIGINT, signal.SIGHUP):  # a terminal sends these to the parent as well, which handles them
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    try:
        with opener(pipe.recv()) as handle:
            while True:
                teller = _Teller(pipe)
                result = handle(pipe.recv(), teller.tell)
                pipe.send(_Done(result, teller.take()))
    except (EOFError, BrokenPipeError):
        return
    except Exception as error:  # noqa: BLE001 - the parent decides what an unexpected error means
        _say(pipe, _Failed(surprises.explained(error), traceback.format_exc()))


def _say(pipe: Pipe, message: _Failed) -> None:
    with contextlib.suppress(OSError):
        pipe.send(message)


class _Teller:
    """Reports from time to time how many bytes were copied."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._pending = 0
        self._said_at = time.monotonic()

    def tell(self, moved: int) -> None:
        self._pending += moved
        if time.monotonic() - self._said_at >= TELL_INTERVAL_SECONDS:
            self._pipe.send(self.take())

    def take(self) -> int:
        """Return the bytes that were not reported yet; they count as reported now."""
        pending, self._pending, self._said_at = self._pending, 0, time.monotonic()
        return pending


def _die_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
