"""What the sinks of a run's status are told when the process dies as it is written."""

import pytest

from datareplication.controller.cluster import EVENT, RUN
from datareplication.controller.reporting import Reporter
from datareplication.core import run, status
from datareplication.core.pods import Why
from support.fake_cluster import CrashError
from support.world import DUMPED, NAMESPACE, World, manual_run, spec

WHY = Why("InvalidSpec", "spec.targets: unknown")


async def begun() -> World:
    world = World(spec(schedule=None))
    world.cluster.put(RUN, manual_run("now"))
    await world.settle()
    world.finish("now-dump", DUMPED)
    await world.settle()
    return world


async def fail(world: World) -> None:
    """Write that the run has failed, as a fresh process would."""
    one = run.read(world.cluster.peek(RUN, NAMESPACE, "now"))
    reporter = Reporter(world.cluster, world.options, world.metrics, world.clock, world.courier)
    await reporter.write_run(one, status.failed_run(one, WHY, world.clock()))


def told(world: World) -> int:
    return sum(event["count"] for event in world.cluster.of_kind(EVENT) if event["reason"] == "RunFailed")


def counted(world: World) -> bool:
    return 'datareplication_runs_total{name="prod-fanout",namespace="data",phase="Failed"' in (
        world.metrics.text().decode()
    )


async def test_an_end_is_told_by_an_event_and_counted() -> None:
    world = await begun()
    await fail(world)
    assert (told(world), counted(world)) == (1, True)
    await fail(world)
    assert (told(world), counted(world)) == (1, True), "the same status is no change"


async def test_who_dies_before_the_write_tells_it_again_and_has_not_counted_it() -> None:
    world = await begun()
    world.cluster.crash_before = world.cluster.calls + 2
    with pytest.raises(CrashError):
        await fail(world)
    assert (told(world), counted(world)) == (1, False)
    world.cluster.crash_before = 0
    await fail(world)
    assert (told(world), counted(world)) == (2, True)


async def test_who_dies_after_the_write_has_told_it_and_counts_it_never() -> None:
    world = await begun()
    world.cluster.crash_after = world.cluster.calls + 2
    with pytest.raises(CrashError):
        await fail(world)
    world.cluster.crash_after = 0
    await fail(world)
    assert (told(world), counted(world)) == (1, False)
