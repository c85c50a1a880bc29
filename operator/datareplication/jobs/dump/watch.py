"""Watches what a dump does to production while it runs: by a session and a thread of its own.

It decides when the dump must end for the sake of others, and what is reported about locks. If watching fails, the dump
goes on.
"""

import contextlib
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Literal, Self

from datareplication.core import words
from datareplication.errors import ReplicationError, TransientError
from datareplication.jobs.frame.program import Frame
from datareplication.jobs.frame.tally import Tally
from datareplication.jobs.model.connections import Connection
from datareplication.jobs.model.settings import Care
from datareplication.jobs.postgres import blocking
from datareplication.jobs.postgres.blocking import Backend, Wait
from datareplication.jobs.postgres.connection import Session

INTERVAL_SECONDS = 2.0
AFTER_FAILURE_SECONDS = 30.0
"""If the source refuses the watcher's session, the watcher must not ask again every two seconds."""

END_SECONDS = 10.0
"""How long to wait for the thread's end: it finishes at most one look."""

NAMES_IN_A_NOTE = 3

Reason = Literal["", "WaitsForLock", "BlocksOthers"]


def note(waits: Sequence[Wait]) -> tuple[Reason, str]:
    """Return (reason, text) for these waits; both are empty if there are none. Pure."""
    blocked = {wait.waiter: wait for wait in reversed(waits) if not wait.is_ours}
    asked = {wait.blocker: wait for wait in reversed(waits) if wait.is_ours}
    texts = [_blocks(wait) for wait in _longest(blocked)] + [_waits(wait) for wait in _longest(asked)]
    reason: Reason = "BlocksOthers" if blocked else "WaitsForLock" if asked else ""
    more = len(texts) - NAMES_IN_A_NOTE
    return reason, "; ".join([*texts[:NAMES_IN_A_NOTE], *([f"and {more} more"] if more > 0 else [])])


def why_give_way(waits: Sequence[Wait], patience_seconds: float) -> TransientError | None:
    """Return the error to end with if somebody has waited for the dump for longer than that, else None. Pure."""
    tired = {wait.waiter: wait for wait in waits if not wait.is_ours and wait.seconds > patience_seconds}
    if not tired:
        return None
    names = ", ".join(f"{one.waiter}, which wants {one.mode} on {one.object}" for one in tired.values())
    text = f"gave way after {words.duration(patience_seconds)} (dump.blockingPatienceSeconds) to {names}"
    return TransientError(text, reason="GaveWay")


def why_too_old(age_seconds: float, limit_seconds: float) -> TransientError | None:
    """Return the error to end with if the snapshot has been held for too long, else None. Pure."""
    if age_seconds < limit_seconds:
        return None
    held = words.duration(limit_seconds)
    text = f"the dump's snapshot has held VACUUM back on the source for {held}; raise dump.workers"
    remedy = "or dump.maxSnapshotAgeSeconds (--max-snapshot-age-seconds), or dump from a standby"
    return TransientError(f"{text} {remedy}", reason="SnapshotTooOld")


class Watch:
    """Watches while it is entered; ends the work by `frame.stop`, and reports what it sees by `tally` and the log."""

    def __init__(self, care: Care, source: Connection, application: str, frame: Frame, tally: Tally) -> None:
        self._care = care
        self._source = source
        self._application = application
        self._frame = frame
        self._tally = tally
        self._session: Session | None = None
        self._taken_at: float | None = None
        self._failed_at: float | None = None
        self._said = ""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def __enter__(self) -> Self:
        """Start watching."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop watching."""
        self._over.set()
        self._thread.join(END_SECONDS)

    def snapshot_taken(self) -> None:
        """Count the snapshot's age from now on."""
        self._taken_at = time.monotonic()

    def _run(self) -> None:
        while not self._over.wait(INTERVAL_SECONDS):
            self._end_if(self._too_old())
            self._end_if(self._look())
        self._close()

    def _end_if(self, why: TransientError | None) -> None:
        if why is not None and not self._over.is_set():
            self._frame.stop.request(why)
            self._over.set()

    def _too_old(self) -> TransientError | None:
        age = 0.0 if self._taken_at is None else time.monotonic() - self._taken_at
        return why_too_old(age, self._care.max_snapshot_age_seconds)

    def _look(self) -> TransientError | None:
        """Report who waits; return why the dump must end. The first failure to look is a warning."""
        if self._failed_at is not None and time.monotonic() - self._failed_at < AFTER_FAILURE_SECONDS:
            return None
        try:
            if self._session is None:
                self._session = blocking.opened(self._source, self._application)
            waits = blocking.waits(self._session)
        except ReplicationError as error:
            self._fail(error.message)
            return None
        self._failed_at = None
        self._say(*note(waits))
        return why_give_way(waits, self._care.blocking_patience_seconds)

    def _fail(self, message: str) -> None:
        if not self._over.is_set() and self._failed_at is None:
            self._frame.log.warning("cannot see who waits for the dump's locks; the dump goes on", error=message)
        self._failed_at = time.monotonic()
        self._close()
        self._say("", "")

    def _say(self, reason: Reason, text: str) -> None:
        if text != self._said:
            if text:
                self._frame.log.warning("production and the dump wait for each other's locks", reason=reason, note=text)
            else:
                self._frame.log.info("nobody waits for a lock any more")
            self._said = text
            self._tally.note(reason, text)

    def _close(self) -> None:
        if self._session is not None:
            with contextlib.suppress(Exception):
                self._session.close()
            self._session = None


def _longest(waits: dict[Backend, Wait]) -> list[Wait]:
    return sorted(waits.values(), key=lambda wait: -wait.seconds)


def _blocks(wait: Wait) -> str:
    since = f" since {wait.since}" if wait.since else ""
    return f"blocks {wait.waiter}, which waits for {wait.mode} on {wait.object}{since}"


def _waits(wait: Wait) -> str:
    return f"waits for {wait.mode} on {wait.object} behind {wait.blocker}"
