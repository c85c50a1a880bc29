"""The work of a process that leads: workers and the resync around one queue. If one of them dies, the process ends."""

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import datetime

from datareplication.controller.cluster import (
    REPLICATION,
    RUN,
    Cluster,
    ClusterError,
    ConflictError,
    UnavailableError,
)
from datareplication.controller.delivering import Deliverer
from datareplication.controller.fence import Fence, unfenced
from datareplication.controller.metrics import Metrics
from datareplication.controller.options import Options
from datareplication.controller.queue import WorkQueue, utc_now
from datareplication.controller.reconcile import Reconciler
from datareplication.controller.sending import Sender
from datareplication.core import health, outcome
from datareplication.core.names import Key
from datareplication.core.outcome import Outcome

logger = logging.getLogger(__name__)

FIRST_RESYNC_SECONDS = 2.0


class Controller:
    """The workers and the resync around one queue, for as long as this process leads."""

    def __init__(
        self,
        cluster: Cluster,
        options: Options,
        metrics: Metrics,
        now: Callable[[], datetime] = utc_now,
        fence: Fence | None = None,
    ) -> None:
        self.queue = WorkQueue(now)
        self.has_looked = False
        self._metrics = metrics
        self._metrics.watch(self.queue)
        self._cluster = cluster
        self._options = options
        self._now = now
        self._sender = Sender(options.sinks_folder)
        self._deliverer = Deliverer(self._sender.send, self.queue.add, fence or unfenced(), metrics, now)
        self._metrics.watch_notifications(lambda: self._deliverer.oldest_seconds)
        self._reconciler = Reconciler(cluster, options, metrics, now, self._deliverer)
        self._resynced_at = time.monotonic()
        self._left: dict[Key, Outcome] = {}
        self._unseen: dict[str, str] = {}
        self._refused: set[str] = set()

    async def first_resync(self) -> None:
        """Wait until a resync succeeds: without scanning, kopf looks for our kinds only once, when it starts."""
        while True:
            try:
                await self.resync()
            except ClusterError:
                await asyncio.sleep(FIRST_RESYNC_SECONDS)
            else:
                return

    async def run(self) -> None:
        """Work until the queue is closed; only an unexpected exception is raised."""
        resync = asyncio.create_task(self._resync_for_ever(), name="resync")
        workers = asyncio.create_task(self._work(), name="workers")
        try:
            await asyncio.wait({resync, workers}, return_when=asyncio.FIRST_COMPLETED)
            if resync.done():
                resync.result()
            await workers
        finally:
            resync.cancel()
            workers.cancel()
            await asyncio.gather(resync, workers, return_exceptions=True)
            await self._deliverer.close()
            await self._sender.close()

    @property
    def resync_seconds(self) -> float:
        """Return how long ago the last resync was; before the first one, how long ago the work began."""
        return time.monotonic() - self._resynced_at

    async def resync(self) -> None:
        """Queue every key that has changed since the last look, has an unfinished run, or is due by now.

        No event may have come of an unfinished run's Job or claim, or of a deletion. Each namespace is looked at by
        itself; ClusterError when none of them can be looked at.
        """
        namespaces = self._options.namespaces or ("",)
        faults = [fault for namespace in namespaces if (fault := await self._look_at(namespace)) is not None]
        self.queue.add_due()
        unanswered = sum(isinstance(fault, UnavailableError) for fault in faults)
        if health.is_resynced(len(namespaces), len(faults) - unanswered, unanswered):
            self._resynced_at = time.monotonic()
        if len(faults) == len(namespaces):
            raise faults[0]
        self._metrics.resynced.set_to_current_time()
        self.has_looked = True

    async def _look_at(self, namespace: str) -> ClusterError | None:
        """Queue what there is to do in a namespace (empty: in all of them); return why it cannot be looked at."""
        try:
            runs = await self._cluster.list_all(RUN, namespace, keep=outcome.kept)
            replications = await self._cluster.list_all(REPLICATION, namespace, keep=outcome.kept)
        except ClusterError as error:
            self._lose(namespace, error)
            return error
        self._find(namespace)
        for key in outcome.to_look_at(self._left, namespace, replications, runs):
            self.queue.add(key)
        return None

    def _lose(self, namespace: str, error: ClusterError) -> None:
        """Log, once, that a namespace cannot be looked at; if the API refuses it, leave alone what is in it."""
        told = health.unseen(namespace, error.status, error.message)
        if self._unseen.get(namespace) != told:
            logger.warning(told)
        self._unseen[namespace] = told
        self._metrics.show_namespace(namespace, is_watched=False)
        if not isinstance(error, UnavailableError):
            self._refused.add(namespace)
            for key in [key for key in self._left if namespace in ("", key.namespace)]:
                self._forget(key)

    def _find(self, namespace: str) -> None:
        if self._unseen.pop(namespace, None):
            logger.info("%s is looked at again", health.place(namespace))
        self._refused.discard(namespace)
        self._metrics.show_namespace(namespace, is_watched=True)

    def _forget(self, key: Key) -> None:
        """Forget a key: it is gone, or may not be looked at."""
        self._left.pop(key, None)
        self.queue.forget(key)
        self._reconciler.forget(key)

    async def work_once(self) -> bool:
        """Reconcile the next key; False when the queue is closed."""
        key = await self.queue.get()
        if key is None:
            return False
        began = time.monotonic()
        result = "error"
        try:
            left = await self._reconciler.reconcile(key, is_from_rest=self._is_from_rest(key))
        except ConflictError as error:
            result = "conflict"
            delay = self.queue.failed(key)
            logger.debug("%s has changed meanwhile, again in %.1f s: %s", key, delay, error.message)
        except ClusterError as error:
            result = "api_error"
            if key.namespace in self._refused:
                self.queue.done(key)
                self._forget(key)  # the resync asks for it when the namespace can be looked at again
            else:
                delay = self.queue.failed(key)
                logger.warning("%s: %s; again in %.1f s", key, error.message, delay)
        except Exception:
            delay = self.queue.failed(key)
            logger.exception("%s: unexpected; again in %.1f s", key, delay)
        else:
            result = "success"
            self.queue.done(key)
            self._left[key] = left
            if left.is_gone:
                self._forget(key)
            elif left.requeue_at is not None:
                self.queue.add_at(key, left.requeue_at)
        finally:
            self._metrics.count_reconcile(result, time.monotonic() - began)
        return True

    def _is_from_rest(self, key: Key) -> bool:
        """Whether a key rested until its slot, which is due now, and no event came meanwhile."""
        return self.queue.is_timed(key) and outcome.is_slot_of_rest(self._left.get(key), self._now())

    async def _work(self) -> None:
        async def worker() -> None:
            while await self.work_once():
                pass

        await asyncio.gather(*(worker() for _ in range(self._options.workers)))

    async def _resync_for_ever(self) -> None:
        while True:
            try:
                await self.resync()
            except ClusterError:
                await asyncio.sleep(min(5.0, self._options.resync_seconds))
            else:
                await asyncio.sleep(self._options.resync_seconds)
