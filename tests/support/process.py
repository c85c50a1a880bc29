"""The operator's work on a world in memory, step by step, with the requests that each step takes."""

from datareplication.controller.metrics import Metrics
from datareplication.controller.options import Options
from datareplication.controller.working import Controller
from support.world import IMAGE, World


class Process:
    """The operator's work; an event comes only if a test sends it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.controller = Controller(world.cluster, Options(IMAGE), Metrics(), world.clock)
        self.requests: list[str] = []

    async def work(self) -> list[str]:
        """Work until the queue is empty; return the requests that this took."""
        self.requests = []
        self.world.cluster.on_call = lambda verb, kind, _: self.requests.append(f"{verb} {kind.name}")
        while len(self.controller.queue):
            await self.controller.work_once()
        self.world.cluster.on_call = None
        return self.requests

    async def rest(self) -> None:
        """Resync until there is nothing left to do; each resync reconciles unfinished runs."""
        for _ in range(6):
            await self.controller.resync()
            await self.work()

    async def slot(self) -> list[str]:
        """Move the clock to the next slot, so that its timer fires; return the requests of the first pass."""
        self.world.make_due()
        self.controller.queue.add_due()
        await self.pass_once()
        return self.requests

    async def pass_once(self) -> None:
        self.requests = []
        self.world.cluster.on_call = lambda verb, kind, _: self.requests.append(f"{verb} {kind.name}")
        await self.controller.work_once()
        self.world.cluster.on_call = None
