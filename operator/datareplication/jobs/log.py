"""Lines of JSON on standard output: what a program does, its progress, its final report.

It owns the form of a line and how often progress is said. It refuses to write a credential: what it is told to hide is
masked wherever it turns up, though nothing is meant to put it there.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TextIO

from datareplication.core.report import Progress, Report

PROGRESS_INTERVAL_SECONDS = 2.0
"""Progress lines are for the last line of a pod's log, read every 10 s; a phase's change is always said."""

MASK = "********"
SHORTEST_HIDDEN = 4
"""Shorter strings turn up by chance; masking them would only make the log unreadable."""


class Log:
    """Writes the lines. `hidden` are strings that must never be written."""

    def __init__(self, hidden: Sequence[str] = (), stream: TextIO | None = None) -> None:
        self.hide(hidden)
        self._stream = stream or sys.stdout
        self._state = ("", "")
        self._said_at = 0.0

    def hide(self, hidden: Sequence[str]) -> None:
        """Mask these strings from now on."""
        self._hidden = [text for text in hidden if len(text) >= SHORTEST_HIDDEN]

    def info(self, message: str, **fields: Any) -> None:
        """Say what was done."""
        self._write("info", message, fields)

    def warning(self, message: str, **fields: Any) -> None:
        """Say what a person should look at, though the work goes on."""
        self._write("warning", message, fields)

    def error(self, message: str, **fields: Any) -> None:
        """Say what ended the work."""
        self._write("error", message, fields)

    def progress(self, progress: Progress) -> None:
        """Say how far the work is: when the phase or the note changes, else at most every two seconds."""
        now, state = time.monotonic(), (progress.phase, progress.note)
        if state == self._state and now - self._said_at < PROGRESS_INTERVAL_SECONDS:
            return
        self._state, self._said_at = state, now
        self._write("info", "progress", {"progress": progress.to_mapping()})

    def report(self, report: Report) -> str:
        """Say the final report, as the last line; return it as the termination message's text."""
        text = self.masked(report.to_json())
        level = "info" if report.exit_code == 0 else "error"
        self._write(level, report.message or report.outcome, {"report": json.loads(text)})
        return text

    def masked(self, text: str) -> str:
        """Return the text without what must not be written."""
        for hidden in self._hidden:
            text = text.replace(hidden, MASK)
        return text

    def _write(self, level: str, message: str, fields: dict[str, Any]) -> None:
        moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = _mapped({"time": moment, "level": level, "message": message, **fields}, self.masked)
        # One write, so that a line is never torn by another process's.
        self._stream.write(json.dumps(line, default=str) + "\n")
        self._stream.flush()


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _mapped(field, change) for key, field in value.items()}
    if isinstance(value, list | tuple):
        return [_mapped(item, change) for item in value]
    return value
