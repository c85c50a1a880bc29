"""A run is called ended when its Jobs do nothing more, and a target's facts follow what was done to it."""

import copy
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from datareplication.controller.cluster import JOB, REPLICATION, RUN, InvalidError, Kind, Object
from datareplication.core import names, times
from support.fake_cluster import FakeCluster
from support.world import CORRUPT, DUMPED, LOADED, NAME, NAMESPACE, World, manual_run, spec

STOPPED = "datareplication.dev/stopped"
TOLD = replace(LOADED, snapshot="/snapshots/prod-fanout/now/x", snapshot_time=DUMPED.snapshot_time)
TARGETS = ("dev", "staging", "qa")


def orphan(cluster: FakeCluster, kind: Kind, name: str) -> None:
    """Delete an object with `--cascade=orphan`: what it owns stays, without an owner."""
    removed = cluster.objects.pop((kind.name, NAMESPACE, name))
    for child in cluster.objects.values():
        if names.is_owned_by(child, removed["metadata"]["uid"]):
            del child["metadata"]["ownerReferences"]


def create(world: World, **more: Any) -> None:
    metadata = {"name": NAME, "namespace": NAMESPACE}
    world.cluster.put(REPLICATION, {"metadata": metadata, "spec": spec(schedule=None, **more)})


async def loading(**more: Any) -> World:
    """A run whose three loads run, made a minute ago."""
    world = World(spec(schedule=None, **more))
    world.cluster.put(RUN, manual_run())
    await world.settle()
    world.finish("now-dump", DUMPED)
    await world.settle()
    for target in TARGETS:
        world.jobs.start(world.job(f"now-load-{target}"))
    await world.settle()
    world.clock.advance(minutes=1)
    return world


def end(world: World, target: str, code: int = 0) -> None:
    """End the pod of a load that runs."""
    report = replace(CORRUPT, exit_code=code) if code else TOLD
    world.jobs.end(world.job(f"now-load-{target}"), report, exit_code=code)


def data_times(world: World) -> dict[str, str]:
    return {target["name"]: target.get("dataTime", "") for target in world.status["targets"]}


def reason(world: World, run: str = "now") -> str:
    found = {one["type"]: one["reason"] for one in world.run_status(run)["conditions"]}
    return str(found["Finished"])


def suspended(world: World) -> list[str]:
    return [job["metadata"]["name"] for job in world.cluster.of_kind(JOB) if job["spec"].get("suspend")]


class TestResourceOrphansItsRuns:
    async def test_a_run_that_has_begun_goes_on_to_its_end(self) -> None:
        world = await loading()
        orphan(world.cluster, REPLICATION, NAME)
        outcome = await world.settle()
        assert (world.run_status("now")["phase"], outcome.is_gone) == ("Loading", False)
        for target in TARGETS:
            end(world, target)
        await world.settle()
        assert (world.run_status("now")["phase"], world.run_status("now")["targetsSummary"]) == ("Succeeded", "3/3")

    async def test_a_resource_that_is_made_anew_knows_what_was_loaded(self) -> None:
        world = await loading()
        orphan(world.cluster, REPLICATION, NAME)
        await world.settle()
        end(world, "dev")
        await world.settle()
        create(world)
        await world.settle()
        assert (world.status["targetsSummary"], world.status["activeRuns"]) == ("1/3", ["now"])
        owner = world.cluster.peek(REPLICATION, NAMESPACE, NAME)["metadata"]["uid"]
        assert names.is_owned_by(world.cluster.peek(RUN, NAMESPACE, "now"), owner), "the run goes with it again"
        for target in ("staging", "qa"):
            end(world, target)
        await world.settle()
        assert world.status["targetsSummary"] == "3/3"
        assert data_times(world) == dict.fromkeys(TARGETS, DUMPED.snapshot_time)

    async def test_runs_that_have_ended_go_with_it_again_too(self) -> None:
        world = await loading()
        for target in TARGETS:
            end(world, target)
        await world.settle()
        orphan(world.cluster, REPLICATION, NAME)
        create(world)
        await world.settle()
        assert world.status["targetsSummary"] == "3/3"
        world.cluster.remove(REPLICATION, NAMESPACE, NAME)
        assert (world.run_names, world.job_names) == ([], [])

    async def test_a_run_that_waits_ends_at_once(self) -> None:
        world = await loading()
        world.cluster.put(RUN, manual_run("second"))
        await world.settle()
        orphan(world.cluster, REPLICATION, NAME)
        await world.settle()
        assert (world.run_status("second")["phase"], reason(world, "second")) == ("Failed", "ReplicationNotFound")

    async def test_a_run_that_only_says_it_has_begun_is_not_carried_out(self) -> None:
        world = World(spec())
        orphan(world.cluster, REPLICATION, NAME)
        run = manual_run("prod-fanout-202603010000", slot="2026-03-01T00:00:00Z", replication=spec())
        run["metadata"]["annotations"] = {"datareplication.dev/begun-at": "2026-03-01T00:00:01Z"}
        world.cluster.put(RUN, run)
        await world.settle()
        assert world.job_names == []
        assert world.run_status("prod-fanout-202603010000")["phase"] == "Failed"


class TestRunOrphansItsJobs:
    async def test_its_jobs_are_ended_and_until_then_it_is_active(self) -> None:
        world = await loading()
        orphan(world.cluster, RUN, "now")
        await world.settle()
        assert suspended(world) == [f"now-load-{target}" for target in sorted(TARGETS)]
        assert world.job("now-load-dev")["metadata"]["annotations"][STOPPED].startswith("RunDeleted: ")
        assert world.status["activeRuns"] == ["now"]
        for target in TARGETS:
            end(world, target, code=75)
        await world.settle()
        assert "activeRuns" not in world.status
        assert data_times(world) == dict.fromkeys(TARGETS, "")
        assert "run now was deleted" in world.status["targets"][0]["message"]

    async def test_a_run_is_active_and_its_jobs_are_ended_while_it_is_being_deleted(self) -> None:
        world = await loading()
        world.cluster.peek(RUN, NAMESPACE, "now")["metadata"]["deletionTimestamp"] = "2026-03-01T12:00:00Z"
        await world.settle()
        assert (world.status["activeRuns"], len(suspended(world))) == (["now"], 3)
        orphan(world.cluster, RUN, "now")
        await world.settle()
        assert len(suspended(world)) == 3

    @pytest.mark.parametrize("orphaned", [1, 2, 3])
    async def test_jobs_are_ended_that_are_orphaned_before_their_run_is_gone(self, orphaned: int) -> None:
        """The garbage collector takes the owner from one Job after the other, and only then lets the run go."""
        world = await loading()
        world.cluster.peek(RUN, NAMESPACE, "now")["metadata"]["deletionTimestamp"] = "2026-03-01T12:00:00Z"
        for target in TARGETS[:orphaned]:
            del world.job(f"now-load-{target}")["metadata"]["ownerReferences"]
        await world.settle()
        assert len(suspended(world)) == 3
        assert world.status["activeRuns"] == ["now"]
        orphan(world.cluster, RUN, "now")
        end(world, "dev")
        for target in ("staging", "qa"):
            end(world, target, code=75)
        await world.settle()
        assert "activeRuns" not in world.status
        assert data_times(world) == {"dev": DUMPED.snapshot_time, "qa": "", "staging": ""}

    async def test_a_job_of_another_name_is_none_of_the_deleted_run(self) -> None:
        world = await loading()
        forged = copy.deepcopy(world.job("now-load-dev"))
        forged["metadata"] |= {"name": "forged", "uid": "forged"}
        del forged["metadata"]["ownerReferences"]
        world.cluster.put(JOB, forged)
        world.cluster.put(JOB, {**world.job("forged"), "status": {}})
        world.finish("forged", TOLD)
        world.cluster.peek(RUN, NAMESPACE, "now")["metadata"]["deletionTimestamp"] = "2026-03-01T12:00:00Z"
        await world.settle()
        for target in TARGETS:
            end(world, target, code=75)
        await world.settle()
        assert data_times(world) == dict.fromkeys(TARGETS, "")

    async def test_a_target_that_was_loaded_all_the_same_is_told_so(self) -> None:
        world = await loading()
        orphan(world.cluster, RUN, "now")
        end(world, "qa")
        await world.settle()
        end(world, "dev")
        end(world, "staging", code=75)
        await world.settle()
        assert world.status["targetsSummary"] == "2/3"
        assert data_times(world) == {"dev": DUMPED.snapshot_time, "qa": DUMPED.snapshot_time, "staging": ""}

    async def test_they_end_also_where_the_resource_is_gone_and_made_anew_which_does_not_know_the_run(self) -> None:
        world = await loading()
        orphan(world.cluster, REPLICATION, NAME)
        orphan(world.cluster, RUN, "now")
        await world.settle()
        assert len(suspended(world)) == 3
        for target in TARGETS:
            end(world, target)
        create(world)
        await world.settle()
        assert data_times(world) == dict.fromkeys(TARGETS, "")

    async def test_a_job_that_somebody_made_up_tells_nothing_of_a_target(self) -> None:
        world = await loading()
        forged = copy.deepcopy(world.job("now-load-dev"))
        forged["metadata"] |= {"name": "forged", "uid": "forged"}
        forged["metadata"]["labels"]["datareplication.dev/run"] = "made-up"
        del forged["metadata"]["ownerReferences"]
        world.cluster.put(JOB, forged)
        world.cluster.put(JOB, {**world.job("forged"), "status": {}})
        world.finish("forged", replace(LOADED, snapshot_time="2026-03-01T11:59:00Z"))
        orphan(world.cluster, RUN, "now")
        await world.settle()
        assert data_times(world) == dict.fromkeys(TARGETS, "")

    async def test_also_where_the_run_is_made_anew_at_once(self) -> None:
        world = await loading()
        orphan(world.cluster, RUN, "now")
        world.cluster.put(RUN, manual_run())
        await world.settle()
        assert reason(world) == "ForeignJob"
        assert len(suspended(world)) == 3

    async def test_jobs_that_go_with_their_run_are_left_alone(self) -> None:
        world = await loading()
        world.cluster.objects.pop(("DataReplicationRun", NAMESPACE, "now"))
        await world.settle()
        assert suspended(world) == []
        assert "activeRuns" not in world.status

    async def test_jobs_of_others_are_left_alone(self) -> None:
        world = await loading()
        his = copy.deepcopy(world.job("now-load-dev"))
        his["metadata"] |= {"name": "his", "labels": {"datareplication.dev/replication": NAME}, "uid": "his"}
        del his["metadata"]["ownerReferences"]
        world.cluster.put(JOB, his)
        orphan(world.cluster, RUN, "now")
        await world.settle()
        assert "his" not in suspended(world)


async def test_a_run_that_cannot_be_read_any_more_ends_after_its_jobs() -> None:
    """Its copy of the spec is of an operator that took what this one refuses."""
    world = await loading()
    world.cluster.peek(RUN, NAMESPACE, "now")["spec"]["replication"]["podSecurityContext"] = {"runAsUser": 0}
    end(world, "dev")
    await world.settle()
    assert suspended(world) == ["now-load-qa", "now-load-staging"]
    assert "completionTime" not in world.run_status("now")
    assert "runAsUser" in world.run_status("now")["message"]
    end(world, "qa")
    end(world, "staging", code=75)
    await world.settle()
    told = world.run_status("now")
    assert (told["phase"], reason(world), told["targetsSummary"]) == ("Failed", "InvalidSpec", "2/3")
    assert data_times(world) == {"dev": DUMPED.snapshot_time, "qa": DUMPED.snapshot_time, "staging": ""}


async def test_a_target_that_was_loaded_by_a_run_that_timed_out_shows_the_new_data() -> None:
    world = await loading()
    end(world, "dev")
    world.clock.advance(hours=7)
    await world.settle()
    for target in ("staging", "qa"):
        end(world, target, code=75)
    await world.settle()
    assert (world.run_status("now")["phase"], reason(world)) == ("PartiallyFailed", "RunTimeout")
    assert data_times(world) == {"dev": DUMPED.snapshot_time, "qa": "", "staging": ""}


async def test_a_target_that_is_loaded_while_the_spec_is_invalid_shows_the_new_data() -> None:
    world = await loading()
    stored: Object = world.cluster.peek(REPLICATION, NAMESPACE, NAME)
    wrong = spec(schedule={"cron": "@daily", "timeZone": "Mars/Olympus"})
    world.cluster.put(REPLICATION, {**stored, "spec": wrong, "metadata": {**stored["metadata"], "generation": 2}})
    end(world, "dev")
    await world.settle()
    assert world.status["phase"] == "Invalid"
    assert data_times(world) == {"dev": DUMPED.snapshot_time, "qa": "", "staging": ""}


async def deleted_and_held_while_it_loads() -> World:
    """A run that loads two targets is deleted, a finalizer holds its object, and a run is made by hand."""
    world = World(spec(schedule=None))
    world.cluster.put(RUN, manual_run("old"))
    await world.settle()
    world.finish("old-dump", DUMPED)
    await world.settle()
    world.finish("old-load-qa", LOADED)
    for target in ("dev", "staging"):
        world.jobs.start(world.job(f"old-load-{target}"))
    await world.settle()
    deleted = {"deletionTimestamp": times.to_text(world.clock()), "finalizers": ["example.com/hold"]}
    world.cluster.peek(RUN, NAMESPACE, "old")["metadata"] |= deleted
    world.cluster.put(RUN, manual_run("next"))
    await world.settle()
    return world


async def test_a_run_that_is_deleted_and_held_is_ended_before_the_next_begins() -> None:
    world = await deleted_and_held_while_it_loads()
    assert all(world.job(f"old-load-{target}")["spec"]["suspend"] for target in ("dev", "staging"))
    assert world.run_status("next")["message"].startswith("waits for its turn")
    assert "next-dump" not in world.job_names
    for target in ("dev", "staging"):
        world.jobs.take_away(world.job(f"old-load-{target}"))
    await world.settle()
    told = world.run_status("old")
    assert (told["phase"], told["conditions"][0]["reason"]) == ("Failed", "RunDeleted")
    assert "next-dump" in world.job_names


async def test_a_job_that_cannot_be_ended_stops_nothing_else() -> None:
    """Whoever may create Jobs makes one of our labels that no patch fits into."""
    world = await loading()
    orphan(world.cluster, RUN, "now")
    real, refused = world.cluster.patch, []

    async def patch(kind: Kind, namespace: str, name: str, patch: Object) -> Object:
        if kind == JOB and name.startswith("now-"):
            refused.append(name)
            raise InvalidError("metadata.annotations: Too long: may not be more than 262144 bytes", 422)
        return await real(kind, namespace, name, patch)

    world.cluster.patch = patch  # type: ignore[method-assign]
    world.cluster.put(RUN, manual_run("next"))
    outcome = await world.settle()
    assert "next-dump" in world.job_names
    assert set(refused) == {f"now-load-{target}" for target in TARGETS}
    assert outcome.requeue_at <= world.clock() + timedelta(seconds=10)


async def test_a_target_does_not_run_on_when_its_run_was_deleted_while_it_loaded() -> None:
    world = await loading()
    world.cluster.remove(RUN, NAMESPACE, "now")
    await world.settle()
    told = world.status["targets"][0]
    assert (told["phase"], told["run"]) == ("Failed", "now")
    assert told["message"] == "run now is gone, and the end of its load was not seen"
