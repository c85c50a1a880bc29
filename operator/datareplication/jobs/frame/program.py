"""The frame around both programs: settings in, work, one Report out, an exit code.

It owns how a program ends: the last log line, the termination message, which exit code. It refuses to know what the
work is, and never ends otherwise than the work did because that cannot be said.
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
    """What the work gets from its program: where to say things, and when to stop."""

    log: Log
    stop: Stop


def main(parse: Callable[[], S], work: Callable[[S, Frame], Report], environment: Mapping[str, str]) -> int:
    """Do as `run` in a process that ends with it: no signal ends it otherwise once the work is done."""
    return run(parse, work, environment, afterwards=signal.SIG_IGN)


def run(
    parse: Callable[[], S],
    work: Callable[[S, Frame], Report],
    environment: Mapping[str, str],
    afterwards: signal.Handlers | None = None,
) -> int:
    """Read the settings, do the work, say its Report at the end; return the exit code.

    afterwards: what the signals do that have stopped the work until then; None: what they did before.
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
    """Let the log tell what ends a thread, which else only standard error would."""

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
    # By hand there is none, or it cannot be written: never a failure, the log's last line says the same.
    with contextlib.suppress(OSError, ValueError):
        if path.exists() or (path.parent.is_dir() and path.parent != Path("/dev")):
            path.write_text(text, encoding="utf-8")
