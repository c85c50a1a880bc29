"""What to reconcile next: a queue of keys without duplicates, timers for later, back-off for keys that fail.

The queue is fair: a key is in it at most once and is worked on by one worker at a time; a key that fails waits longer
each time and never blocks another. The queue does not know what a key is for.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime

from datareplication.core.names import Key

FIRST_BACKOFF_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 60.0


def utc_now() -> datetime:
    """Return the current time."""
    return datetime.now(UTC)


class WorkQueue:
    """Keys to work on. All methods are called in one event loop."""

    def __init__(self, now: Callable[[], datetime] = utc_now) -> None:
        self._now = now
        self._ready: deque[Key] = deque()
        self._dirty: dict[Key, float] = {}
        self._active: dict[Key, bool] = {}
        self._timers: dict[Key, tuple[datetime, asyncio.TimerHandle]] = {}
        self._timed: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._wakeup = asyncio.Event()
        self._is_closed = False
        self._progress_at = time.monotonic()

    def __len__(self) -> int:
        """Return how many keys wait to be worked on."""
        return len(self._dirty)

    def add(self, key: Key) -> None:
        """Ask for a key to be worked on; if a worker has the key now, it is worked on once more afterwards."""
        self._timed.discard(key)
        self._add(key)

    def _add(self, key: Key) -> None:
        if key not in self._dirty:
            self._dirty[key] = time.monotonic()
            if key not in self._active:
                self._ready.append(key)
                self._wakeup.set()

    def add_at(self, key: Key, when: datetime) -> None:
        """Ask for a key at a later time; only the earliest such request of a key is kept."""
        earlier = self._timers.get(key)
        if earlier is not None:
            if earlier[0] <= when:
                return
            earlier[1].cancel()
        delay = max(0.0, (when - self._now()).total_seconds())
        handle = asyncio.get_running_loop().call_later(delay, self._fire, key)
        self._timers[key] = (when, handle)

    def add_due(self) -> None:
        """Ask for the keys that are due by the clock: timers count seconds, and the clock may have been set."""
        for key, (when, timer) in list(self._timers.items()):
            if when <= self._now():
                timer.cancel()
                self._fire(key)

    async def get(self) -> Key | None:
        """Return the next key, which must be given back by `done` or `failed`; None when the queue is closed."""
        while not self._ready and not self._is_closed:
            self._wakeup.clear()
            await self._wakeup.wait()
        if self._is_closed:
            return None
        key = self._ready.popleft()
        del self._dirty[key]
        self._active[key] = key in self._timed
        self._timed.discard(key)
        return key

    def is_timed(self, key: Key) -> bool:
        """Whether a key was given out only because its time had come."""
        return self._active.get(key, False)

    def close(self) -> None:
        """Give out no further key, and stop all timers."""
        self._is_closed = True
        for _, timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._wakeup.set()

    @property
    def oldest_seconds(self) -> float:
        """Return how long the key that comes next has waited; 0 when no key waits."""
        return time.monotonic() - self._dirty[self._ready[0]] if self._ready else 0.0

    @property
    def idle_seconds(self) -> float:
        """Return how long ago a key was last given back."""
        return time.monotonic() - self._progress_at

    def done(self, key: Key) -> None:
        """Give a key back after success."""
        self._failures.pop(key, None)
        self._release(key)

    def failed(self, key: Key) -> float:
        """Give a key back after a failure; it is retried after the returned delay in seconds."""
        count = self._failures.get(key, 0)
        self._failures[key] = count + 1
        longest = min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2.0 ** min(count, 10))
        delay = longest * random.uniform(0.5, 1.0)  # noqa: S311 - jitter: keys that failed together are retried apart
        self._release(key)
        asyncio.get_running_loop().call_later(delay, self.add, key)
        return delay

    def forget(self, key: Key) -> None:
        """Drop the timer and the failures of a key whose object is gone."""
        self._failures.pop(key, None)
        if timer := self._timers.pop(key, None):
            timer[1].cancel()

    def _fire(self, key: Key) -> None:
        self._timers.pop(key, None)
        if key not in self._dirty:
            self._timed.add(key)
        self._add(key)

    def _release(self, key: Key) -> None:
        self._progress_at = time.monotonic()
        self._active.pop(key, None)
        if key in self._dirty:
            self._ready.append(key)
            self._wakeup.set()
