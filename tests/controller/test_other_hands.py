"""Jobs that others suspend, resume or remove: what is not ours to decide is told and left alone."""

from datetime import timedelta

import pytest

from datareplication.controller.cluster import EVENT, JOB, POD, ClusterError, Kind, Object, UnavailableError
from datareplication.core import names, times
from support.world import CORRUPT, DUMPED, LOADED, NAME, UNREACHABLE, World, spec

RUN = f"{NAME}-202603020000"
DUMP = f"{RUN}-dump"
NAMESPACE = "data"


async def started(**more: object) -> World:
    """A world whose first slot has just become due."""
    world = World(spec(**more))
    await world.settle()
    world.make_due()
    await world.settle()
    return world


def suspend(world: World, name: str = DUMP) -> None:
    """Suspend a Job as a person or a queue does: its pods go."""
    world.job(name)["spec"]["suspend"] = True
    for pod in world.cluster.of_kind(POD):
        world.cluster.remove(POD, NAMESPACE, pod["metadata"]["name"])
    world.job(name).setdefault("status", {})["active"] = 0


def resume(world: World, name: str = DUMP) -> None:
    world.job(name)["spec"]["suspend"] = False


def patches(world: World, name: str = DUMP) -> int:
    return world.cluster.writes.count(f"patch Job {name}")


class TestHeld:
    async def test_a_job_that_somebody_suspended_is_left_to_him_and_told(self) -> None:
        world = await started()
        suspend(world)
        await world.settle()
        assert world.job(DUMP)["spec"]["suspend"] is True
        step = world.run_status(RUN)["dump"]
        assert (step["phase"], step["reason"]) == ("Pending", "JobHeld")
        assert world.run_status(RUN)["message"].startswith("dump: its Job is suspended by somebody else")
        assert patches(world) == 0

    async def test_it_goes_on_when_it_is_resumed(self) -> None:
        world = await started()
        suspend(world)
        await world.settle()
        resume(world)
        await world.settle()
        assert "reason" not in world.run_status(RUN)["dump"]
        world.finish(DUMP, DUMPED)
        await world.settle()
        assert world.run_status(RUN)["phase"] == "Loading"

    async def test_it_does_not_fail_for_not_starting(self) -> None:
        """A queue may hold it for hours."""
        world = await started(startTimeoutSeconds=60)
        suspend(world)
        world.clock.advance(hours=1)
        await world.settle()
        assert world.run_status(RUN)["dump"]["reason"] == "JobHeld"

    async def test_it_ends_with_its_run(self) -> None:
        world = await started(timeoutSeconds=600)
        suspend(world)
        await world.settle()
        world.clock.advance(seconds=601)
        await world.settle()
        assert (world.run_status(RUN)["phase"], world.run_status(RUN)["dump"]["reason"]) == ("Failed", "RunTimeout")

    async def test_a_job_that_we_ended_has_no_time_left_when_somebody_resumes_it(self) -> None:
        world = await started(timeoutSeconds=600)
        world.clock.advance(seconds=601)
        await world.settle()
        assert world.job(DUMP)["spec"]["activeDeadlineSeconds"] == 0

    async def test_a_suspension_after_our_delay_is_not_ours(self) -> None:
        world = await started()
        world.finish(DUMP, UNREACHABLE)
        await world.settle()
        world.clock.advance(seconds=301)
        await world.settle()
        assert world.job(DUMP)["spec"]["suspend"] is False
        world.jobs.start(world.job(DUMP))
        await world.settle()
        suspend(world)
        await world.settle()
        assert world.job(DUMP)["spec"]["suspend"] is True
        assert world.run_status(RUN)["dump"]["reason"] == "JobHeld"

    async def test_neither_is_one_after_somebody_cut_our_delay_short(self) -> None:
        """As a queue does that has admitted the Job."""
        world = await started()
        world.finish(DUMP, UNREACHABLE)
        await world.settle()
        resume(world)
        world.jobs.start(world.job(DUMP))
        await world.settle()
        suspend(world)
        world.clock.advance(seconds=301)
        await world.settle()
        assert world.job(DUMP)["spec"]["suspend"] is True
        assert world.run_status(RUN)["dump"]["reason"] == "JobHeld"

    async def test_a_pod_that_the_suspension_ended_costs_no_attempt(self) -> None:
        world = await started(retryPolicy={"retries": 0, "delaySeconds": 1})
        world.jobs.start(world.job(DUMP))
        await world.settle()
        world.job(DUMP)["spec"]["suspend"] = True
        world.jobs.end(world.job(DUMP), UNREACHABLE, exit_code=75)
        world.job(DUMP)["status"]["failed"] = 0
        pod = world.cluster.of_kind(POD)[0]
        pod["metadata"]["deletionTimestamp"] = times.to_text(world.clock())
        await world.settle()
        world.cluster.remove(POD, NAMESPACE, pod["metadata"]["name"])
        resume(world)
        world.finish(DUMP, DUMPED)
        await world.settle()
        assert [(a["exitCode"], a["isDisruption"]) for a in world.run_status(RUN)["dump"]["endedAttempts"]] == [
            (75, True),
            (0, False),
        ]
        assert world.run_status(RUN)["dump"]["phase"] == "Succeeded"

    @pytest.mark.parametrize("annotation", ["abc", "", "9999-12-31T23:59:59-14:00"])
    async def test_a_time_that_nobody_can_read_is_not_ours(self, annotation: str) -> None:
        world = await started()
        suspend(world)
        world.job(DUMP)["metadata"]["annotations"] = {
            names.RETRY_AT_ANNOTATION: annotation,
            names.DELAYED_ANNOTATION: "x",
        }
        await world.settle()
        assert world.run_status(RUN)["dump"]["reason"] == "JobHeld"


class TestGone:
    @pytest.mark.parametrize("has_run", [False, True])
    async def test_a_job_that_was_removed_is_a_failure_with_a_name_and_is_not_made_again(self, has_run: bool) -> None:
        world = await started()
        if has_run:
            world.jobs.start(world.job(DUMP))
            await world.settle()
        world.cluster.remove(JOB, NAMESPACE, DUMP)
        await world.settle()
        status = world.run_status(RUN)
        assert (status["phase"], status["dump"]["reason"]) == ("Failed", "JobGone")
        assert "start a run by hand" in status["message"]
        assert world.job_names == []

    async def test_a_dump_that_fails_for_good_is_not_repeated_by_a_time_to_live(self) -> None:
        """The operator is away as the Job ends and is removed, again and again."""
        world = await started()
        for _ in range(6):
            if DUMP in world.job_names:
                world.finish(DUMP, CORRUPT)
                world.cluster.remove(JOB, NAMESPACE, DUMP)
            await world.settle()
        assert world.cluster.writes.count(f"create Job {DUMP}") == 1

    async def test_a_load_that_was_removed_fails_alone(self) -> None:
        world = await started()
        world.finish(DUMP, DUMPED)
        await world.settle()
        world.cluster.remove(JOB, NAMESPACE, f"{RUN}-load-qa")
        for target in ("dev", "staging"):
            world.finish(f"{RUN}-load-{target}", LOADED)
        await world.settle(6)
        status = world.run_status(RUN)
        assert (status["phase"], status["targetsSummary"]) == ("PartiallyFailed", "2/3")

    async def test_a_view_of_the_past_in_which_it_was_not_made_yet_does_not_say_that_it_is_gone(self) -> None:
        world = await started()
        real = world.cluster.get

        async def stale(kind: Kind, namespace: str, name: str) -> Object | None:
            return None if kind == JOB else await real(kind, namespace, name)

        world.cluster.get = stale  # type: ignore[method-assign]
        before = list(world.cluster.writes)
        await world.settle()
        assert world.run_status(RUN)["phase"] == "Dumping"
        assert world.cluster.writes == before

    async def test_its_pods_are_waited_for(self) -> None:
        """A Job removed with --cascade=orphan leaves its pod at work."""
        world = await started()
        world.jobs.start(world.job(DUMP))
        await world.settle()
        world.cluster.objects.pop(("Job", NAMESPACE, DUMP))
        await world.settle()
        step = world.run_status(RUN)["dump"]
        assert (step["phase"], step["reason"]) == ("Running", "JobGone")
        pod = world.cluster.of_kind(POD)[0]
        world.cluster.put(POD, {**pod, "status": {**pod["status"], "phase": "Succeeded"}})
        await world.settle()
        assert world.run_status(RUN)["phase"] == "Failed"

    async def test_a_pod_with_our_labels_does_not_hold_a_run_open_beyond_its_time(self) -> None:
        world = await started(timeoutSeconds=600)
        world.jobs.start(world.job(DUMP))
        await world.settle()
        world.cluster.objects.pop(("Job", NAMESPACE, DUMP))
        world.clock.advance(seconds=601)
        await world.settle()
        assert world.run_status(RUN)["phase"] == "Failed"

    async def test_a_job_whose_creation_was_not_answered_is_adopted(self) -> None:
        world = World()
        await world.settle()
        world.make_due()
        real = world.cluster.create

        async def cut_off(kind: Kind, manifest: Object) -> Object:
            made = await real(kind, manifest)
            if kind == JOB:
                raise UnavailableError("POST: cut off")
            return made

        world.cluster.create = cut_off  # type: ignore[method-assign]
        with pytest.raises(ClusterError):
            await world.reconcile()
        world.cluster.create = real  # type: ignore[method-assign]
        await world.settle()
        world.finish(DUMP, DUMPED)
        await world.settle()
        assert world.run_status(RUN)["phase"] == "Loading"
        assert world.cluster.writes.count(f"create Job {DUMP}") == 1
        assert not [event for event in world.cluster.of_kind(EVENT) if event["reason"] == "RunFailed"]


async def waiting(change: Object) -> World:
    """A world whose dump's Job somebody has changed before it had a pod; a minute is what it may take to start."""
    world = await started(startTimeoutSeconds=60)
    job = world.job(DUMP)
    job["status"] = {"startTime": times.to_text(world.clock())}
    for part, fields in change.items():
        job[part] |= fields
    await world.settle()
    return world


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"metadata": {"deletionTimestamp": "2026-03-02T00:00:01Z", "finalizers": ["x/y"]}}, "JobTerminating"),
        ({"spec": {"parallelism": 0}}, "JobParallelism"),
    ],
)
async def test_a_job_that_makes_no_pod_says_why_and_fails_in_time(change: Object, reason: str) -> None:
    world = await waiting(change)
    dump = world.run_status(RUN)["dump"]
    assert (dump["phase"], dump["reason"]) == ("Pending", reason)
    world.clock.advance(seconds=61)
    await world.settle()
    dump = world.run_status(RUN)["dump"]
    assert (dump["phase"], dump["reason"]) == ("Failed", "StartTimeout")
    assert reason in dump["message"]


async def test_a_name_that_another_runs_job_holds_is_told_waited_for_seldom_and_not_for_ever() -> None:
    world = World(spec(startTimeoutSeconds=60))
    owner = {"kind": "DataReplicationRun", "name": "other", "uid": "other", "controller": True}
    metadata = {"name": DUMP, "namespace": NAMESPACE, "ownerReferences": [owner]}
    world.cluster.put(JOB, {"metadata": metadata, "spec": {}})
    await world.settle()
    world.make_due()
    outcome = await world.settle()
    dump = world.run_status(RUN)["dump"]
    assert (dump["phase"], dump["reason"]) == ("Waiting", "JobNameTaken")
    assert outcome.requeue_at >= world.clock() + timedelta(seconds=10)
    world.clock.advance(seconds=61)
    await world.settle()
    dump = world.run_status(RUN)["dump"]
    assert (dump["phase"], dump["reason"]) == ("Failed", "StartTimeout")
    assert world.job(DUMP)["metadata"]["ownerReferences"] == [owner]
