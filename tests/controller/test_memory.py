"""What is remembered of resources that are gone: nothing."""

import asyncio
import gc
from collections.abc import Iterator
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, ModuleType

from datareplication.controller.cluster import CLAIM, JOB, REPLICATION, RUN, Kind
from datareplication.controller.metrics import Metrics
from datareplication.controller.options import Options
from datareplication.controller.working import Controller
from datareplication.core.names import Key
from datareplication.core.sinks import SinkSettings
from support.fake_cluster import FakeCluster
from support.world import CORRUPT, DUMPED, IMAGE, LOADED, NAMESPACE, World, spec

NOT_MEMORY = (type, ModuleType, FunctionType, BuiltinFunctionType, FakeCluster)
TEMPLATE = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}


def reachable(start: object) -> Iterator[object]:
    """Yield all that an object holds on to, once each."""
    seen: dict[int, object] = {}
    found: list[object] = [start]
    while found:
        one = found.pop()
        if id(one) not in seen and not isinstance(one, NOT_MEMORY):
            seen[id(one)] = one
            yield one
            found += gc.get_referents(one)


SINKS = SinkSettings.model_validate({"sinks": [{"name": "ops", "kind": "Webhook", "secretName": "ops"}]})
NOTIFIED = [{"sink": "ops", "on": ["Started", "PartiallyFailed"]}]
"""The sink has no Secret: what is to be told waits until the resource is gone."""


class Operator:
    """The operator's work: resources come, are replicated by their schedule and by hand, and go."""

    def __init__(self) -> None:
        self.world = World(spec(schedule=None))
        options = Options(IMAGE, notifications=SINKS, sinks_folder=Path("/no/such/folder"))
        self.controller = Controller(self.world.cluster, options, Metrics(), self.world.clock)

    async def settle(self, key: Key) -> None:
        for _ in range(3):
            self.controller.queue.add(key)
            while len(self.controller.queue):
                await self.controller.work_once()

    async def live(self, name: str, *, told: bool) -> None:
        """One resource's life. told: whether an event comes of its end."""
        key, cluster = Key(NAMESPACE, name), self.world.cluster
        wanted = spec(snapshot={"volumeClaimTemplate": TEMPLATE}, notifications=NOTIFIED)
        cluster.put(REPLICATION, {"metadata": {"name": name, "namespace": NAMESPACE}, "spec": wanted})
        await self.settle(key)
        self.world.make_due()
        self.controller.queue.add_due()
        await self.controller.work_once()
        await self.settle(key)
        await self.replicate(key, name)
        self.controller.queue.failed(await self.taken(key))
        for kind in (RUN, JOB, CLAIM, REPLICATION):
            self.remove(kind, name)
        await (self.settle(key) if told else self.controller.resync())
        while len(self.controller.queue):
            await self.controller.work_once()
        if ending := asyncio.all_tasks() - {asyncio.current_task()}:  # deliveries that were cancelled
            await asyncio.wait(ending, timeout=10)

    async def taken(self, key: Key) -> Key:
        """Take a key out of the queue, as one whose reconcile is about to fail."""
        self.controller.queue.add(key)
        found = await self.controller.queue.get()
        assert found == key
        return found

    async def replicate(self, key: Key, name: str) -> None:
        """End the run of its slot: the dump and a load well, another load badly."""
        (run,) = [run for run in self.world.run_names if run.startswith(f"{name}-")]
        self.world.finish(f"{run}-dump", DUMPED)
        await self.settle(key)
        for target, report in (("dev", LOADED), ("staging", CORRUPT), ("qa", LOADED)):
            self.world.finish(f"{run}-load-{target}", report)
        await self.settle(key)
        assert self.world.run_status(run)["phase"] == "PartiallyFailed"

    def remove(self, kind: Kind, name: str) -> None:
        for item in self.world.cluster.of_kind(kind):
            if item["metadata"]["name"] == name or item["metadata"]["name"].startswith(f"{name}-"):
                self.world.cluster.remove(kind, NAMESPACE, item["metadata"]["name"])

    def held(self) -> list[object]:
        """All that is remembered but numbers: a counter that was 0 holds one of its own later."""
        gc.collect()
        return [one for one in reachable(self.controller) if not isinstance(one, (int, float))]


async def test_of_a_resource_that_is_gone_nothing_is_remembered() -> None:
    operator = Operator()
    await operator.live("told", told=True)
    await operator.live("untold", told=False)
    keys = [one for one in operator.held() if isinstance(one, Key)]
    assert [key.name for key in keys if key.name in ("told", "untold")] == []
    texts = [one for one in operator.held() if isinstance(one, str)]
    assert [text for text in texts if text.startswith(("told", "untold"))] == []


async def test_memory_does_not_grow_when_resources_come_and_go() -> None:
    operator = Operator()
    sizes = []
    for number in range(6):
        await operator.live(f"r-{number}", told=bool(number % 2))
        sizes.append(len(operator.held()))
    assert sizes[-1] == sizes[1], sizes
