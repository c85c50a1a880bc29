"""How far a program is: adds up what its workers report, and writes progress lines."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Literal

from datareplication.core.phases import Activity
from datareplication.core.reasons import Reason
from datareplication.core.report import Progress
from datareplication.jobs.frame.log import Log
from datareplication.jobs.model.pace import Pace

COPYING: Activity = "Data"
"""The phase in which bytes are copied; in other phases a time left would be a guess."""


class Tally:
    """Counts tables, rows and bytes. A table, identified by its oid, is done when its last part is done."""

    def __init__(self, log: Log, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._clock = clock
        self._pace = Pace()
        self._progress = Progress("Connecting")
        self._left: Counter[int] = Counter()
        self._lock = threading.Lock()
        log.progress(self._progress)

    def expect(self, tables: int, parts: Iterable[int], rows: int, size: int = 0) -> None:
        """Set the totals: tables, the oid of each part's table, rows, bytes of CSV (0 when unknown)."""
        self._left = Counter(parts)
        # Tables without a part are empty, and so already done.
        done = tables - len(self._left)
        self._progress = replace(
            self._progress, tables_done=done, tables_total=tables, rows_total=rows, bytes_total=size
        )

    def phase(self, name: Activity) -> None:
        """Go on to another phase."""
        self._say(phase=name)

    def moved(self, size: int) -> None:
        """Count bytes of CSV; 0 only writes a progress line."""
        self._say(bytes_done=self._progress.bytes_done + size)

    def done(self, oid: int, rows: int) -> None:
        """Count a finished part."""
        self._left[oid] -= 1
        tables = self._progress.tables_done + (self._left[oid] == 0)
        self._say(tables_done=tables, rows_done=self._progress.rows_done + rows)

    def note(self, reason: Reason | Literal[""], text: str) -> None:
        """Report what the work waits for, or who waits for it; empty when that is over. For any thread."""
        self._say(note_reason=reason, note=text)

    def _say(self, **changes: int | str) -> None:
        with self._lock:
            self._progress = self._paced(replace(self._progress, **changes))  # type: ignore[arg-type]
            self._log.progress(self._progress)

    def _paced(self, progress: Progress) -> Progress:
        if progress.phase != COPYING:
            return replace(progress, bytes_per_second=0, seconds_left=None)
        now, done = self._clock(), progress.bytes_done
        self._pace.mark(now, done)
        rate, left = self._pace.bytes_per_second(now, done), self._pace.seconds_left(now, done, progress.bytes_total)
        return replace(progress, bytes_per_second=rate, seconds_left=left)
