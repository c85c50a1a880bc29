"""How fast bytes are copied, and how long the rest will take. Pure: the time is an argument."""

from collections import deque

WINDOW_SECONDS = 30.0
STEP_SECONDS = 1.0


class Pace:
    """Remembers how many bytes were done at which time, over the last half minute."""

    def __init__(self) -> None:
        self._marks: deque[tuple[float, int]] = deque()

    def mark(self, now: float, done: int) -> None:
        """Record how many bytes are done. now: seconds of a monotonic clock."""
        if not self._marks or now - self._marks[-1][0] >= STEP_SECONDS:
            self._marks.append((now, done))
        while len(self._marks) > 1 and now - self._marks[1][0] >= WINDOW_SECONDS:
            self._marks.popleft()

    def bytes_per_second(self, now: float, done: int) -> int:
        """Return the rate over the window; 0 while it is too early to tell."""
        if not self._marks or now - self._marks[0][0] < STEP_SECONDS:
            return 0
        since, before = self._marks[0]
        return max(0, round((done - before) / (now - since)))

    def seconds_left(self, now: float, done: int, total: int) -> int | None:
        """Return how long the rest takes at this rate; None if that is unknown."""
        rate = self.bytes_per_second(now, done)
        return round((total - done) / rate) if rate and total > done else None
