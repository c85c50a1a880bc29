"""Lines of JSON on standard output: what a program does, its progress, its final report.

It owns the form of a line, how often progress is said, and what is masked. It refuses to write a credential: what it is
told to hide is masked in every free text, though nothing is meant to put it there. Saying something never fails and
never waits for long: the work matters more than its log.
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
"""Progress lines are for the last line of a pod's log, read every 10 s; a phase's change is always said."""

MASK = "********"
SHORTEST_HIDDEN = 4
"""Shorter strings turn up by chance; masking them would only make the log unreadable."""


class Log:
    """Writes the lines. `hidden` are strings that must never be written.

    They are masked in what may hold anything: messages, notes and a line's further fields. A line's time and level, a
    phase, an outcome, a reason, a path as it was given and all numbers are words of ours, of the caller's or counts; a
    password `Succeeded` or `2000` masked there would break what reads them, and tells nothing where it stands.
    """

    def __init__(self, hidden: Sequence[str] = (), stream: Sink | None = None) -> None:
        # A password in a Python error's text is written as repr() does it. The longest goes first: else the rest of one
        # that begins with another would stay.
        forms = {form for text in hidden if len(text) >= SHORTEST_HIDDEN for form in (text, repr(text)[1:-1])}
        self._hidden = sorted(forms, key=len, reverse=True)
        self._stream = stream or standard.output()
        self._state = ("", "")
        self._said_at = 0.0

    def info(self, message: str, **fields: Any) -> None:
        """Say what was done."""
        self._write("info", message, self._masked_in(fields))

    def warning(self, message: str, **fields: Any) -> None:
        """Say what a person should look at, though the work goes on."""
        self._write("warning", message, self._masked_in(fields))

    def error(self, message: str, **fields: Any) -> None:
        """Say what ended the work."""
        self._write("error", message, self._masked_in(fields))

    def progress(self, progress: Progress) -> None:
        """Say how far the work is: when the phase or the note changes, else at most every two seconds."""
        now, state = time.monotonic(), (progress.phase, progress.note)
        if state == self._state and now - self._said_at < PROGRESS_INTERVAL_SECONDS:
            return
        self._state, self._said_at = state, now
        said = replace(progress, note=self.masked(progress.note))
        self._write("info", "progress", {"progress": said.to_mapping()})

    def report(self, report: Report) -> str:
        """Say the final report, as the last line; return it as the termination message's text."""
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
        """Return the text without what must not be written."""
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
        # A reader that has gone, a full disk, an output that was closed or never there: the work goes on.
        with contextlib.suppress(OSError, ValueError):
            # One write, so that a line is never torn by another process's.
            if self._stream is not None:
                self._stream.write(json.dumps(line) + "\n")


def _encodable(text: str) -> str:
    """Return the text with halves of characters (bytes of a file's name that are no UTF-8) as they can be written."""
    return text.encode(errors="backslashreplace").decode()
