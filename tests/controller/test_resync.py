"""The resync asks for what needs it, whether an event came or not, and for nothing else."""

from fake_cluster import FakeCluster
from world import IMAGE, KEY, NAMESPACE, World, manual_run, spec

from datareplication.controller.cluster import JOB, REPLICATION, RUN, Kind, UnavailableError
from datareplication.controller.metrics import Metrics
from datareplication.controller.settings import Settings
from datareplication.controller.working import Controller


class Process:
    """The operator's work without its watches: no event ever comes."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.controller = Controller(world.cluster, Settings(IMAGE), Metrics(), world.clock)

    @property
    def cluster(self) -> FakeCluster:
        return self.world.cluster

    async def resync(self) -> int:
        """Resync, do what was asked for, and return how much that was."""
        await self.controller.resync()
        count = 0
        while len(self.controller.queue):
            await self.controller.work_once()
            count += 1
        return count

    async def settle(self) -> None:
        """Resync until nothing is asked for."""
        while await self.resync():
            pass


async def test_what_is_as_it_was_left_costs_two_lists() -> None:
    process = Process(World())
    await process.settle()
    before = process.cluster.calls
    assert await process.resync() == 0
    assert process.cluster.calls == before + 2


async def test_a_change_of_which_no_event_came_is_found() -> None:
    process = Process(World())
    await process.settle()
    process.cluster.put(REPLICATION, {"metadata": {"name": "other", "namespace": NAMESPACE}, "spec": spec()})
    assert await process.resync() == 1
    await process.settle()
    stored = process.cluster.peek(REPLICATION, NAMESPACE, KEY.name)
    process.cluster.put(REPLICATION, {**stored, "spec": spec(suspend=True)})
    assert await process.resync() == 1


async def test_a_run_that_has_not_ended_is_asked_for_each_time() -> None:
    """Of its Jobs no event may have come."""
    process = Process(World(spec(schedule=None)))
    process.cluster.put(RUN, manual_run("now"))
    for _ in range(4):
        assert await process.resync()
    assert process.cluster.peek(JOB, NAMESPACE, "now-dump")


async def test_a_run_of_nobody_is_found() -> None:
    process = Process(World())
    await process.settle()
    process.cluster.put(RUN, {**manual_run("lost"), "spec": {"replicationName": "nobody", "action": "Replicate"}})
    assert await process.resync() == 1
    assert process.world.run_status("lost")["phase"] == "Failed"
    assert await process.resync() == 0


async def test_a_clock_that_was_set_forward_is_noticed() -> None:
    """The timer of the next slot counts seconds, which have not passed."""
    process = Process(World())
    await process.settle()
    process.world.make_due()
    assert await process.resync()
    assert len(process.world.run_names) == 1


async def test_what_failed_is_asked_for_again() -> None:
    process = Process(World())
    process.cluster.on_call = _refuse_writes
    assert await process.resync() == 1
    assert await process.resync() == 1
    process.cluster.on_call = None
    await process.settle()
    assert process.world.condition("Ready")[0] == "True"


def _refuse_writes(verb: str, kind: Kind, name: str) -> None:
    if verb == "status":
        raise UnavailableError(f"{verb} {kind.name} {name}")


async def test_a_deletion_of_which_no_event_came_is_noticed() -> None:
    process = Process(World(spec(schedule=None)))
    await process.settle()
    process.cluster.remove(REPLICATION, NAMESPACE, KEY.name)
    await process.settle()
    assert 'name="prod-fanout"' not in process.controller._metrics.text().decode()
    assert await process.resync() == 0
