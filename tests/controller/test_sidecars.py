"""Pods with containers of others: the step is decided by ours, and the Job is ended by us where they go on."""

from typing import Any

import pytest

from datareplication.controller.cluster import EVENT, JOB, POD, Object
from datareplication.controller.cluster import RUN as RUN_KIND
from datareplication.core import names, times
from datareplication.core.report import Report
from support.fake_cluster import CrashError
from support.story import Act, Moment, Story, nothing, pause
from support.world import CORRUPT, DUMPED, LOADED, NAME, UNREACHABLE, World, manual_run, spec

RUN = f"{NAME}-202603020000"
DUMP = f"{RUN}-dump"
NAMESPACE = "data"
GOES_ON: Object = {"name": "proxy", "state": {"running": {}}}


async def started(**more: Any) -> World:
    """A world whose first slot has just become due."""
    world = World(spec(**more))
    await restarting(world)
    world.make_due()
    await restarting(world)
    return world


async def restarting(world: World) -> None:
    """Settle; a killed process is started again."""
    for _ in range(3):
        try:
            await world.settle(passes=8)
        except CrashError:
            continue
        return


def pod_of(world: World, job: str) -> Object:
    found = [pod for pod in world.cluster.of_kind(POD) if pod["metadata"]["name"].startswith(job)]
    return world.cluster.peek(POD, NAMESPACE, found[-1]["metadata"]["name"])


def start(world: World, job: str) -> None:
    """Start a pod with another container before ours."""
    world.jobs.start(world.job(job))
    statuses = pod_of(world, job)["status"]
    statuses["containerStatuses"] = [GOES_ON, *statuses["containerStatuses"]]


def end_ours(world: World, job: str, report: Report) -> None:
    """End our container; the other goes on, so the pod runs and its Job counts nothing."""
    pod = pod_of(world, job)
    ended = {"exitCode": report.exit_code, "finishedAt": times.to_text(world.clock()), "message": report.to_json()}
    container = world.job(job)["spec"]["template"]["spec"]["containers"][0]["name"]
    pod["status"] = {
        "phase": "Running",
        "containerStatuses": [GOES_ON, {"name": container, "state": {"terminated": ended}}],
    }


def obey(world: World, job: str) -> None:
    """Do what Kubernetes 1.35 does with a suspended Job: its pod goes, and no failure of it is counted."""
    if world.job(job)["spec"].get("suspend"):
        for pod in world.cluster.of_kind(POD):
            if names.is_owned_by(pod, world.job(job)["metadata"]["uid"]) and pod["status"]["phase"] == "Running":
                world.cluster.remove(POD, NAMESPACE, pod["metadata"]["name"])
        world.job(job).setdefault("status", {})["active"] = 0


def ending(job: str, report: Report) -> list[Act]:
    """Run a step whose pod does not end by itself."""
    return [
        lambda world: start(world, job),
        lambda world: end_ours(world, job, report),
        lambda world: obey(world, job),
    ]


async def ended(world: World, job: str, report: Report) -> None:
    for act in ending(job, report):
        act(world)
        await restarting(world)


async def test_a_dump_beside_a_sidecar_that_never_ends_has_succeeded_and_its_job_is_ended() -> None:
    world = await started()
    await ended(world, DUMP, DUMPED)
    status = world.run_status(RUN)
    assert (status["phase"], status["dump"]["phase"], status["dump"]["rows"]) == ("Loading", "Succeeded", 30)
    assert (status["snapshotTime"], status["lsn"]) == (DUMPED.snapshot_time, DUMPED.lsn)
    assert world.job(DUMP)["spec"]["suspend"] is True
    assert pod_names(world) == []
    assert [event["reason"] for event in world.cluster.of_kind(EVENT)].count("RunWaiting") == 0


def pod_names(world: World) -> list[str]:
    return [pod["metadata"]["name"] for pod in world.cluster.of_kind(POD)]


async def test_a_whole_run_beside_sidecars_ends_with_what_it_did() -> None:
    world = await started()
    await ended(world, DUMP, DUMPED)
    for target in ("dev", "qa", "staging"):
        await ended(world, f"{RUN}-load-{target}", LOADED)
    assert world.run_status(RUN)["phase"] == "Succeeded"
    assert [target["rows"] for target in world.status["targets"]] == [30, 30, 30]
    assert [target["dataTime"] for target in world.status["targets"]] == [DUMPED.snapshot_time] * 3


async def test_a_failed_attempt_beside_a_sidecar_is_tried_again_after_the_delay_as_often_as_asked() -> None:
    world = await started(retryPolicy={"retries": 2, "delaySeconds": 60})
    for attempt in (1, 2):
        await ended(world, DUMP, UNREACHABLE)
        step = world.run_status(RUN)["dump"]
        assert (step["phase"], step["attempts"], step["reason"]) == ("Retrying", attempt, "Transient")
        assert world.job(DUMP)["spec"]["suspend"] is True
        world.clock.advance(seconds=61)
        await restarting(world)
        assert world.job(DUMP)["spec"]["suspend"] is False
    await ended(world, DUMP, UNREACHABLE)
    step = world.run_status(RUN)["dump"]
    assert (step["phase"], step["attempts"], step["reason"]) == ("Failed", 3, "Transient")
    assert [attempt["exitCode"] for attempt in step["endedAttempts"]] == [75] * 3
    assert "stopped" in str(world.job(DUMP)["metadata"]["annotations"])


async def test_attempts_that_kubernetes_did_not_count_are_no_further_attempts() -> None:
    """The last one ends as a pod by itself: Kubernetes would begin a third."""
    world = await started(retryPolicy={"retries": 1, "delaySeconds": 60})
    await ended(world, DUMP, UNREACHABLE)
    world.clock.advance(seconds=61)
    await restarting(world)
    world.finish(DUMP, UNREACHABLE)
    await restarting(world)
    assert world.run_status(RUN)["dump"]["phase"] == "Failed"
    assert world.job(DUMP)["spec"]["suspend"] is True


async def test_a_job_over_its_deadline_says_so_though_its_pod_is_gone_before_kubernetes_does() -> None:
    """Seen on 1.35: a pod that the deadline ends is not counted, and the Job fails only when it is gone."""
    world = await started(retryPolicy={"retries": 0, "delaySeconds": 60})
    world.jobs.start(world.job(DUMP))
    given_up = {"type": "FailureTarget", "status": "True", "reason": "DeadlineExceeded", "message": "m"}
    given_up["lastTransitionTime"] = times.to_text(world.clock())
    world.jobs.end(world.job(DUMP), UNREACHABLE, exit_code=75)
    world.job(DUMP)["status"] |= {"failed": 0, "conditions": [given_up]}
    await world.settle()
    world.cluster.remove(POD, NAMESPACE, pod_of(world, DUMP)["metadata"]["name"])
    await world.settle()
    assert world.run_status(RUN)["dump"]["phase"] == "Running"
    world.job(DUMP)["status"]["conditions"] = [given_up, given_up | {"type": "Failed"}]
    await world.settle()
    assert world.run_status(RUN)["dump"]["reason"] == "DeadlineExceeded"


async def test_a_run_over_its_time_says_so_though_its_job_is_over_its_own_a_moment_before() -> None:
    world = await started(timeoutSeconds=600)
    world.jobs.start(world.job(DUMP))
    given_up = {"type": "FailureTarget", "status": "True", "reason": "DeadlineExceeded", "message": "m"}
    world.job(DUMP)["status"]["conditions"] = [given_up | {"lastTransitionTime": times.to_text(world.clock())}]
    world.clock.advance(seconds=601)
    await world.settle()
    world.jobs.take_away(world.job(DUMP))
    await world.settle()
    assert world.run_status(RUN)["dump"]["reason"] == "RunTimeout"


async def test_a_pod_that_is_gone_a_moment_before_it_is_counted_is_not_miscounted() -> None:
    world = await started(retryPolicy={"retries": 0, "delaySeconds": 60})
    world.jobs.start(world.job(DUMP))
    world.jobs.end(world.job(DUMP), UNREACHABLE, exit_code=75)
    world.job(DUMP)["status"] |= {"failed": 0, "uncountedTerminatedPods": {"failed": ["uid"]}}
    await world.settle()
    world.cluster.remove(POD, NAMESPACE, pod_of(world, DUMP)["metadata"]["name"])
    await world.settle()
    assert "suspend" not in world.job(DUMP)["spec"], "Kubernetes ends it by its own count"


async def test_a_delay_that_is_over_as_the_failure_is_seen_still_ends_the_pod() -> None:
    world = await started(retryPolicy={"retries": 1, "delaySeconds": 60})
    start(world, DUMP)
    end_ours(world, DUMP, UNREACHABLE)
    world.clock.advance(seconds=300)
    await world.reconcile()
    assert world.job(DUMP)["spec"]["suspend"] is True
    obey(world, DUMP)
    await restarting(world)
    assert world.job(DUMP)["spec"]["suspend"] is False
    await ended(world, DUMP, DUMPED)
    assert world.run_status(RUN)["dump"]["phase"] == "Succeeded"


async def test_a_permanent_failure_beside_a_sidecar_is_told_at_once() -> None:
    world = await started()
    await ended(world, DUMP, CORRUPT)
    status = world.run_status(RUN)
    assert (status["phase"], status["dump"]["reason"]) == ("Failed", "BadData")
    assert CORRUPT.message in status["message"]
    assert pod_names(world) == []


async def test_a_success_that_was_seen_stays_one_when_the_sidecar_fails_the_job() -> None:
    world = await started()
    start(world, DUMP)
    end_ours(world, DUMP, DUMPED)
    await world.reconcile()
    world.cluster.remove(POD, NAMESPACE, pod_of(world, DUMP)["metadata"]["name"])
    failed = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "m"}
    world.job(DUMP)["status"] = {"failed": 1, "conditions": [{**failed, "lastTransitionTime": "2026-03-02T00:01:00Z"}]}
    await restarting(world)
    assert world.run_status(RUN)["dump"]["phase"] == "Succeeded"
    assert world.run_status(RUN)["dump"]["rows"] == 30


async def test_a_success_that_was_seen_stays_one_when_the_job_is_removed() -> None:
    world = await started()
    start(world, DUMP)
    end_ours(world, DUMP, DUMPED)
    await world.reconcile()
    world.cluster.remove(JOB, NAMESPACE, DUMP)
    await restarting(world)
    assert (world.run_status(RUN)["dump"]["phase"], world.run_status(RUN)["phase"]) == ("Succeeded", "Loading")


async def test_a_rollback_beside_a_sidecar_tells_to_what() -> None:
    world = World(spec(schedule=None))
    world.cluster.put(RUN_KIND, manual_run("back", action="Rollback", targets=["dev"]))
    await restarting(world)
    told = Report(outcome="Succeeded", reason="RolledBack", message="rolled back to yesterday")
    await ended(world, "back-load-dev", told)
    assert world.run_status("back")["phase"] == "Succeeded"
    target = world.run_status("back")["targets"][0]
    assert (target["reason"], target["message"]) == ("RolledBack", "rolled back to yesterday")


async def test_logs_are_those_of_our_container() -> None:
    world = await started()
    start(world, DUMP)
    asked: list[str] = []
    real = world.cluster.log_tail

    async def log_tail(namespace: str, pod: str, container: str, lines: int) -> list[str]:
        asked.append(container)
        return await real(namespace, pod, container, lines)

    world.cluster.log_tail = log_tail  # type: ignore[method-assign]
    await restarting(world)
    assert set(asked) == {"dump"}


@pytest.mark.parametrize(
    ("states", "words"),
    [
        (
            ("InitContainerWaiting", "initContainerStatuses"),
            "init container mesh of the pod: ImagePullBackOff: no such image",
        ),
        (("SidecarWaiting", "containerStatuses"), "container mesh of the pod: ImagePullBackOff: no such image"),
    ],
)
async def test_another_container_that_holds_the_pod_up_is_told_and_fails_in_time(
    states: tuple[str, str], words: str
) -> None:
    world = await started()
    world.jobs.start(world.job(DUMP), phase="Pending", waiting={"reason": "PodInitializing"})
    status = pod_of(world, DUMP)["status"]
    waiting = {"reason": "ImagePullBackOff", "message": "no such image"}
    status[states[1]] = [*status.get(states[1], ()), {"name": "mesh", "state": {"waiting": waiting}}]
    await restarting(world)
    step = world.run_status(RUN)["dump"]
    assert (step["phase"], step["reason"], step["message"]) == ("Pending", states[0], words)
    world.clock.advance(seconds=601)
    await restarting(world)
    assert world.run_status(RUN)["dump"]["reason"] == "StartTimeout"
    assert words in world.run_status(RUN)["message"]


async def test_an_attempt_whose_init_container_failed_is_told_and_tried_again() -> None:
    world = await started()
    world.jobs.start(world.job(DUMP), phase="Pending", waiting={"reason": "PodInitializing"})
    pod = pod_of(world, DUMP)
    ended_init = {"exitCode": 1, "message": "no network", "finishedAt": times.to_text(world.clock())}
    pod["status"] |= {
        "phase": "Failed",
        "initContainerStatuses": [{"name": "mesh", "state": {"terminated": ended_init}}],
    }
    world.job(DUMP)["status"] |= {"active": 0, "failed": 1}
    await restarting(world)
    step = world.run_status(RUN)["dump"]
    assert (step["phase"], step["reason"]) == ("Retrying", "InitContainerFailed")
    assert step["message"] == "init container mesh of the pod ended with exit code 1: no network"
    world.clock.advance(seconds=301)
    await restarting(world)
    world.finish(DUMP, DUMPED)
    await restarting(world)
    assert world.run_status(RUN)["dump"]["phase"] == "Succeeded"


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_killed_at_any_request_the_end_is_the_same(moment: Moment) -> None:
    """Above all between the record of how the program ended and the end of its pod."""

    def seen(world: World) -> tuple[Any, ...]:
        status = world.run_status(RUN)
        step = status["dump"]
        codes = [attempt["exitCode"] for attempt in step["endedAttempts"]]
        stopped = [names.STOPPED_ANNOTATION in job["metadata"]["annotations"] for job in world.cluster.of_kind(JOB)]
        return status["phase"], step["rows"], step["attempts"], codes, world.job_names, stopped, pod_names(world)

    dump = [*ending(DUMP, UNREACHABLE), pause(seconds=301), *ending(DUMP, DUMPED)]
    loads = [act for target in ("dev", "qa", "staging") for act in ending(f"{RUN}-load-{target}", LOADED)]
    story = Story([nothing, World.make_due, *dump, *loads], restarting)
    clean = await story.tell(World())
    expected = seen(clean)
    assert expected[:4] == ("Succeeded", 30, 2, [75, 0])
    assert (expected[5], expected[6]) == ([True] * 4, [])
    for number in range(1, clean.cluster.calls + 1, 9 if moment == "before" else 7):
        assert seen(await story.killed(moment, number)) == expected, f"killed {moment} call {number}"
