"""The lists that all viewers of a process share: made only while somebody looks, and never often."""

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import datetime

from datareplication.controller.cluster import REPLICATION, RUN, Cluster, ClusterError
from datareplication.controller.ending import end
from datareplication.controller.queue import utc_now
from datareplication.core import health
from datareplication.core.board.gathering import Gathering, Room
from datareplication.core.board.pages import Outage, Seen
from datareplication.core.judgement.facts import Subject

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 5.0
"""Between two lists, at least."""

PAUSE_RATIO = 9
"""Times as long as a list took, at least: so the lists take a tenth of the time at most."""

OLD_SECONDS = 60.0
PATIENCE_SECONDS, LONG_PATIENCE_SECONDS = 1.0, 10.0
"""How long a viewer waits for the list that is being made, rather than see the last one; longer if that is old."""


class Look:
    """What was read last, by namespace; each namespace fails alone.

    cluster: a way to the API of its own. namespaces: those that are watched, empty for all of them.
    """

    def __init__(
        self,
        cluster: Cluster,
        namespaces: tuple[str, ...],
        now: Callable[[], datetime] = utc_now,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cluster = cluster
        self._namespaces = namespaces or ("",)
        self._now = now
        self._clock = clock
        self._subjects: dict[str, tuple[Subject, ...]] = {}
        self._read_at: dict[str, datetime] = {}
        self._seen = Seen()
        self._ended_at: float | None = None
        self._pause = 0.0
        self._looking: asyncio.Task[None] | None = None

    async def seen(self) -> Seen:
        """Return what is known: as new as it can be without a list for each viewer, and without a long wait."""
        since = float("inf") if self._ended_at is None else self._clock() - self._ended_at
        if self._looking is None or self._looking.done():
            if since < self._pause:
                return self._seen
            self._looking = asyncio.create_task(self._look(), name="board")
        patience = LONG_PATIENCE_SECONDS if since > OLD_SECONDS else PATIENCE_SECONDS
        await asyncio.wait({self._looking}, timeout=patience)
        return self._seen

    async def close(self) -> None:
        """End the list that is being made."""
        if self._looking is not None:
            await end(self._looking)

    async def _look(self) -> None:
        began, at = self._clock(), self._now()
        room = Room()
        faults = {namespace: await self._read(namespace, room, at) for namespace in self._namespaces}
        outages = [Outage(health.place(one), self._read_at.get(one), why) for one, why in faults.items() if why]
        subjects = tuple(one for namespace in self._namespaces for one in self._subjects.get(namespace, ()))
        read = [moment for namespace in self._namespaces if (moment := self._read_at.get(namespace))]
        self._seen = Seen(subjects, max(read, default=None), tuple(outages), room.left_out)
        self._ended_at = self._clock()
        self._pause = max(PAUSE_SECONDS, PAUSE_RATIO * (self._ended_at - began))

    async def _read(self, namespace: str, room: Room, at: datetime) -> str:
        """Read a namespace; if that fails, keep what was known and return why; otherwise nothing."""
        gathering = Gathering(room, self._subjects.get(namespace, ()))
        try:
            await self._cluster.list_all(REPLICATION, namespace, keep=gathering.keep_replication)
            await self._cluster.list_all(RUN, namespace, keep=gathering.keep_run)
        except ClusterError as error:
            # Not the message: the API server's words name the operator's account and the address.
            answer = f"HTTP status {error.status}" if error.status else "no answer"
            return "; ".join(filter(None, (answer, health.REMEDIES.get(error.status))))
        except Exception as error:
            logger.exception("the board could not read %s", health.place(namespace))
            return f"the operator has a defect: {type(error).__name__}"
        self._subjects[namespace], self._read_at[namespace] = gathering.subjects(), at
        return ""
