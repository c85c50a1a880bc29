"""The operator's process: kopf's watches, the workers and the resync. If one of them dies, the process ends.

It owns start and end. An operator that is alive but blind is worse than one that is restarted.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import kopf

from datareplication.controller import handlers, settings, watching
from datareplication.controller.cluster import REPLICATION, RUN, Cluster, ClusterError, ConflictError, connect
from datareplication.controller.queue import Key, WorkQueue, utc_now
from datareplication.controller.reconcile import Reconciler
from datareplication.controller.settings import Settings
from datareplication.errors import UsageError

logger = logging.getLogger(__name__)

FIRST_RESYNC_SECONDS = 2.0

STALE_RESYNCS = 5
"""How many resyncs may be missed before the probe fails: the API may be away, but not for ever."""


class Controller:
    """The workers and the resync around one queue."""

    def __init__(self, cluster: Cluster, chosen: Settings, now: Callable[[], datetime] = utc_now) -> None:
        self.queue = WorkQueue(now)
        self._cluster = cluster
        self._settings = chosen
        self._now = now
        self._reconciler = Reconciler(cluster, chosen.image, chosen.instance, now)
        self.last_resync: datetime = now()

    async def first_resync(self) -> None:
        """Wait until the API serves our kinds: kopf, without scanning, looks for them only once, when it starts."""
        while True:
            try:
                await self.resync()
            except ClusterError as error:
                logger.warning("waiting for the API and our CustomResourceDefinitions: %s", error.message)
                await asyncio.sleep(FIRST_RESYNC_SECONDS)
            else:
                return

    async def run(self) -> None:
        """Work for ever; ends only by an exception that nobody expected."""
        workers = [self._work() for _ in range(self._settings.workers)]
        await asyncio.gather(self._resync_for_ever(), *workers)

    @property
    def is_healthy(self) -> bool:
        """Whether the resync has been through lately."""
        limit = timedelta(seconds=STALE_RESYNCS * self._settings.resync_seconds)
        return self._now() - self.last_resync < limit

    async def resync(self) -> None:
        """Queue every DataReplication, and every run whose DataReplication does not exist."""
        for namespace in self._settings.namespaces or ("",):
            for item in await self._cluster.list_all(REPLICATION, namespace):
                self.queue.add(Key(item["metadata"]["namespace"], item["metadata"]["name"]))
            for item in await self._cluster.list_all(RUN, namespace):
                name = (item.get("spec") or {}).get("replicationName")
                if name and not (item.get("status") or {}).get("completionTime"):
                    self.queue.add(Key(item["metadata"]["namespace"], name))
        self.last_resync = self._now()

    async def work_once(self) -> None:
        """Reconcile the next key."""
        key = await self.queue.get()
        try:
            outcome = await self._reconciler.reconcile(key)
        except ConflictError as error:
            delay = self.queue.failed(key)
            logger.debug("%s has changed meanwhile, again in %.1f s: %s", key, delay, error.message)
        except ClusterError as error:
            delay = self.queue.failed(key)
            logger.warning("%s: %s; again in %.1f s", key, error.message, delay)
        except Exception:
            delay = self.queue.failed(key)
            logger.exception("%s: unexpected; again in %.1f s", key, delay)
        else:
            self.queue.done(key)
            if outcome.is_gone:
                self.queue.forget(key)
            elif outcome.requeue_at is not None:
                self.queue.add_at(key, outcome.requeue_at)

    async def _work(self) -> None:
        while True:
            await self.work_once()

    async def _resync_for_ever(self) -> None:
        while True:
            try:
                await self.resync()
            except ClusterError as error:
                logger.warning("resync failed, again in 5 s: %s", error.message)
                await asyncio.sleep(min(5.0, self._settings.resync_seconds))
            else:
                await asyncio.sleep(self._settings.resync_seconds)


async def operate(chosen: Settings) -> None:
    """Run until SIGTERM or until a part of it dies; then raise."""
    cluster = await connect()
    controller = Controller(cluster, chosen)
    registry = kopf.OperatorRegistry()
    handlers.register(registry, controller.queue)

    @kopf.on.probe(id="resync", registry=registry)
    async def resync_age(**_: object) -> str:
        if not controller.is_healthy:
            raise RuntimeError("no resync lately")
        return controller.last_resync.astimezone(UTC).isoformat()

    await controller.first_resync()
    work = asyncio.create_task(controller.run(), name="workers")
    watch = asyncio.create_task(
        watching.watch(registry, chosen.instance, chosen.namespaces, f"http://0.0.0.0:{chosen.liveness_port}/healthz"),
        name="watches",
    )
    try:
        done, _ = await asyncio.wait({work, watch}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        work.cancel()
        watch.cancel()
        await asyncio.gather(work, watch, return_exceptions=True)
        await cluster.close()


def main() -> int:
    """Start the operator; 64 when its settings are wrong."""
    try:
        chosen = settings.read(os.environ)
    except UsageError as error:
        sys.stderr.write(f"{error.message}\n")
        return error.exit_code
    logging.basicConfig(level=chosen.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for noisy in ("kopf", "aiohttp.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    asyncio.run(operate(chosen))
    return 0


if __name__ == "__main__":
    sys.exit(main())
