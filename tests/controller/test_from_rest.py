"""A slot of a resource at rest: its Job comes after as few requests as can be, and is the same Job."""

from typing import Any

import pytest

from datareplication.controller.cluster import CLAIM, EVENT, REPLICATION, RUN, Kind
from support.fake_cluster import CrashError, FakeCluster
from support.process import Process
from support.world import CORRUPT, DUMPED, KEY, LOADED, NAME, NAMESPACE, World, manual_run, spec

SLOT = "prod-fanout-202603020000"


@pytest.fixture
async def process() -> Process:
    made = Process(World())
    await made.rest()
    return made


async def test_a_job_comes_after_four_requests(process: Process) -> None:
    assert await process.slot() == [
        "confirmed DataReplication",
        "create DataReplicationRun",
        "get PersistentVolumeClaim",
        "create Job",
    ]
    assert process.world.job_names == [f"{SLOT}-dump"]
    await process.rest()
    assert process.world.status["activeRuns"] == [SLOT]
    assert {event["reason"] for event in process.world.cluster.of_kind(EVENT)} == {"RunCreated"}


async def test_each_slot_from_rest_ends_as_any_other(process: Process) -> None:
    for day in (2, 3):
        requests = await process.slot()
        assert ("get PersistentVolumeClaim" in requests) == (day == 2), "a claim that was seen is not asked for again"
        assert requests[-1] == "create Job"
        name = f"prod-fanout-2026030{day}0000"
        await process.rest()
        process.world.finish(f"{name}-dump", DUMPED)
        await process.rest()
        for target in ("dev", "staging", "qa"):
            process.world.finish(f"{name}-load-{target}", LOADED)
        await process.rest()
        assert process.world.run_status(name)["phase"] == "Succeeded"
        assert process.world.status["lastSuccess"]["run"] == name


async def test_whoever_heard_of_it_looks_at_all(process: Process) -> None:
    process.world.cluster.put(RUN, manual_run("by-hand"))
    process.world.make_due()
    process.controller.queue.add_due()
    process.controller.queue.add(KEY)
    await process.pass_once()
    assert process.requests[:2] == ["get DataReplication", "list DataReplicationRun"]
    assert process.world.job_names == ["by-hand-dump"], "the slot waits: Forbid"


async def test_a_run_that_nobody_told_of_waits(process: Process) -> None:
    process.world.cluster.put(RUN, manual_run("by-hand"))
    await process.slot()
    await process.rest()
    assert process.world.job_names == [f"{SLOT}-dump"]
    assert process.world.run_status("by-hand")["phase"] == "Pending"


def _replaced(cluster: FakeCluster, **more: Any) -> None:
    stored = cluster.peek(REPLICATION, NAMESPACE, NAME)
    cluster.put(REPLICATION, {**stored, "spec": spec(**more), "metadata": {**stored["metadata"], "generation": 2}})


@pytest.mark.parametrize("change", [{"suspend": True}, {"schedule": {"cron": "@yearly"}}, {"schedule": {"cron": "x"}}])
async def test_a_change_that_nobody_told_of_counts(process: Process, change: dict[str, Any]) -> None:
    _replaced(process.world.cluster, **change)
    await process.slot()
    await process.rest()
    assert process.world.run_names == []


async def test_a_name_that_is_taken_is_told(process: Process) -> None:
    process.world.cluster.put(RUN, {**manual_run(SLOT), "spec": {"replicationName": "other", "action": "Replicate"}})
    await process.slot()
    await process.rest()
    assert process.world.job_names == []
    assert "RunNameTaken" in {event["reason"] for event in process.world.cluster.of_kind(EVENT)}


async def test_a_claim_that_is_gone_is_missed_by_the_next_look(process: Process) -> None:
    await process.slot()
    await process.rest()
    process.world.finish(f"{SLOT}-dump", CORRUPT)
    await process.rest()
    process.world.cluster.remove(CLAIM, NAMESPACE, "snapshots")
    assert (await process.slot())[-1] == "create Job"
    await process.rest()
    assert "snapshots" in process.world.run_status("prod-fanout-202603030000")["message"]


async def test_one_that_is_gone_is_gone(process: Process) -> None:
    process.world.cluster.remove(REPLICATION, NAMESPACE, NAME)
    await process.slot()
    assert process.world.run_names == []
    assert not len(process.controller.queue)


async def test_a_run_that_has_not_ended_is_not_at_rest(process: Process) -> None:
    await process.slot()
    await process.rest()
    assert (await process.slot())[:2] == ["get DataReplication", "list DataReplicationRun"]
    assert process.world.run_names == [SLOT], "the next slot waits for it"


async def test_a_view_from_the_past_makes_no_run_twice(process: Process) -> None:
    """Only reads are from the past; the slot's run has been made since."""
    old = {key: dict(value) for key, value in process.world.cluster.objects.items()}
    await process.slot()
    await process.rest()

    async def stale(kind: Kind, namespace: str, name: str) -> Any:
        return old.get((kind.name, namespace, name))

    process.world.cluster.get = stale  # type: ignore[method-assign]
    writes = len(process.world.cluster.writes)
    reconciler = process.controller._reconciler  # as if it had been left at rest in that view
    assert not await reconciler._starter.start_from_rest(KEY)
    assert len(process.world.cluster.writes) == writes


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_killed_at_any_request_the_end_is_the_same(moment: str) -> None:
    for number in range(1, 5):
        process = Process(World())
        await process.rest()
        setattr(process.world.cluster, f"crash_{moment}", process.world.cluster.calls + number)
        with pytest.raises(CrashError):
            await process.slot()
        next_one = Process(process.world)
        await next_one.rest()
        assert process.world.job_names == [f"{SLOT}-dump"], f"killed {moment} request {number}"
        assert process.world.run_names == [SLOT]
        assert process.world.status["activeRuns"] == [SLOT]
        creations = [
            write for write in process.world.cluster.writes if write.startswith("create") and "Event" not in write
        ]
        assert len(creations) == len(set(creations)) == 2
