"""Programs for people at a terminal: readable text on standard output, one line about an error on standard error."""

import contextlib
import os
import sys
import traceback
from collections.abc import Callable

from datareplication.errors import ReplicationError
from datareplication.jobs.frame import standard, surprises
from datareplication.jobs.frame.stop import Terminated
from datareplication.jobs.model.tabular import shown

INTERRUPTED = 130


def ended(program: str, work: Callable[[], None]) -> int:
    """Do the work of a program; return its exit code."""
    standard.opened()
    try:
        work()
        flush()
    except BrokenPipeError:  # `| head` has seen enough
        give_up_output()
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except Terminated as error:
        give_up_output()
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - the program's last line of defence
        give_up_output()
        known = surprises.explained(error) or _unexpected(error)
        complain(f"{program}: {known.reason}: {known.message}")
        return known.exit_code
    return 0


def _unexpected(error: Exception) -> ReplicationError:
    """Return a defect as our error; its own text is not shown, because it may quote a value."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    text = f"unexpected {type(error).__name__} in {os.path.basename(place.filename)}, line {place.lineno}"  # noqa: PTH119
    return ReplicationError(f"{text}; this is a defect of datareplication")


def say(text: str) -> None:
    """Write a line, escaped: names of files and of objects may hold any character."""
    write(shown(text))


def write(text: str) -> None:
    """Write lines, with escapes for characters that standard output cannot encode; do nothing if it is closed."""
    if sys.stdout is not None:
        encoding = sys.stdout.encoding or "ascii"
        sys.stdout.write(text.encode(encoding, errors="backslashreplace").decode(encoding) + "\n")


def flush() -> None:
    """Write what is still in the buffer of standard output."""
    if sys.stdout is not None:
        sys.stdout.flush()


def complain(text: str) -> None:
    """Write a line to standard error."""
    with contextlib.suppress(AttributeError, OSError):
        sys.stderr.write(shown(text) + "\n")


def give_up_output() -> None:
    """Drop what could not be written to standard output: otherwise Python tries again at its end, and ends with 120."""
    try:
        flush()
    except (OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
