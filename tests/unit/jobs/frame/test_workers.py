"""Worker processes: every task is done once, failures are raised, no process is left behind."""

import contextlib
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from datareplication.core.reasons import Reason
from datareplication.errors import DataError, TransientError
from datareplication.jobs.frame.stop import Stop
from datareplication.jobs.frame.workers import Crew, Tell, WorkerError, crew

Handler = Callable[[int, Tell], int]


@contextlib.contextmanager
def double(factor: int) -> Iterator[Handler]:
    """Multiply; with 7 the task fails, with 8 it has a defect, with 9 the worker dies."""

    def handle(task: int, tell: Tell) -> int:
        if task == 7:
            raise DataError("seven", reason="RowsDiffer")
        if task == 8:
            raise ZeroDivisionError
        if task == 9:
            os.kill(os.getpid(), signal.SIGKILL)
        tell(task)
        return task * factor

    yield handle


@pytest.fixture
def workers() -> Iterator[Crew[int, int]]:
    made: contextlib.AbstractContextManager[Crew[int, int]] = crew(2, double, Stop())
    with made as found:
        found.open(10, 2)
        yield found
    assert multiprocessing.active_children() == []


def perform(workers: Crew[int, int], tasks: list[int]) -> tuple[list[int], int]:
    results: list[int] = []
    moved = 0

    def hear(result: int | None, size: int) -> None:
        nonlocal moved
        moved += size
        if result is not None:
            results.append(result)

    workers.perform(tasks, hear)
    return sorted(results), moved


def test_every_task_is_done_once_and_its_bytes_are_counted(workers: Crew[int, int]) -> None:
    assert perform(workers, [1, 2, 3, 4, 5]) == ([10, 20, 30, 40, 50], 15)
    assert perform(workers, [6]) == ([60], 6)
    assert perform(workers, []) == ([], 0)


@pytest.mark.parametrize(
    ("task", "error", "text"), [(7, DataError, "seven"), (8, WorkerError, "ZeroDivision"), (9, TransientError, "-9")]
)
def test_a_failure_is_raised(workers: Crew[int, int], task: int, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text) as raised:
        perform(workers, [1, task, 2, 3])
    assert getattr(raised.value, "reason", "") in {"RowsDiffer", "WorkerKilled", ""}


def test_only_those_that_are_needed_open() -> None:
    made: contextlib.AbstractContextManager[Crew[int, int]] = crew(3, double, Stop())
    with made as workers:
        workers.open(10, 1)
        assert len(multiprocessing.active_children()) == 1
        assert perform(workers, [1, 2]) == ([10, 20], 3)


@contextlib.contextmanager
def refused(reason: Reason) -> Iterator[Handler]:
    """Fail to open."""
    raise DataError("no connection", reason=reason)
    yield


def test_a_worker_that_could_not_connect_says_so_and_nothing_of_memory() -> None:
    made: contextlib.AbstractContextManager[Crew[int, int]] = crew(1, refused, Stop())
    with made as workers:
        workers.open("CannotConnect", 1)
        for process in multiprocessing.active_children():
            process.join()
        with pytest.raises(DataError) as raised:
            perform(workers, [1])
    assert raised.value.reason == "CannotConnect"


def test_a_worker_does_not_run_the_program_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ran, script = tmp_path / "ran", tmp_path / "program"
    script.write_text(f"import pathlib; pathlib.Path({str(ran)!r}).touch()")
    main = ModuleType("__main__")
    main.__file__ = str(script)
    monkeypatch.setitem(sys.modules, "__main__", main)
    made: contextlib.AbstractContextManager[Crew[int, int]] = crew(1, double, Stop())
    with made as workers:
        workers.open(10, 1)
        assert perform(workers, [1]) == ([10], 1)
    assert not ran.exists()
    assert sys.modules["__main__"] is main
