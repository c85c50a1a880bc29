"""Attempts against an API server in memory: which are repeated, when, and what is said of each."""

from typing import Any

import pytest

from datareplication.controller.cluster import CLAIM, EVENT, POD, Kind, Object, UnavailableError
from datareplication.core import times
from support.fake_cluster import CrashError
from support.story import Story, end, nothing, pause
from support.world import CORRUPT, DUMPED, LOADED, NAME, UNREACHABLE, World, spec

RUN = f"{NAME}-202603020000"
DUMP = f"{RUN}-dump"
LOADS = [f"{RUN}-load-{target}" for target in ("dev", "qa", "staging")]
NAMESPACE = "data"


async def started(spec_: Object | None = None) -> World:
    """A world whose first slot has just become due."""
    world = World(spec_)
    await world.settle()
    world.make_due()
    await world.settle()
    return world


async def loading(spec_: Object | None = None) -> World:
    world = await started(spec_)
    world.finish(DUMP, DUMPED)
    await world.settle()
    return world


def end_by_disruption(world: World, job: str) -> None:
    """End the active pod of a Job as an eviction does: the Job's controller does not count it as failed."""
    raw = world.job(job)
    world.jobs.end(raw, UNREACHABLE, exit_code=143)
    world.job(job)["status"]["failed"] -= 1
    evicted = pods_of(world, job)[-1]
    evicted["status"]["conditions"] = [
        {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "EvictionByEvictionAPI",
            "message": "Eviction API: evicting",
        }
    ]


def pods_of(world: World, job: str) -> list[Object]:
    return [pod for pod in world.cluster.of_kind(POD) if pod["metadata"]["name"].startswith(job)]


async def test_evicted_pod_costs_no_attempt_and_is_told() -> None:
    world = await started(spec(retryPolicy={"retries": 0, "delaySeconds": 300}))
    world.jobs.start(world.job(DUMP))
    end_by_disruption(world, DUMP)
    await world.settle()
    assert "suspend" not in world.job(DUMP)["spec"], "nothing is delayed"
    dump = world.run_status(RUN)["dump"]
    assert (dump["attempts"], dump["phase"]) == (0, "Pending")
    assert [(a["isDisruption"], a["reason"]) for a in dump["endedAttempts"]] == [(True, "EvictionByEvictionAPI")]
    world.finish(DUMP, DUMPED)
    await world.settle()
    assert world.run_status(RUN)["dump"]["phase"] == "Succeeded"
    assert len(world.run_status(RUN)["dump"]["endedAttempts"]) == 2


async def test_each_attempt_is_told_with_its_end_and_reason_and_waits_the_delay_from_end_to_start() -> None:
    world = await started(spec(retryPolicy={"retries": 2, "delaySeconds": 60}))
    for attempt in (1, 2):
        world.finish(DUMP, UNREACHABLE)
        await world.settle()
        assert world.job(DUMP)["spec"]["suspend"] is True
        assert world.run_status(RUN)["dump"]["attempts"] == attempt
        world.clock.advance(seconds=61)
        await world.settle()
        assert world.job(DUMP)["spec"]["suspend"] is False
    world.jobs.start(world.job(DUMP))
    world.jobs.end(world.job(DUMP), UNREACHABLE, exit_code=75, is_final=True)
    await world.settle()
    dump = world.run_status(RUN)["dump"]
    assert (dump["phase"], dump["attempts"]) == ("Failed", 3)
    assert [(a["exitCode"], a["reason"]) for a in dump["endedAttempts"]] == [(75, "Transient")] * 3


async def test_operator_that_was_down_for_the_delay_does_not_delay_again() -> None:
    world = await started()
    world.finish(DUMP, UNREACHABLE)
    world.clock.advance(seconds=301)
    await world.settle()
    assert "suspend" not in world.job(DUMP)["spec"]


async def test_permanent_error_is_never_delayed_not_even_before_the_job_says_that_it_failed() -> None:
    world = await started()
    world.jobs.start(world.job(DUMP))
    world.jobs.end(world.job(DUMP), CORRUPT, exit_code=65)
    await world.settle()
    assert "suspend" not in world.job(DUMP)["spec"]


async def test_failed_target_is_tried_again_from_the_same_snapshot_and_others_are_not_touched() -> None:
    world = await loading()
    for job in LOADS:
        world.finish(job, UNREACHABLE if job.endswith("qa") else LOADED)
    await world.settle()
    others = {job: world.job(job)["metadata"]["resourceVersion"] for job in (DUMP, LOADS[0], LOADS[2])}
    snapshot = world.run_status(RUN)["snapshot"]
    world.clock.advance(seconds=300)
    await world.settle()
    assert world.job(LOADS[1])["spec"]["suspend"] is False
    world.finish(LOADS[1], LOADED)
    await world.settle()
    assert world.run_status(RUN)["phase"] == "Succeeded"
    assert world.run_status(RUN)["snapshot"] == snapshot
    assert {job: world.job(job)["metadata"]["resourceVersion"] for job in others} == others
    assert world.job_names == sorted([DUMP, *LOADS])


async def test_node_that_gives_no_log_holds_nothing_up() -> None:
    """The API answers 502 for the log of a pod whose kubelet is away."""

    def refuse(verb: str, _: Kind, name: str) -> None:
        if verb == "log":
            raise UnavailableError(f"GET {name}: 502 connection refused", 502)

    world = await started(spec(timeoutSeconds=60))
    world.jobs.start(world.job(DUMP))
    world.cluster.on_call = refuse
    await world.settle()
    assert world.run_status(RUN)["dump"]["phase"] == "Running"
    world.clock.advance(seconds=61)
    await world.settle()
    assert world.job(DUMP)["spec"]["suspend"] is True, "the run's time is over all the same"


async def test_lost_node_is_told_with_its_remedy_and_no_other_pod_is_started() -> None:
    world = await started()
    world.jobs.start(world.job(DUMP))
    pod = pods_of(world, DUMP)[-1]
    pod["metadata"]["deletionTimestamp"] = times.to_text(world.clock())
    world.clock.advance(seconds=61)
    await world.settle()
    message = world.run_status(RUN)["message"]
    assert "node node-1 does not answer" in message
    assert "delete the node or taint it node.kubernetes.io/out-of-service" in message
    assert world.job_names == [DUMP]
    world.clock.advance(seconds=3600)
    await world.settle()
    assert world.run_status(RUN)["phase"] == "Dumping", "until the run's own time is over"


@pytest.mark.parametrize(("limit", "at_once"), [(None, 3), (1, 1), (2, 2)])
async def test_no_more_loads_run_at_once_than_asked_for(limit: int | None, at_once: int) -> None:
    fields: dict[str, Any] = {"maxParallelLoads": limit} if limit else {}
    world = await loading(spec(**fields))
    assert len(world.job_names) == 1 + at_once
    for job in list(world.job_names)[1:]:
        world.finish(job, LOADED)
    await world.settle()
    assert len(world.job_names) == 1 + min(3, 2 * at_once)


async def test_volume_that_one_pod_can_mount_is_loaded_from_by_one_job_at_a_time() -> None:
    world = World()
    world.cluster.peek(CLAIM, NAMESPACE, "snapshots")["spec"]["accessModes"] = ["ReadWriteOncePod"]
    await world.settle()
    world.make_due()
    await world.settle()
    world.finish(DUMP, DUMPED)
    await world.settle()
    assert world.job_names == [DUMP, LOADS[0]]


async def test_completed_is_not_said_while_the_last_slot_waits() -> None:
    world = World(spec(schedule={"cron": "@daily", "endDate": "2026-03-03T12:00:00Z"}, dependsOnPast=True))
    await world.settle()
    for _ in range(2):
        world.make_due()
        await world.settle()
        if world.job_names == [DUMP]:
            world.finish(DUMP, CORRUPT)
            await world.settle()
    assert "nextScheduleTime" not in world.status
    assert world.status["phase"] == "Failed"
    assert "waits until a run has succeeded" in world.status["message"]


def retried_once() -> Story:
    """A dump that fails once, and its loads."""
    dump = [end(UNREACHABLE, DUMP), pause(seconds=301), end(DUMPED, DUMP)]
    return Story([nothing, World.make_due, *dump, end(LOADED, *LOADS)], restarting)


async def restarting(world: World) -> None:
    """Settle; a killed process is started again."""
    for _ in range(3):
        try:
            await world.settle(passes=8)
        except CrashError:
            continue
        return


async def test_crash_after_any_write_while_an_attempt_is_delayed_changes_nothing() -> None:
    numbers: list[int] = []

    def note(verb: str, kind: Kind, _: str) -> None:
        if verb in ("create", "patch", "status", "delete") and kind != EVENT:
            numbers.append(clean.cluster.calls)

    clean = World()
    clean.cluster.on_call = note
    story = retried_once()
    await story.tell(clean)
    expected = (clean.run_status(RUN)["phase"], clean.run_status(RUN)["dump"]["attempts"], clean.job_names)
    assert expected[:2] == ("Succeeded", 2)
    for number in numbers:
        world = await story.killed("after", number)
        seen = (world.run_status(RUN)["phase"], world.run_status(RUN)["dump"]["attempts"], world.job_names)
        assert seen == expected, f"killed after call {number}"
        suspended = [write for write in world.cluster.writes if write == f"patch Job {DUMP}"]
        assert len(suspended) == 2, "suspended once, resumed once"
