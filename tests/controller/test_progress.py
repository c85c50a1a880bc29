"""A running step's progress: in the status at most every ten seconds, whatever else happens."""

import asyncio
import itertools
import json
from datetime import datetime
from typing import Any

import pytest

from datareplication.controller import observing
from datareplication.controller.cluster import RUN
from datareplication.controller.reconcile import Reconciler
from datareplication.core.report import Progress
from support.world import DUMPED, KEY, World, manual_run, spec

DUMP_POD = "now-dump-0"


def log(world: World, pod: str, **progress: Any) -> None:
    """Let a pod say how far it is."""
    world.cluster.logs[pod] = [json.dumps({"progress": Progress("Data", **progress).to_mapping()})]


async def dumping() -> World:
    """A world whose dump runs."""
    world = World()
    world.cluster.put(RUN, manual_run("now"))
    await world.settle()
    world.jobs.start(world.job("now-dump"))
    return world


async def status_writes(world: World, seconds: int, pods: tuple[str, ...]) -> list[datetime]:
    """Reconcile every second, as pods' events may have it, while progress goes on; return when the run was written."""
    written = []
    for second in range(seconds):
        for pod in pods:
            log(world, pod, bytes_done=1000 * second, bytes_per_second=1000, seconds_left=seconds - second)
        before = len(world.cluster.writes)
        await world.reconcile()
        if "status DataReplicationRun now" in world.cluster.writes[before:]:
            written.append(world.clock.moment)
        world.clock.advance(seconds=1.01)
    return written


async def test_progress_is_written_at_most_every_ten_seconds() -> None:
    world = await dumping()
    written = await status_writes(world, 45, (DUMP_POD,))
    gaps = [(later - earlier).total_seconds() for earlier, later in itertools.pairwise(written)]
    assert min(gaps) >= 10
    assert len(written) == 4 + 1
    progress = world.run_status("now")["dump"]["progress"]
    assert (progress["bytesPerSecond"], progress["phase"]) == (1000, "Data")
    assert progress["secondsLeft"] > 0


async def test_several_loads_share_the_ten_seconds() -> None:
    world = await dumping()
    world.jobs.end(world.job("now-dump"), DUMPED)
    await world.settle()
    pods = []
    for target in ("dev", "qa", "staging"):
        world.jobs.start(world.job(f"now-load-{target}"))
        pods.append(f"now-load-{target}-0")
        await status_writes(world, 3, tuple(pods))
    written = await status_writes(world, 35, tuple(pods))
    gaps = [(later - earlier).total_seconds() for earlier, later in itertools.pairwise(written)]
    assert min(gaps) >= 10


async def test_progress_that_stands_still_is_not_written_again() -> None:
    world = await dumping()
    log(world, DUMP_POD, bytes_done=5)
    await world.reconcile()
    before = list(world.cluster.writes)
    for _ in range(5):
        world.clock.advance(seconds=11)
        await world.reconcile()
    assert world.cluster.writes == before


async def test_a_note_is_the_reason_of_the_step_until_it_is_over() -> None:
    world = await dumping()
    log(world, DUMP_POD, note_reason="BlocksOthers", note="blocks app (backend 4712)")
    outcome = await world.reconcile()
    assert (outcome.requeue_at - world.clock.moment).total_seconds() == 11
    step = world.run_status("now")["dump"]
    assert (step["phase"], step["reason"], step["message"]) == ("Running", "BlocksOthers", "blocks app (backend 4712)")
    assert world.run_status("now")["message"] == "dump: blocks app (backend 4712)"
    world.clock.advance(seconds=5)
    await world.reconcile()
    assert world.run_status("now")["dump"]["reason"] == "BlocksOthers", "kept while progress is not read"
    log(world, DUMP_POD)
    world.clock.advance(seconds=6)
    await world.reconcile()
    assert "reason" not in world.run_status("now")["dump"]
    assert "message" not in world.run_status("now")


async def test_a_node_that_hangs_costs_a_pass_one_short_wait_and_the_next_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """All logs are asked for beside each other: none is waited for until another has come."""
    monkeypatch.setattr(observing, "LOG_SECONDS", 0.05)
    world = World(spec(schedule=None))
    world.cluster.put(RUN, manual_run("now"))
    await world.settle()
    world.finish("now-dump", DUMPED)
    await world.settle()
    for target in ("dev", "staging", "qa"):
        world.jobs.start(world.job(f"now-load-{target}"))
    asked: list[str] = []

    async def log_tail(namespace: str, pod: str, container: str, lines: int) -> list[str]:
        del namespace, container, lines
        asked.append(pod)
        await asyncio.Event().wait()
        return []

    world.cluster.log_tail = log_tail  # type: ignore[method-assign]
    reconciler = Reconciler(world.cluster, world.options, world.metrics, world.clock, world.courier)
    for _ in range(3):
        await asyncio.wait_for(reconciler.reconcile(KEY), 30)
        world.clock.advance(seconds=11)
    assert sorted(asked) == [f"now-load-{target}-0" for target in ("dev", "qa", "staging")]
    assert all(one["phase"] == "Running" for one in world.run_status("now")["targets"])
