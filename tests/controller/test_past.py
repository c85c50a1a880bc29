"""What the operator reads is older than what has been done: it creates and deletes nothing by it."""

import contextlib
from typing import Any

from datareplication.controller.cluster import ClusterError, Kind, Object
from datareplication.controller.metrics import Metrics
from datareplication.controller.options import Options
from datareplication.controller.reconcile import Reconciler
from support.fake_cluster import Clock, CrashError, FakeCluster, copied
from support.world import DUMPED, IMAGE, KEY, LOADED, FakeCourier, World, spec


class Past:
    """Reads one cluster and writes to another."""

    def __init__(self, past: FakeCluster, live: FakeCluster) -> None:
        self.get, self.list_all, self.log_tail = past.get, past.list_all, past.log_tail
        self.create, self.patch, self.write_status = live.create, live.patch, live.write_status
        self.delete = live.delete


async def one_slot(world: World, name: str) -> None:
    world.make_due()
    await world.settle()
    world.finish(f"{name}-dump", DUMPED)
    await world.settle()
    for target in ("dev", "staging", "qa"):
        world.finish(f"{name}-load-{target}", LOADED)
    await world.settle(passes=6)


async def test_nothing_is_created_or_deleted_by_what_was_read_from_the_past() -> None:
    world = World(spec(history={"successful": 1}))
    views: list[tuple[Any, Any]] = []

    def remember(_verb: str, _kind: Kind, _name: str) -> None:
        views.append((copied(world.cluster.objects), world.clock.moment))

    world.cluster.on_call = remember
    await world.settle()
    for day in (2, 3, 4):
        await one_slot(world, f"prod-fanout-2026030{day}0000")
    world.cluster.on_call = None
    assert world.run_names == ["prod-fanout-202603040000"], "the others are beyond the history"
    assert len(views) > 100
    done = copied(world.cluster.objects)
    for number, (objects, moment) in enumerate(views):
        world.cluster.objects = copied(done)
        world.cluster.writes.clear()
        past = FakeCluster(Clock(moment), objects)
        await _reconcile(Past(past, world.cluster), world.clock)
        wrong = [
            write
            for write in world.cluster.writes
            if write.split()[:2] not in (["create", "Event"], ["patch", "Event"])
        ]
        assert not wrong, f"view {number} of {moment}"


async def _reconcile(cluster: Any, clock: Clock) -> None:
    with contextlib.suppress(ClusterError):
        await Reconciler(cluster, Options(IMAGE, instance="test"), Metrics(), clock, FakeCourier(clock)).reconcile(KEY)


async def test_a_run_whose_job_exists_is_known_as_begun() -> None:
    """Else it would be replaced, or fail, as one that has not begun, and its Job would go on."""
    for number in range(1, 60):
        world = World()
        await world.settle()
        world.make_due()
        world.cluster.crash_after = world.cluster.calls + number
        try:
            await world.settle()
        except CrashError:
            begun = {name for name in world.run_names if world.run_status(name).get("startTime")}
            owners = {owner(world.job(name)) for name in world.job_names}
            assert owners <= begun, f"killed after call {number}"
        else:
            assert number > 10
            return


def owner(job: Object) -> str:
    return str(job["metadata"]["ownerReferences"][0]["name"])
