"""How fast bytes move, and when the rest will have. Pure: the time comes in."""

from collections import deque

WINDOW_SECONDS = 30.0
STEP_SECONDS = 1.0


class Pace:
    """Remembers how much was done when, over the last half minute."""

    def __init__(self) -> None:
        self._marks: deque[tuple[float, int]] = deque()

    def mark(self, now: float, done: int) -> None:
        """Take in how many bytes are done. now: seconds of a steady clock."""
        if not self._marks or now - self._marks[-1][0] >= STEP_SECONDS:
            self._marks.append((now, done))
        while len(self._marks) > 1 and now - self._marks[1][0] >= WINDOW_SECONDS:
            self._marks.popleft()

    def bytes_per_second(self, now: float, done: int) -> int:
        """Return the rate over the window, 0 when it is too early to tell."""
        if not self._marks or now - self._marks[0][0] < STEP_SECONDS:
            return 0
        since, before = self._marks[0]
        return max(0, round((done - before) / (now - since)))

    def seconds_left(self, now: float, done: int, total: int) -> int | None:
        """Return how long the rest takes at this rate; None when it cannot be told."""
        rate = self.bytes_per_second(now, done)
        return round((total - done) / rate) if rate and total > done else None
