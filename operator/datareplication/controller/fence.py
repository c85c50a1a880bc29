"""The fence between this process and the API: a write passes only while the lease is surely held.

Right before a request is sent, the fence says whether it may be sent and how long it may take. It does not know how the
lease is won.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SHORTEST_WRITE_SECONDS = 0.1
"""If less than this is left of a lease, there is no time to wait for an answer."""


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
        """Let writes through until that moment, which may be infinite."""
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
        """Track a write that may take `seconds`: without an answer, it may take effect until they are over."""
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
    """Return a fence that is always open, for the Lease itself: writing the Lease replicates nothing."""
    fence = Fence()
    fence.open_until(math.inf)
    return fence
