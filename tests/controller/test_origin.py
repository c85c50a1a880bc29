"""A tenant who may create runs, and no DataReplications, gains nothing by what he writes into them; nor does a backup."""

import copy
from datetime import timedelta
from typing import Any

import pytest

from datareplication.controller.cluster import EVENT, REPLICATION, RUN, Kind, Object, RejectedError
from support.fake_cluster import CrashError
from support.world import CORRUPT, DUMPED, LOADED, NAME, NAMESPACE, World, connection, manual_run, spec

SLOT, NEXT = "prod-fanout-202603020000", "prod-fanout-202603030000"
INTERVAL = {"start": "2026-03-01T00:00:00Z", "end": "2026-03-02T00:00:00Z"}
HIS = spec(
    source=connection("his-server.his.svc", sslMode="disable", tables={"include": ["public.secrets"]}),
    podSecurityContext={"runAsUser": 1},
)


async def at_rest(**more: Any) -> World:
    world = World(spec(**more))
    await world.settle()
    return world


def by_hand(name: str = "now", **more: Any) -> Object:
    """A run that brings the spec's copy that a tenant would like."""
    return manual_run(name, replication=copy.deepcopy(HIS), **more)


def of_slot(world: World, name: str, slot: str, wanted: Object, **metadata: Any) -> Object:
    """A run made as the operator would make it."""
    uid = world.cluster.peek(REPLICATION, NAMESPACE, NAME)["metadata"]["uid"]
    owner = {"kind": "DataReplication", "name": NAME, "uid": uid, "controller": True}
    made = manual_run(name, slot=slot, dataInterval=INTERVAL, replication=copy.deepcopy(wanted))
    return {**made, "metadata": {**made["metadata"], "ownerReferences": [owner], **metadata}}


def copied(world: World, name: str) -> Object:
    return dict(world.cluster.peek(RUN, NAMESPACE, name)["spec"].get("replication") or {})


def without_nulls(wanted: Object) -> Object:
    return {name: value for name, value in wanted.items() if value is not None}


def everything_made(world: World) -> str:
    return str([world.job(name) for name in world.job_names])


def edit(world: World, **more: Any) -> None:
    stored = world.cluster.peek(REPLICATION, NAMESPACE, NAME)
    world.cluster.put(
        REPLICATION, {**stored, "spec": spec(**more), "metadata": {**stored["metadata"], "generation": 2}}
    )


def restored(world: World, name: str, **metadata: Any) -> Object:
    """What `kubectl create -f` makes of an export: all but the status."""
    run = copy.deepcopy(world.cluster.peek(RUN, NAMESPACE, name))
    del run["status"], run["metadata"]["uid"], run["metadata"]["creationTimestamp"]
    run["metadata"] |= metadata
    return run


class TestBrought:
    async def test_a_run_with_a_spec_of_its_own_is_carried_out_by_the_resources(self) -> None:
        world = await at_rest(schedule=None)
        world.cluster.put(RUN, by_hand())
        await world.settle()
        assert copied(world, "now") == without_nulls(spec(schedule=None)), (
            "nothing of his is left, nor what only his has"
        )
        assert world.job_names == ["now-dump"]
        assert "his-server" not in everything_made(world)

    async def test_a_copy_that_is_put_into_a_run_that_waits_is_not_used(self) -> None:
        world = await at_rest(schedule=None)
        world.cluster.put(RUN, manual_run("first"))
        await world.settle()
        world.cluster.put(RUN, manual_run("second"))
        await world.settle()
        assert world.run_status("second")["phase"] == "Pending"
        world.cluster.peek(RUN, NAMESPACE, "second")["spec"]["replication"] = copy.deepcopy(HIS)
        world.finish("first-dump", CORRUPT)
        await world.settle(passes=6)
        assert world.job_names == ["first-dump", "second-dump"]
        assert "his-server" not in everything_made(world)

    async def test_a_slots_run_that_was_made_before_it_waits_for_its_slot_and_is_carried_out_by_the_resources_spec(
        self,
    ) -> None:
        world = await at_rest()
        world.cluster.put(RUN, of_slot(world, SLOT, "2026-03-02T00:00:00Z", HIS))
        await world.settle()
        assert (world.job_names, world.run_status(SLOT)) == ([], {})
        world.make_due()
        await world.settle()
        assert copied(world, SLOT) == spec()
        assert world.job_names == [f"{SLOT}-dump"]
        assert "his-server" not in everything_made(world)

    async def test_a_slots_run_of_tomorrow_does_not_silence_todays(self) -> None:
        world = await at_rest()
        world.cluster.put(RUN, of_slot(world, NEXT, "2026-03-03T00:00:00Z", spec()))
        world.make_due()
        await world.settle()
        assert world.job_names == [f"{SLOT}-dump"]
        assert world.run_status(NEXT) == {}

    @pytest.mark.parametrize("is_invalid", [False, True], ids=["the spec is valid", "the spec is invalid"])
    async def test_a_run_that_says_it_has_begun_is_not_believed(self, *, is_invalid: bool) -> None:
        world = await at_rest()
        marked = {"annotations": {"datareplication.dev/begun-at": "2026-03-02T00:00:01Z"}}
        world.cluster.put(RUN, of_slot(world, SLOT, "2026-03-02T00:00:00Z", HIS, **marked))
        if is_invalid:
            edit(world, schedule={"cron": "@daily", "timeZone": "Mars/Olympus"})
        world.make_due()
        await world.settle()
        assert world.job_names == []
        assert world.run_status(SLOT)["conditions"][1]["reason"] == "RestoredWithoutStatus"

    async def test_an_edit_counts_until_the_run_begins_and_not_after_it(self) -> None:
        world = await at_rest(schedule=None)
        world.cluster.put(RUN, manual_run("first"))
        world.cluster.put(RUN, manual_run("second"))
        await world.settle()
        edit(world, schedule=None, retryPolicy={"retries": 7})
        await world.settle()
        assert (copied(world, "first"), copied(world, "second")["retryPolicy"]) == (spec(schedule=None), {"retries": 7})


class TestRestored:
    @pytest.mark.parametrize("owners", [None, []], ids=["with its owner", "without an owner"])
    async def test_a_run_without_its_status_is_failed_and_never_carried_out_again(self, owners: Any) -> None:
        world = await at_rest(schedule=None)
        world.cluster.put(RUN, manual_run("undo", action="Rollback"))
        await world.settle()
        for target in ("dev", "staging", "qa"):
            world.finish(f"undo-load-{target}", LOADED)
        await world.settle(passes=6)
        assert world.run_status("undo")["phase"] == "Succeeded"
        again = restored(world, "undo", **({} if owners is None else {"ownerReferences": owners}))
        world.cluster.remove(RUN, NAMESPACE, "undo")
        world.cluster.put(RUN, again)
        await world.settle()
        told = world.run_status("undo")
        assert (told["phase"], told["conditions"][1]["reason"]) == ("Failed", "RestoredWithoutStatus")
        assert "make a new run" in told["message"]
        assert world.job_names == []

    async def test_a_restored_run_says_nothing_of_the_resource(self) -> None:
        """It neither holds the next slot (dependsOnPast) nor takes a place in the history."""
        world = await at_rest(dependsOnPast=True, history={"successful": 1, "failed": 1})
        world.make_due()
        await world.settle()
        world.finish(f"{SLOT}-dump", DUMPED)
        await world.settle()
        for target in ("dev", "staging", "qa"):
            world.finish(f"{SLOT}-load-{target}", LOADED)
        await world.settle(passes=6)
        again = restored(world, SLOT)
        world.cluster.remove(RUN, NAMESPACE, SLOT)
        world.cluster.put(RUN, again)
        await world.settle()
        assert world.run_status(SLOT)["phase"] == "Failed"
        assert (world.status["phase"], world.status["targetsSummary"]) == ("Succeeded", "3/3")
        assert "lastFailure" not in world.status
        world.make_due()
        await world.settle()
        assert world.job_names == [f"{NEXT}-dump"]

    async def test_a_resource_that_is_made_anew_with_its_old_runs_begins_none_of_them(self) -> None:
        world = await at_rest()
        world.make_due()
        await world.settle()
        world.finish(f"{SLOT}-dump", CORRUPT)
        await world.settle()
        world.cluster.put(RUN, manual_run("undo", action="Rollback"))
        await world.settle()
        runs = [restored(world, name) for name in world.run_names]
        world.cluster.remove(REPLICATION, NAMESPACE, NAME)
        world.clock.advance(hours=1)
        world.cluster.put(REPLICATION, {"metadata": {"name": NAME, "namespace": NAMESPACE}, "spec": spec()})
        for run in runs:
            world.cluster.put(RUN, run)
        await world.settle()
        assert world.job_names == []
        assert {world.run_status(name)["phase"] for name in (SLOT, "undo")} == {"Failed"}
        world.make_due()
        await world.settle()
        assert world.job_names == [f"{NEXT}-dump"]

    async def test_a_run_with_a_restored_slots_name_is_passed_over(self) -> None:
        world = await at_rest()
        early = of_slot(world, SLOT, "2026-03-02T00:00:00Z", HIS)
        early["metadata"]["annotations"] = {"datareplication.dev/begun-at": "2026-03-02T00:00:01Z"}
        world.cluster.put(RUN, early)
        world.make_due()
        await world.settle()
        reasons = [event["reason"] for event in world.cluster.of_kind(EVENT)]
        assert "RunNameTaken" in reasons
        world.make_due()
        await world.settle()
        assert world.job_names == [f"{NEXT}-dump"]


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_an_operator_that_dies_while_it_completes_a_run_goes_on_with_it(moment: str) -> None:
    """Else what it left would look as if it were restored."""
    for number in range(1, 25):
        world = await at_rest(schedule=None)
        world.cluster.put(RUN, manual_run())
        setattr(world.cluster, f"crash_{moment}", world.cluster.calls + number)
        try:
            await world.settle()
        except CrashError:
            await world.settle()
        assert world.job_names == ["now-dump"], f"killed {moment} call {number}"
        assert copied(world, "now") == spec(schedule=None)


async def test_restored_runs_are_deleted_beyond_the_history_limit_and_push_out_no_other() -> None:
    world = await at_rest(history={"failed": 1, "successful": 1}, schedule=None)
    world.cluster.put(RUN, manual_run("real", targets=["nobody"]))
    await world.settle()
    for number in range(4):
        world.clock.advance(seconds=1)
        world.cluster.put(RUN, by_hand(f"copied-{number}", dataInterval=INTERVAL))
    await world.settle(6)
    assert world.run_names == ["copied-3", "real"]


async def test_a_run_by_hand_waits_while_a_webhook_does_not_answer_and_never_begins_with_its_own_copy() -> None:
    world = await at_rest()
    real = world.cluster.patch

    async def patch(kind: Kind, namespace: str, name: str, patch: Object) -> Object:
        if kind == RUN:
            raise RejectedError('failed calling webhook "h": failed to call webhook: connection refused', 500)
        return await real(kind, namespace, name, patch)

    world.cluster.patch = patch  # type: ignore[method-assign]
    world.cluster.put(RUN, by_hand())
    outcome = await world.settle()
    told = world.run_status("now")
    assert (told["phase"], world.job_names) == ("Pending", [])
    assert "connection refused" in told["message"]
    assert outcome.requeue_at == world.clock() + timedelta(seconds=30)
    world.cluster.patch = real  # type: ignore[method-assign]
    await world.settle()
    assert world.job_names == ["now-dump"]
    assert "his-server" not in everything_made(world)


class TestForgedSlots:
    @pytest.mark.parametrize("begun", ["1970-01-02T00:00:00Z", "2026-03-02T00:00:00Z", "2999-01-01T00:00:00Z"])
    async def test_a_run_that_says_it_has_begun_does_not_begin_beside_an_active_one(self, begun: str) -> None:
        world = await at_rest(timeoutSeconds=86_400)
        world.cluster.put(RUN, manual_run("now"))
        await world.settle()
        world.make_due()
        marked = {"annotations": {"datareplication.dev/begun-at": begun}}
        world.cluster.put(RUN, of_slot(world, SLOT, "2026-03-02T00:00:00Z", copied(world, "now"), **marked))
        await world.settle()
        assert world.job_names == ["now-dump"]
        world.finish("now-dump", CORRUPT)
        await world.settle()
        assert world.job_names == ["now-dump", f"{SLOT}-dump"]
        assert world.run_status(SLOT)["startTime"].startswith("2026-03-02T00:00")

    async def test_a_slot_that_the_schedule_has_not_replaces_no_run(self) -> None:
        world = await at_rest(concurrencyPolicy="Replace")
        world.make_due()
        await world.settle()
        world.clock.advance(hours=1)
        name = "prod-fanout-202603020030"
        world.cluster.put(RUN, of_slot(world, name, "2026-03-02T00:30:00Z", spec()))
        await world.settle()
        assert world.job_names == [f"{SLOT}-dump"]
        assert (world.run_status(SLOT)["phase"], world.run_status(name)["phase"]) == ("Dumping", "Failed")
