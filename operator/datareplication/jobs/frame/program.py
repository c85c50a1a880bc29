"""The frame around both programs: settings in, work, one Report out, an exit code.

It decides how a program ends: the last log line, the termination message, the exit code. It does not know what the work
is. If the report cannot be written, the exit code is still that of the work.
"""

import contextlib
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeVar

from datareplication.core.report import Report
from datareplication.errors import ReplicationError
from datareplication.jobs.frame import standard, surprises, surroundings
from datareplication.jobs.frame.log import Log
from datareplication.jobs.frame.stop import Stop, Terminated
from datareplication.jobs.model.settings import RunSettings

DEFAULT_TERMINATION_MESSAGE_PATH = "/dev/termination-log"


class Settings(Protocol):
    """What the frame itself needs to know of a program's settings."""

    @property
    def run(self) -> RunSettings:
        """The run that the program belongs to."""
        ...


S = TypeVar("S", bound=Settings)


@dataclass(frozen=True)
class Frame:
    """What the work gets from its program: the log, and the request to stop."""

    log: Log
    stop: Stop


def main(parse: Callable[[], S], work: Callable[[S, Frame], Report], environment: Mapping[str, str]) -> int:
    """Do the same as `run`, in a process that ends afterwards: when the work is done, signals are ignored."""
    return run(parse, work, environment, afterwards=signal.SIG_IGN)


def run(
    parse: Callable[[], S],
    work: Callable[[S, Frame], Report],
    environment: Mapping[str, str],
    afterwards: signal.Handlers | None = None,
) -> int:
    """Read the settings, do the work, write its Report at the end; return the exit code.

    afterwards: handler of the stopping signals (SIGTERM and so on) after the work; None: the handlers from before.
    """
    started = time.monotonic()
    standard.opened()
    log = Log(surroundings.passwords(environment))
    with standard.error_set_aside(), _threads_heard(log):
        report = _attempt(parse, work, log, afterwards)
        if not report.duration_seconds:
            report = replace(report, duration_seconds=round(time.monotonic() - started, 3))
        _write_termination_message(environment, log.report(report))
    return report.exit_code


def _attempt(
    parse: Callable[[], S], work: Callable[[S, Frame], Report], log: Log, afterwards: signal.Handlers | None
) -> Report:
    try:
        settings = parse()
        surroundings.settle(log)
        with Stop(settings.run.timeout_seconds, afterwards) as stop, stop.blamed():
            return work(settings, Frame(log, stop))
    except Terminated as ended:
        return Report("Failed", reason="Terminated", message=str(ended), exit_code=ended.exit_code)
    except ReplicationError as error:
        return Report("Failed", reason=error.reason, message=error.message, exit_code=error.exit_code)
    except Exception as error:  # noqa: BLE001 - the program's last line of defence
        log.error("unexpected error", traceback=traceback.format_exc())  # noqa: TRY400 - not the standard library's
        if known := surprises.explained(error):
            return Report("Failed", reason=known.reason, message=known.message, exit_code=known.exit_code)
        message = f"unexpected {type(error).__name__}, see the log; this is a defect of datareplication"
        return Report("Failed", reason=ReplicationError.default_reason, message=message, exit_code=70)


@contextlib.contextmanager
def _threads_heard(log: Log) -> Iterator[None]:
    """Log the error that ends a thread; by default it would go to standard error only."""

    def tell(ended: threading.ExceptHookArgs) -> None:
        trace = traceback.format_exception(ended.exc_type, ended.exc_value, ended.exc_traceback)
        log.error("unexpected error in a thread", traceback="".join(trace))

    earlier, threading.excepthook = threading.excepthook, tell
    try:
        yield
    finally:
        threading.excepthook = earlier


def _write_termination_message(environment: Mapping[str, str], text: str) -> None:
    path = Path(environment.get("TERMINATION_MESSAGE_PATH") or DEFAULT_TERMINATION_MESSAGE_PATH)
    # Outside of a pod there may be no such file. That is no failure: the log's last line has the same report.
    with contextlib.suppress(OSError, ValueError):
        if path.exists() or (path.parent.is_dir() and path.parent != Path("/dev")):
            path.write_text(text, encoding="utf-8")
