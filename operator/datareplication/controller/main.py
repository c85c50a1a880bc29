"""The operator's process: it waits for the lease, leads, and gives the lease back when it is told to stop.

While the process waits it only looks at the Lease. The watches and the workers run while it leads. If one of them dies,
the process ends: an operator that is alive but blind is worse than one that is restarted.
"""

import asyncio
import logging
import os
import signal
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import kopf

from datareplication.controller import ending, handlers, logs, watching
from datareplication.controller.board.looking import Look
from datareplication.controller.board.serving import serve as serve_board
from datareplication.controller.client import connect
from datareplication.controller.cluster import Cluster
from datareplication.controller.fence import Fence, boot_seconds, unfenced
from datareplication.controller.leader import Elector
from datareplication.controller.metrics import Metrics
from datareplication.controller.options import Options, read_options
from datareplication.controller.serving import serve
from datareplication.controller.working import Controller
from datareplication.core.health import Pulse
from datareplication.core.lease import Election
from datareplication.errors import UsageError

logger = logging.getLogger(__name__)

DRAIN_SECONDS = 4.0
"""How long reconciles may go on after SIGTERM; one that does not end by then is repeated by the next leader."""

LAST_RESORT_SECONDS = 9.5
"""The process ends at most this long after SIGTERM, whatever hangs, for example the look-up of a name."""


class Operator:
    """One process of the operator, which leads while it holds the lease."""

    def __init__(self, cluster: Cluster, elector: Elector, fence: Fence, options: Options, metrics: Metrics) -> None:
        self._cluster = cluster
        self._elector = elector
        self._fence = fence
        self._options = options
        self._metrics = metrics
        self._controller: Controller | None = None
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Ask the operator to stop."""
        if not self._stop.is_set():
            logger.info("stopping")
            ending.by_force_after(LAST_RESORT_SECONDS)
            self._stop.set()

    def pulse(self) -> Pulse:
        """Return what the probes judge."""
        now, leading = boot_seconds(), self._controller
        election, lease_read = now - self._elector.turned_at, now - self._elector.read_at
        if leading is None:
            return Pulse(election, lease_read)
        ages = (leading.resync_seconds, leading.queue.oldest_seconds, leading.queue.idle_seconds)
        return Pulse(election, lease_read, *ages, is_leading=True, has_looked=leading.has_looked)

    async def run(self) -> None:
        """Wait and lead by turns until told to stop."""
        while not self._stop.is_set():
            taking = asyncio.create_task(self._elector.acquire(), name="election")
            try:
                await self._first(taking)
                if taking.done():
                    taking.result()
                    await self._lead()
            finally:
                await ending.end(taking)
                await self._elector.release()

    async def _lead(self) -> None:
        """Work until the lease is lost, or until told to stop."""
        controller = Controller(self._cluster, self._options, self._metrics, fence=self._fence)
        self._controller = controller
        self._metrics.leading.set(1)
        keeping = asyncio.create_task(self._elector.keep(), name="lease")
        working = asyncio.create_task(self._work(controller), name="work")
        try:
            await self._first(keeping, working)
            if working.done():
                working.result()
            elif not keeping.done():
                controller.queue.close()
                await asyncio.wait({working}, timeout=DRAIN_SECONDS)
        finally:
            await self._cease(controller, keeping, working)

    async def _cease(self, controller: Controller, keeping: asyncio.Task[None], working: asyncio.Task[None]) -> None:
        """Stop writing, give the lease back, and end the rest: nothing may go on after this process stops leading."""
        controller.queue.close()
        self._controller = None
        self._metrics.leading.set(0)
        await ending.end(keeping)
        self._fence.close()
        await self._elector.release()
        if not await ending.end(working):
            raise RuntimeError("a part of the work does not end")
        self._metrics.forget_all()
        if keeping.done() and not keeping.cancelled():
            keeping.result()

    async def _work(self, controller: Controller) -> None:
        """Watch and reconcile until the queue is closed."""
        await controller.first_resync()
        working = asyncio.create_task(controller.run(), name="workers")
        watching = asyncio.create_task(self._watch(controller), name="watches")
        try:
            await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
            for task in (working, watching):
                if task.done():
                    task.result()
            if watching.done():
                raise RuntimeError("the watches have ended")
        finally:
            await ending.end(working, watching)

    async def _watch(self, controller: Controller) -> None:
        registry = kopf.OperatorRegistry()
        handlers.register(registry, controller.queue)
        options = self._options
        await watching.watch(registry, options.instance, options.namespaces, lambda: _take_signals(self.stop))

    async def _first(self, *tasks: asyncio.Task[None]) -> None:
        """Wait until one of the tasks has ended, or until told to stop."""
        stopping = asyncio.create_task(self._stop.wait(), name="stop")
        try:
            await asyncio.wait({stopping, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()


def _take_signals(stop: Callable[[], None]) -> None:
    """Let SIGTERM and SIGINT stop the operator."""
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)


async def operate(options: Options) -> None:
    """Run until SIGTERM or until a part of it dies; then raise."""
    fence, metrics = Fence(), Metrics()
    cluster = await connect(fence, metrics)
    # A connection of its own: waiting behind other requests could cost the lease.
    of_lease = await connect(unfenced(), metrics, connections=1)
    identity = f"{options.instance}_{uuid.uuid4()}"
    elector = Elector(of_lease, fence, options.lease, Election(identity, options.timing))
    operator = Operator(cluster, elector, fence, options, metrics)
    _take_signals(operator.stop)
    lease_seconds, resync_seconds = float(options.timing.duration_seconds), options.resync_seconds
    try:
        async with (
            serve(options.port, operator.pulse, metrics, lease_seconds, resync_seconds),
            show_board(options, metrics),
        ):
            await operator.run()
    finally:
        await cluster.close()
        await of_lease.close()


@asynccontextmanager
async def show_board(options: Options, metrics: Metrics) -> AsyncIterator[None]:
    """Serve the board while the block runs, whether this process leads or waits; nothing if it has no port."""
    if not options.board_port:
        yield
        return
    # A connection of its own: viewers must not make reconciles wait, nor the lease.
    of_board = await connect(unfenced(), metrics, connections=1)
    try:
        look = Look(of_board, options.namespaces)
        async with serve_board(options.board_port, look, known_hosts=options.board_hosts):
            yield
    finally:
        await of_board.close()


def main() -> int:
    """Start the operator; 64 when its environment is wrong."""
    try:
        options = read_options(os.environ)
    except UsageError as error:
        sys.stderr.write(f"{error.message}\n")
        return error.exit_code
    logs.configure(options.log_level, options.log_format)
    asyncio.run(operate(options))
    return 0


if __name__ == "__main__":
    sys.exit(main())
