"""Objects and moments that Kubernetes and people bring about rarely: each is told, and none holds up anything else."""

from dataclasses import replace
from typing import Any

import pytest

from datareplication.controller.cluster import EVENT, POD, REPLICATION, RUN, Kind, Object, RejectedError
from datareplication.core import times
from support.world import CORRUPT, DUMPED, LOADED, NAME, NAMESPACE, World, connection, manual_run, spec

SLOT = "prod-fanout-202603020000"
NEXT = "prod-fanout-202603030000"
BAD_SCHEDULE = {"cron": "61 * * * *"}


async def at_its_slot(**more: Any) -> World:
    """A world whose first slot has become a run with a dump Job."""
    world = World(spec(**more))
    await world.settle()
    world.make_due()
    await world.settle()
    return world


async def load_all(world: World, run: str, targets: tuple[str, ...] = ("dev", "staging", "qa")) -> None:
    world.finish(f"{run}-dump", DUMPED)
    await world.settle()
    for target in targets:
        world.finish(f"{run}-load-{target}", LOADED)
    await world.settle(6)


def change(world: World, **fields: Any) -> None:
    raw = world.cluster.peek(REPLICATION, NAMESPACE, NAME)
    world.cluster.put(REPLICATION, {**raw, "spec": {**raw["spec"], **fields}})


def refuse(world: World, kind: Kind, verb: str, *, unless: str = "") -> None:
    """Let the API refuse one verb for a kind."""
    real = getattr(world.cluster, verb)

    async def refusing(asked: Kind, *arguments: Any) -> Object:
        if asked == kind and (not unless or unless not in str(arguments)):
            raise RejectedError("exceeded quota", 403)
        answer: Object = await real(asked, *arguments)
        return answer

    setattr(world.cluster, verb, refusing)


async def test_a_container_whose_end_nobody_knows_is_a_failed_attempt() -> None:
    """ContainerStatusUnknown: the kubelet could not find it any more, and both its times are null."""
    world = await at_its_slot()
    world.jobs.start(world.job(f"{SLOT}-dump"))
    pod = world.cluster.of_kind(POD)[0]
    end = {"exitCode": 137, "reason": "ContainerStatusUnknown", "startedAt": None, "finishedAt": None}
    world.cluster.put(
        POD,
        {**pod, "status": {"phase": "Failed", "containerStatuses": [{"name": "dump", "state": {"terminated": end}}]}},
    )
    job = world.job(f"{SLOT}-dump")
    job["status"] |= {"active": 0, "failed": 1}
    await world.settle()
    assert (world.run_status(SLOT)["dump"]["phase"], world.job(f"{SLOT}-dump")["spec"]["suspend"]) == ("Retrying", True)


class TestRefusedWrites:
    async def test_a_data_interval_that_a_run_came_with_is_kept(self) -> None:
        """The schema refuses to change it."""
        interval = {"start": "2026-02-01T00:00:00Z", "end": "2026-02-02T00:00:00Z"}
        world = World()
        world.cluster.put(RUN, manual_run(dataInterval=interval))
        await world.settle()
        found = world.cluster.peek(RUN, NAMESPACE, "now")["spec"]
        assert (found["dataInterval"], world.job_names) == (interval, ["now-dump"])

    async def test_a_run_that_cannot_be_completed_waits_alone(self) -> None:
        world = await at_its_slot()
        world.finish(f"{SLOT}-dump", DUMPED)
        world.cluster.put(RUN, manual_run())
        refuse(world, RUN, "patch")
        await world.settle()
        assert world.run_status("now")["message"] == (
            "Kubernetes refused to complete it; the operator tries again: exceeded quota"
        )
        assert len(world.job_names) == 4

    async def test_a_slot_whose_run_is_refused_waits_and_the_others_go_on(self) -> None:
        world = World(spec(schedule={"cron": "@hourly"}, concurrencyPolicy="Allow", maxActiveRuns=2))
        await world.settle()
        world.clock.moment = world.clock.moment.replace(hour=13, second=1)
        await world.settle()
        world.finish("prod-fanout-202603011300-dump", DUMPED)
        real = world.cluster.create
        refuse(world, RUN, "create")
        world.clock.moment = world.clock.moment.replace(hour=14, second=1)
        await world.settle()
        assert world.run_status("prod-fanout-202603011300")["phase"] == "Loading"
        assert world.condition("Held") == (
            "True",
            "RunRejected",
            "the slot of 2026-03-01T14:00:00Z waits: Kubernetes refused its run: exceeded quota",
        )
        world.cluster.create = real  # type: ignore[method-assign]
        await world.settle()
        assert "prod-fanout-202603011400" in world.run_names
        assert world.condition("Held")[0] == "False"


class TestInvalidSpec:
    async def test_older_data_does_not_come_after_newer(self) -> None:
        world = World(spec(schedule={"cron": "@hourly"}, concurrencyPolicy="Allow", maxActiveRuns=2))
        await world.settle()
        for hour in (13, 14):
            world.clock.moment = world.clock.moment.replace(hour=hour, minute=0, second=1)
            await world.settle()
            world.finish(f"prod-fanout-20260301{hour}00-dump", DUMPED)
            await world.settle()
        change(world, schedule=BAD_SCHEDULE)
        await world.settle()
        assert [name for name in world.job_names if "1400-load" in name] == []

    async def test_it_is_looked_at_again_when_its_data_is_too_old(self) -> None:
        world = await at_its_slot()
        await load_all(world, SLOT)
        change(world, schedule=BAD_SCHEDULE)
        outcome = await world.settle()
        assert times.to_text(outcome.requeue_at) > world.status["targets"][0]["freshUntil"]
        world.clock.moment = outcome.requeue_at
        await world.settle()
        assert world.condition("Fresh")[:2] == ("False", "Stale")


class TestPodThatIsNeverMade:
    async def test_the_run_tells_why_and_fails_in_time(self) -> None:
        """A quota, the namespace's Pod Security or a webhook: only the Job's Events tell."""
        world = await at_its_slot()
        job = world.job(f"{SLOT}-dump")
        job["status"] = {"startTime": times.to_text(world.clock())}
        world.clock.advance(seconds=11)
        event = {
            "metadata": {"name": "e", "namespace": NAMESPACE},
            "involvedObject": {"kind": "Job", "name": f"{SLOT}-dump"},
            "reason": "FailedCreate",
            "message": "exceeded quota: compute",
            "lastTimestamp": times.to_text(world.clock()),
        }
        world.cluster.put(EVENT, event)
        await world.settle()
        assert world.run_status(SLOT)["message"].startswith("dump: exceeded quota: compute; make room in the namespace")
        world.clock.advance(seconds=600)
        await world.settle()
        status = world.run_status(SLOT)
        assert (status["phase"], status["dump"]["reason"]) == ("Failed", "StartTimeout")

    async def test_what_was_told_of_an_attempt_before_is_not_told_again(self) -> None:
        world = await at_its_slot()
        world.job(f"{SLOT}-dump")["status"] = {"startTime": times.to_text(world.clock())}
        event = {
            "metadata": {"name": "e", "namespace": NAMESPACE},
            "involvedObject": {"kind": "Job", "name": f"{SLOT}-dump"},
            "reason": "FailedCreate",
            "message": "exceeded quota: compute",
            "lastTimestamp": "2026-03-01T00:00:00Z",
        }
        world.cluster.put(EVENT, event)
        world.clock.advance(seconds=11)
        await world.settle()
        assert world.run_status(SLOT).get("message", "") == ""


class TestSlotsOfOthers:
    async def test_a_run_by_hand_with_a_slots_name_is_not_that_slots(self) -> None:
        world = World()
        await world.settle()
        world.cluster.put(RUN, manual_run(SLOT))
        await world.settle()
        world.finish(f"{SLOT}-dump", CORRUPT)
        await world.settle()
        world.make_due()
        await world.settle()
        reasons = [event["reason"] for event in world.cluster.of_kind(EVENT)]
        assert (reasons.count("RunNameTaken"), world.status["lastScheduleTime"]) == (1, "2026-03-02T00:00:00Z")

    @pytest.mark.parametrize("slot", ["2027-03-02T00:00:00Z", "2026-02-20T00:00:00Z"])
    async def test_a_run_by_hand_has_no_slot(self, slot: str) -> None:
        """A copy of an old run, which would have timed out long ago, or one that would silence the schedule."""
        world = World()
        await world.settle()
        run = manual_run("again", slot=slot)
        run["metadata"]["annotations"] = {"datareplication.dev/begun-at": "2026-02-20T00:00:01Z"}
        world.cluster.put(RUN, run)
        await world.settle()
        told = world.run_status("again")
        assert (told["phase"], told["message"].partition(":")[0]) == ("Failed", "spec.slot")
        world.make_due()
        await world.settle()
        assert SLOT in world.run_names

    async def test_a_slot_far_ahead_does_not_silence_the_schedule(self) -> None:
        """Of a clock that was wrong once."""
        world = World()
        await world.settle()
        raw = world.cluster.peek(REPLICATION, NAMESPACE, NAME)
        raw["status"]["lastScheduleTime"] = "2027-03-02T00:00:00Z"
        world.make_due()
        await world.settle()
        assert (world.run_names, world.status["lastScheduleTime"]) == ([SLOT], "2026-03-02T00:00:00Z")


async def test_a_run_made_anew_waits_for_the_job_of_the_one_that_was_deleted() -> None:
    """The garbage collector takes a moment."""
    world = World(spec(schedule=None))
    world.cluster.put(RUN, manual_run())
    await world.settle()
    job = world.job("now-dump")
    world.cluster.objects.pop(("DataReplicationRun", NAMESPACE, "now"))
    world.cluster.put(RUN, manual_run())
    await world.settle()
    assert world.run_status("now")["phase"] == "Dumping"
    world.cluster.objects.pop(("Job", NAMESPACE, "now-dump"))
    await world.settle()
    assert world.job("now-dump")["metadata"]["uid"] != job["metadata"]["uid"]


async def test_what_was_loaded_later_is_not_marked_by_an_older_failure() -> None:
    """Of a run that failed before it reached its targets, and outlives the one that loaded them."""
    world = await at_its_slot(history={"successful": 1, "failed": 3})
    world.finish(f"{SLOT}-dump", CORRUPT)
    await world.settle()
    world.make_due()
    await world.settle()
    await load_all(world, NEXT)
    world.clock.advance(hours=1)
    world.cluster.put(RUN, manual_run("again", targets=["dev"]))
    await world.settle()
    await load_all(world, "again", ("dev",))
    assert world.run_names == ["again", SLOT]
    assert world.status["targetsSummary"] == "3/3"


async def test_many_long_failures_end_a_run() -> None:
    """A condition's message has a limit, and a status beyond it is never written."""
    names = [f"t{number}" for number in range(32)]
    world = await at_its_slot(targets=[{"name": name, **connection(f"{name}-db")} for name in names])
    world.finish(f"{SLOT}-dump", DUMPED)
    await world.settle()
    for name in names:
        world.finish(f"{SLOT}-load-{name}", replace(CORRUPT, message="r" * 2800))
    await world.settle()
    assert (world.run_status(SLOT)["phase"], world.status["phase"]) == ("Failed", "Failed")
