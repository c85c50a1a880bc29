"""Lines of JSON on standard output: what a program does, its progress, its final report.

It decides the form of a line, how often progress is written, and what is masked. Hidden strings (credentials) are
masked in every free text, although no code is meant to put them there. Logging never fails and never waits for long:
the work matters more than its log.
"""

import contextlib
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from datareplication.core.report import Progress, Report
from datareplication.jobs.frame import standard
from datareplication.jobs.frame.standard import Sink

PROGRESS_INTERVAL_SECONDS = 2.0
"""Progress lines are for readers of a log's last line, which look every 10 s. A change of phase is always written."""

MASK = "********"
SHORTEST_HIDDEN = 4
"""Shorter strings occur by chance; masking them would only make the log unreadable."""


class Log:
    """Writes the lines. `hidden` are strings that must never be written.

    They are masked in free text: messages, notes and a line's further fields. They are not masked in a line's time and
    level, a phase, an outcome, a reason, a given path, or numbers: these are our own words, the caller's, or counts. If
    a password is `Succeeded` or `2000`, masking it there would break readers, and not masking it reveals nothing.
    """

    def __init__(self, hidden: Sequence[str] = (), stream: Sink | None = None) -> None:
        # In the text of a Python error a password may be written as repr() writes it. The longest is masked first:
        # otherwise, if one hidden string begins with another, the rest of the longer one would stay.
        forms = {form for text in hidden if len(text) >= SHORTEST_HIDDEN for form in (text, repr(text)[1:-1])}
        self._hidden = sorted(forms, key=len, reverse=True)
        self._stream = stream or standard.output()
        self._state = ("", "")
        self._said_at = 0.0

    def info(self, message: str, **fields: Any) -> None:
        """Log what was done."""
        self._write("info", message, self._masked_in(fields))

    def warning(self, message: str, **fields: Any) -> None:
        """Log what a person should look at, although the work goes on."""
        self._write("warning", message, self._masked_in(fields))

    def error(self, message: str, **fields: Any) -> None:
        """Log what ended the work."""
        self._write("error", message, self._masked_in(fields))

    def progress(self, progress: Progress) -> None:
        """Log how far the work is: at once if the phase or the note has changed, else at most every two seconds."""
        now, state = time.monotonic(), (progress.phase, progress.note)
        if state == self._state and now - self._said_at < PROGRESS_INTERVAL_SECONDS:
            return
        self._state, self._said_at = state, now
        said = replace(progress, note=self.masked(progress.note))
        self._write("info", "progress", {"progress": said.to_mapping()})

    def report(self, report: Report) -> str:
        """Write the final report as the last line; return it as the text of the termination message."""
        said = replace(
            report,
            message=self.masked(report.message),
            not_carried=tuple(self.masked(text) for text in report.not_carried),
            snapshot=_encodable(report.snapshot),
        )
        text = said.to_json()
        level = "info" if report.exit_code == 0 else "error"
        self._write(level, said.message or said.outcome, {"report": json.loads(text)})
        return text

    def masked(self, text: str) -> str:
        """Return the text with hidden strings masked."""
        for hidden in self._hidden:
            text = text.replace(hidden, MASK)
        return _encodable(text)

    def _masked_in(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._masked_in(field) for key, field in value.items()}
        if isinstance(value, list | tuple):
            return [self._masked_in(item) for item in value]
        return value if value is None or isinstance(value, bool | int | float) else self.masked(str(value))

    def _write(self, level: str, message: str, fields: dict[str, Any]) -> None:
        moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"time": moment, "level": level, "message": self.masked(message), **fields}
        # If the reader has gone, the disk is full, or the output is closed or missing, the work goes on.
        with contextlib.suppress(OSError, ValueError):
            # One write, so that no line of another process gets into the middle.
            if self._stream is not None:
                self._stream.write(json.dumps(line) + "\n")


def _encodable(text: str) -> str:
    """Return the text with lone surrogates (from bytes in a file's name that are not UTF-8) written as escapes."""
    return text.encode(errors="backslashreplace").decode()
