"""Delivers what waits in outboxes, beside the reconciles: each message is a task, so that none waits for another.

Reconciles hand over what waits and take back what became of it; only they write. So a sink never delays them, and a
killed process has lost nothing but the knowledge of a delivery, which is then repeated with the same id.
"""

import asyncio
import logging
import random
import traceback
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import Protocol

from datareplication.controller.fence import ClosedError, Fence
from datareplication.controller.metrics import Metrics
from datareplication.core import delivery
from datareplication.core.delivery import Answer
from datareplication.core.names import Key
from datareplication.core.notifying import Parcel, Results
from datareplication.core.outbox import Delivery

logger = logging.getLogger(__name__)

AT_ONCE = 4
"""Attempts to one sink at the same time: more would not help a slow one."""

FENCED_SECONDS = 1.0
"""How often a process that may not write looks whether it may again; it usually ends before."""

Which = tuple[str, str]
"""The id of a notice and the name of its sink."""


class Courier(Protocol):
    """Delivers what reconciles hand over."""

    def results(self, key: Key) -> Results:
        """Return what is known of a DataReplication's deliveries."""

    def hand_over(self, key: Key, parcels: Iterable[Parcel], outbox: Iterable[str]) -> None:
        """Deliver all that waits, and nothing else. outbox: ids of all notices in it, which results are kept of."""

    def forget(self, key: Key) -> None:
        """Deliver nothing more of a DataReplication that is gone."""


class Deliverer:
    """The courier of a process that leads. wake: called with a key when a reconcile has something to record."""

    def __init__(
        self,
        send: Callable[[Parcel], Awaitable[Answer]],
        wake: Callable[[Key], None],
        fence: Fence,
        metrics: Metrics,
        now: Callable[[], datetime],
    ) -> None:
        self._send = send
        self._wake = wake
        self._fence = fence
        self._metrics = metrics
        self._now = now
        self._tasks: dict[Key, dict[Which, asyncio.Task[None]]] = {}
        self._waiting: dict[tuple[Key, Which], datetime] = {}
        self._results: dict[Key, dict[Which, Delivery]] = {}
        self._lanes: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(AT_ONCE))

    def results(self, key: Key) -> Results:
        """Return what is known of a DataReplication's deliveries."""
        return self._results.get(key, {})

    def hand_over(self, key: Key, parcels: Iterable[Parcel], outbox: Iterable[str]) -> None:
        """Deliver all that waits, and nothing else.

        Results are kept as long as their notices are in the outbox: an outdated read may show one as waiting again.
        """
        wanted = {(parcel.notice.id, parcel.sink.name): parcel for parcel in parcels}
        known = set(outbox)
        results = {which: one for which, one in self.results(key).items() if which[0] in known}
        tasks = self._tasks.get(key, {})
        for which in tasks.keys() - wanted.keys():
            tasks.pop(which).cancel()
        for which, parcel in wanted.items():
            if which not in tasks and (which not in results or results[which].state == "Pending"):
                tasks[which] = asyncio.create_task(self._deliver(parcel, which), name=f"delivery to {which[1]}")
        if tasks or results:
            self._tasks[key], self._results[key] = tasks, results
        else:
            self._tasks.pop(key, None)
            self._results.pop(key, None)

    def forget(self, key: Key) -> None:
        """Deliver nothing more of a DataReplication that is gone."""
        self.hand_over(key, (), ())

    @property
    def oldest_seconds(self) -> Mapping[str, float]:
        """Return for each sink that something waits for since when its oldest message has waited."""
        oldest: dict[str, datetime] = {}
        for (_, (_, sink)), since in self._waiting.items():
            oldest[sink] = min(since, oldest.get(sink, since))
        return {sink: max(0.0, (self._now() - since).total_seconds()) for sink, since in oldest.items()}

    async def close(self) -> None:
        """End all deliveries; the next leader makes them again."""
        tasks = [task for of_key in self._tasks.values() for task in of_key.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()
        self._results.clear()

    async def _deliver(self, parcel: Parcel, which: Which) -> None:
        """Try until the delivery has ended."""
        key, failures = parcel.key, 0
        self._waiting[key, which] = parcel.notice.time
        try:
            while True:
                async with self._lanes[which[1]]:
                    answer = await self._attempt(parcel)
                found = delivery.after(answer, which[1], parcel.notice.time, self._now())
                self._tell(parcel, found)
                if found.state != "Pending":
                    return
                failures += 1
                await asyncio.sleep(delivery.delay_seconds(failures, answer, random.random()))  # noqa: S311 - jitter
        finally:
            self._waiting.pop((key, which), None)

    async def _attempt(self, parcel: Parcel) -> Answer:
        """Send once; as long as the lease is not held, nothing is sent."""
        while True:
            try:
                self._fence.seconds_left()
                return await self._send(parcel)
            except ClosedError:
                await asyncio.sleep(FENCED_SECONDS)
            except Exception as error:  # noqa: BLE001 - a defect with one message must not stop the others
                # Not the exception's text, which may have an address.
                frames = "".join(traceback.format_tb(error.__traceback__))
                logger.error("%s: unexpected %s\n%s", parcel.key, type(error).__name__, frames)  # noqa: TRY400
                return Answer(problem=f"the operator has a defect: {type(error).__name__}")

    def _tell(self, parcel: Parcel, found: Delivery) -> None:
        """Log what became of an attempt and let a reconcile record it, if that is new."""
        key, sink, event = parcel.key, parcel.sink.name, parcel.notice.event
        if found.state == "Pending":
            self._metrics.count_notification(sink, event, "Failed")
        results = self._results.setdefault(key, {})
        which = (parcel.notice.id, sink)
        if results.get(which) == found:
            return
        results[which] = found
        level = logging.INFO if found.state == "Delivered" else logging.WARNING
        about = " ".join(filter(None, (event, parcel.notice.run)))
        told = f": {found.message}" if found.message else ""
        logger.log(level, "notification of %s (%s) to sink %s: %s%s", key, about, sink, found.state, told)
        if found.state != "Pending":
            self._tasks.get(key, {}).pop(which, None)
        self._wake(key)
