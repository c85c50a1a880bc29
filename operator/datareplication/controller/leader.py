"""Takes, renews and gives back the lease by the rules of `core/lease.py`, and so opens and closes the fence.

This module has the loops and their requests. `main.py` decides what follows from holding the lease.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

from datareplication.controller.cluster import LEASE, Cluster, ClusterError, ConflictError, UnavailableError
from datareplication.controller.fence import Fence, boot_seconds
from datareplication.core import lease
from datareplication.core.lease import Election

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Elector:
    """One process in the election for one Lease.

    cluster: an unfenced way to the API. fence: opened while it leads. address: the Lease's namespace and name.
    """

    def __init__(
        self,
        cluster: Cluster,
        fence: Fence,
        address: tuple[str, str],
        election: Election,
        clock: Callable[[], float] = boot_seconds,
    ) -> None:
        self._cluster = cluster
        self._fence = fence
        self._namespace, self._name = address
        self._clock = clock
        self._election = election
        self._told = ""
        self.turned_at = self.read_at = clock()

    async def acquire(self) -> None:
        """Wait until this process holds the lease."""
        while True:
            try:
                await self._read()
                free_in = self._election.free_in(self._clock())
                if free_in <= 0:
                    await self._take()
                    logger.info("%s leads: it holds the lease %s/%s", *self._words())
                    return
                self._tell(f"waits for the lease of {self._election.holder or 'nobody (there was no Lease)'}")
            except ConflictError:
                free_in = 0.0  # somebody else was faster, or has changed the Lease
            except ClusterError as error:
                free_in = self._election.timing.poll_seconds
                self._tell(f"cannot have the lease: {error.message}")
            await asyncio.sleep(min(max(free_in, 0.05), self._election.timing.poll_seconds))

    async def keep(self) -> None:
        """Renew the lease until it is lost; the fence closes by itself in time."""
        timing = self._election.timing
        pause = timing.renew_seconds
        while True:
            await asyncio.sleep(max(0.0, min(pause, self._seconds_left())))
            if self._seconds_left() <= 0:
                logger.warning("%s leads no longer: it could not renew the lease %s/%s in time", *self._words())
                return self._lose()
            pause = timing.renew_seconds
            try:
                await self._take()
            except ConflictError:
                if not await self._is_still_ours():
                    logger.warning("%s leads no longer: the lease %s/%s is somebody else's", *self._words())
                    return self._lose()
                pause = 0.0
            except ClusterError as error:
                pause = timing.poll_seconds
                logger.warning("the lease was not renewed, %.1f s are left: %s", self._seconds_left(), error.message)

    async def release(self) -> None:
        """Give the lease back, so that the next leader need not wait; only if no write can still take effect."""
        self._fence.close()
        if not self._election.is_own:
            return
        self._lose()
        if not self._fence.is_settled:
            logger.warning("the lease is not given back but runs out: a write was not answered")
            return
        try:
            await self._give_back()
            logger.info("%s has given back the lease %s/%s", *self._words())
        except ClusterError as error:
            logger.warning("the lease could not be given back and runs out: %s", error.message)

    async def _give_back(self) -> None:
        try:
            await self._patch_free()
        except ConflictError:
            # Somebody has changed the Lease, or a renewal was cut off before its answer came.
            await self._read()
            if self._election.is_own:
                await self._patch_free()

    async def _patch_free(self) -> None:
        patch = self._election.release(_wall_time())
        raw = await self._asked(self._cluster.patch(LEASE, self._namespace, self._name, patch))
        self._election = self._election.after_reading(lease.read(raw), self._clock())

    def _lose(self) -> None:
        self._fence.close()
        self._election = self._election.after_losing()

    async def _read(self) -> None:
        raw = await self._asked(self._cluster.get(LEASE, self._namespace, self._name))
        self.read_at = self._clock()
        self._election = self._election.after_reading(lease.read(raw) if raw else None, self.read_at)

    async def _is_still_ours(self) -> bool:
        """Whether the Lease still names this process; True if it cannot be read, so that the caller tries again."""
        try:
            await self._read()
        except ClusterError:
            return True
        return self._election.is_own

    async def _take(self) -> None:
        """Take or renew the lease; ConflictError when it has changed since it was read."""
        sent_at = self._clock()
        if self._election.lease is None:
            new = lease.manifest(self._namespace, self._name, self._election.spec(_wall_time()))
            raw = await self._asked(self._cluster.create(LEASE, new))
        else:
            patch = self._election.claim(_wall_time())
            raw = await self._asked(self._cluster.patch(LEASE, self._namespace, self._name, patch))
        self.read_at = self._clock()
        self._election = self._election.after_writing(lease.read(raw), sent_at)
        self._fence.open_until(self._election.held_until)

    async def _asked(self, request: Awaitable[T]) -> T:
        self.turned_at = self._clock()
        try:
            async with asyncio.timeout(self._election.timing.request_seconds):
                return await request
        except TimeoutError:
            raise UnavailableError("no answer in time") from None

    def _tell(self, text: str) -> None:
        """Log what the process waits for, once."""
        if text != self._told:
            logger.info("%s %s", self._election.identity, text)
        self._told = text

    def _seconds_left(self) -> float:
        return self._election.held_until - self._clock()

    def _words(self) -> tuple[str, str, str]:
        return self._election.identity, self._namespace, self._name


def _wall_time() -> str:
    """Return now in the form of metav1.MicroTime, for people."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
