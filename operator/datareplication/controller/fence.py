"""The fence between this process and the API: a write passes only while the lease is surely held.

It owns the question "may this be sent, and how long may it take?", asked right before a request is sent. It refuses to
know how the lease is won.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SHORTEST_WRITE_SECONDS = 0.1
"""What is left of a lease in the end is too short to wait for an answer."""


class ClosedError(Exception):
    """This write may not be sent, and was not."""


def boot_seconds() -> float:
    """Return seconds of a clock that nobody sets and that also counts while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Fence:
    """Lets writes through until a moment of its clock; closed at first."""

    def __init__(self, clock: Callable[[], float] = boot_seconds) -> None:
        self._clock = clock
        self._until = -math.inf
        self._under_way = 0
        self._unanswered_until = -math.inf

    def open_until(self, moment: float) -> None:
        """Let writes through until then; without end if it is infinite."""
        self._until = moment

    def close(self) -> None:
        """Let no further write through."""
        self._until = -math.inf

    def seconds_left(self) -> float:
        """Return how long a write may take from now; ClosedError when it may not be sent at all."""
        left = self._until - self._clock()
        if left < SHORTEST_WRITE_SECONDS:
            raise ClosedError("this process does not hold the lease")
        return left

    @property
    def is_settled(self) -> bool:
        """Whether no write of this process can still take effect."""
        return not self._under_way and self._clock() >= self._unanswered_until

    @contextmanager
    def write(self, seconds: float) -> Iterator[None]:
        """Hold a write that may take `seconds`; one that was sent and not answered may take effect until then."""
        ends_at = self._clock() + seconds
        is_settled = False
        self._under_way += 1
        try:
            yield
            is_settled = True
        except ClosedError:
            is_settled = True
            raise
        finally:
            self._under_way -= 1
            if not is_settled:
                self._unanswered_until = max(self._unanswered_until, ends_at)


def unfenced() -> Fence:
    """Return a fence that is always open: for the Lease itself, by which nothing is replicated."""
    fence = Fence()
    fence.open_until(math.inf)
    return fence
