"""The frame around both programs: settings in, work, one Report out, an exit code.

It owns how a program ends: the last log line, the termination message, which exit code. It refuses to know what the
work is, and never ends otherwise than the work did because that cannot be said.
"""

import contextlib
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TextIO, TypeVar

from datareplication.core.report import Report
from datareplication.errors import ReplicationError
from datareplication.jobs.frame import surprises, surroundings
from datareplication.jobs.frame.log import Log
from datareplication.jobs.frame.stop import Stop, Terminated
from datareplication.jobs.model.settings import RunSettings

DEFAULT_TERMINATION_MESSAGE_PATH = "/dev/termination-log"
STANDARD_ERROR = 2


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


def run(parse: Callable[[], S], work: Callable[[S, Frame], Report], environment: Mapping[str, str]) -> int:
    """Read the settings, do the work, say its Report at the end; return the exit code."""
    started = time.monotonic()
    _open_standard_descriptors()
    log = Log(surroundings.passwords(environment))
    report = _attempt(parse, work, log)
    if not report.duration_seconds:
        report = replace(report, duration_seconds=round(time.monotonic() - started, 3))
    text = log.report(report)
    _write_termination_message(environment, text)
    _give_up_unwritten(sys.stdout)
    return report.exit_code


def _attempt(parse: Callable[[], S], work: Callable[[S, Frame], Report], log: Log) -> Report:
    try:
        settings = parse()
        surroundings.settle(log)
        with Stop(settings.run.timeout_seconds) as stop:
            return work(settings, Frame(log, stop))
    except Terminated as signal:
        return Report("Failed", reason="Terminated", message=str(signal), exit_code=signal.exit_code)
    except ReplicationError as error:
        return Report("Failed", reason=error.reason, message=error.message, exit_code=error.exit_code)
    except Exception as error:  # noqa: BLE001 - the program's last line of defence
        log.error("unexpected error", traceback=traceback.format_exc())  # noqa: TRY400 - not the standard library's
        if known := surprises.explained(error):
            return Report("Failed", reason=known.reason, message=known.message, exit_code=known.exit_code)
        message = f"unexpected {type(error).__name__}, see the log; this is a defect of datareplication"
        return Report("Failed", reason=ReplicationError.default_reason, message=message, exit_code=70)


def _write_termination_message(environment: Mapping[str, str], text: str) -> None:
    path = Path(environment.get("TERMINATION_MESSAGE_PATH") or DEFAULT_TERMINATION_MESSAGE_PATH)
    # By hand there is none, or it cannot be written: never a failure, the log's last line says the same.
    with contextlib.suppress(OSError, ValueError):
        if path.exists() or (path.parent.is_dir() and path.parent != Path("/dev")):
            path.write_text(text, encoding="utf-8")


def _open_standard_descriptors() -> None:
    """Open those of 0 to 2 that are closed: the next file to be opened would get their number, and a child lose it."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= STANDARD_ERROR:
        pass
    os.close(descriptor)


def _give_up_unwritten(output: TextIO | None) -> None:
    """Drop what the output has not taken: Python tries once more at its end, and would end with 120."""
    if output is None:
        return
    try:
        output.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), output.fileno())
