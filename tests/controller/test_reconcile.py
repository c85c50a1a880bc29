"""The way of a run, from a due slot to phases, against an API server in memory."""

from datetime import datetime
from typing import Any

import pytest

from datareplication.controller.cluster import CLAIM, EVENT, JOB, REPLICATION, RUN, Kind, Object
from datareplication.core import moves, names
from support.world import CORRUPT, DUMPED, LOADED, NAME, NAMESPACE, UNREACHABLE, World, connection, manual_run, spec

SLOT_RUN = "prod-fanout-202603020000"
LOADS = [f"{SLOT_RUN}-load-{target}" for target in ("dev", "qa", "staging")]


async def started(spec_: dict[str, Any] | None = None) -> World:
    """A world whose first slot has just become due."""
    world = World(spec_)
    await world.settle()
    world.make_due()
    await world.settle()
    return world


async def loading(spec_: dict[str, Any] | None = None) -> World:
    """A world whose dump has succeeded."""
    world = await started(spec_)
    world.finish(f"{SLOT_RUN}-dump", DUMPED)
    await world.settle()
    return world


async def test_before_the_slot_nothing_is_created_and_the_next_slot_is_told() -> None:
    world = World()
    outcome = await world.settle()
    assert world.run_names == []
    assert world.status["phase"] == "Scheduled"
    assert world.status["nextScheduleTime"] == "2026-03-02T00:00:00Z"
    assert world.condition("Ready") == ("True", "Scheduled", "accepted and scheduled")
    assert outcome.requeue_at.isoformat() == "2026-03-02T00:00:00+00:00"


async def test_a_due_slot_makes_one_run_with_its_dump_job_and_nothing_else() -> None:
    world = await started()
    assert world.run_names == [SLOT_RUN]
    assert world.job_names == [f"{SLOT_RUN}-dump"]
    run = world.cluster.peek(RUN, NAMESPACE, SLOT_RUN)
    assert run["spec"]["dataInterval"] == {"start": "2026-03-01T00:00:00Z", "end": "2026-03-02T00:00:00Z"}
    assert run["spec"]["replication"] == spec()
    assert world.status["lastScheduleTime"] == "2026-03-02T00:00:00Z"
    assert world.status["activeRuns"] == [SLOT_RUN]
    assert world.status["phase"] == "Dumping"


async def test_published_snapshot_starts_all_loads_at_once() -> None:
    world = await loading()
    assert world.job_names == sorted([f"{SLOT_RUN}-dump", *LOADS])
    assert world.run_status(SLOT_RUN)["phase"] == "Loading"
    assert world.run_status(SLOT_RUN)["snapshot"] == f"{NAME}/{SLOT_RUN}/prod_snapshot_20260302"


async def test_all_loaded_is_succeeded_with_rows_and_data_time_per_target() -> None:
    world = await loading()
    for job in LOADS:
        world.finish(job, LOADED)
    await world.settle()
    status = world.status
    assert (status["phase"], status["targetsSummary"]) == ("Succeeded", "3/3")
    assert [t["rows"] for t in status["targets"]] == [30, 30, 30]
    assert {t["dataTime"] for t in status["targets"]} == {"2026-03-02T00:00:01Z"}
    assert "activeRuns" not in status
    assert world.condition("LastRunSucceeded")[0] == "True"
    assert world.condition("Fresh")[0] == "True"
    conditions = {c["type"]: c["status"] for c in world.run_status(SLOT_RUN)["conditions"]}
    assert conditions == {
        "Complete": "True",
        "Failed": "False",
        "Finished": "True",
        "Ready": "True",
        "Reconciling": "False",
        "Stalled": "False",
    }


async def test_failed_target_leaves_the_others_succeeded() -> None:
    world = await loading()
    for job in LOADS:
        world.finish(job, CORRUPT if job.endswith("qa") else LOADED)
    await world.settle()
    run = world.run_status(SLOT_RUN)
    assert (run["phase"], run["targetsSummary"]) == ("PartiallyFailed", "2/3")
    assert run["message"] == "qa: checksum of data/16384-0.csv does not match"
    assert world.status["phase"] == "PartiallyFailed"
    assert {t["name"]: t["phase"] for t in world.status["targets"]} == {
        "dev": "Succeeded",
        "staging": "Succeeded",
        "qa": "Failed",
    }
    assert world.condition("LastRunSucceeded")[:2] == ("False", "PartiallyFailed")


async def test_dump_that_fails_for_good_makes_no_load() -> None:
    world = await started()
    world.finish(f"{SLOT_RUN}-dump", CORRUPT)
    await world.settle()
    assert world.job_names == [f"{SLOT_RUN}-dump"]
    assert world.run_status(SLOT_RUN)["phase"] == "Failed"
    assert world.run_status(SLOT_RUN)["message"].startswith("dump: checksum")
    assert world.status["phase"] == "Failed"


async def test_transient_failure_holds_the_next_attempt_back_for_the_delay() -> None:
    world = await started()
    dump = f"{SLOT_RUN}-dump"
    world.finish(dump, UNREACHABLE)
    outcome = await world.settle()
    assert world.job(dump)["spec"]["suspend"] is True
    step = world.run_status(SLOT_RUN)["dump"]
    assert (step["phase"], step["message"], step["attempts"]) == ("Retrying", UNREACHABLE.message, 1)
    assert step["retryTime"] == "2026-03-02T00:05:01Z"
    assert outcome.requeue_at.isoformat() == "2026-03-02T00:05:01+00:00"
    world.clock.advance(seconds=299)
    await world.settle()
    assert world.job(dump)["spec"]["suspend"] is True
    world.clock.advance(seconds=1)
    await world.settle()
    assert world.job(dump)["spec"]["suspend"] is False
    await world.settle()
    assert world.job(dump)["spec"]["suspend"] is False, "the same attempt is not delayed twice"


async def test_run_made_by_hand_is_completed_and_carried_out() -> None:
    world = World(spec(schedule=None))
    await world.settle()
    assert world.condition("Ready")[1] == "OnDemand"
    world.cluster.put(RUN, manual_run("now"))
    await world.settle()
    run = world.cluster.peek(RUN, NAMESPACE, "now")
    assert run["spec"]["replication"]["source"] == connection("prod-db.prod.svc")
    assert run["metadata"]["ownerReferences"][0]["name"] == NAME
    assert world.job_names == ["now-dump"]


async def test_run_of_a_subset_loads_only_those_targets() -> None:
    world = World()
    world.cluster.put(RUN, manual_run("rerun", targets=["qa"]))
    await world.settle()
    world.finish("rerun-dump", DUMPED)
    await world.settle()
    assert world.job_names == ["rerun-dump", "rerun-load-qa"]


async def test_due_slot_waits_while_a_run_is_active() -> None:
    world = World()
    world.clock.advance(hours=11)
    world.cluster.put(RUN, manual_run("now"))
    await world.settle()
    world.make_due()
    await world.settle()
    assert world.run_names == ["now"]
    world.finish("now-dump", CORRUPT)
    await world.settle()
    assert world.run_names == ["now", SLOT_RUN]


async def test_second_run_made_by_hand_waits_and_says_for_what() -> None:
    world = World()
    world.cluster.put(RUN, manual_run("first"))
    await world.settle()
    world.clock.advance(seconds=1)
    world.cluster.put(RUN, manual_run("second"))
    await world.settle()
    assert world.run_status("second")["message"] == moves.WAITS
    assert world.job_names == ["first-dump"]


async def test_run_of_an_unknown_replication_fails_with_its_name() -> None:
    world = World()
    world.cluster.remove(REPLICATION, NAMESPACE, NAME)
    world.cluster.put(RUN, manual_run("now"))
    await world.settle()
    assert world.run_status("now")["phase"] == "Failed"
    assert "no DataReplication 'prod-fanout'" in world.run_status("now")["message"]


@pytest.mark.parametrize(
    ("what", "wrong", "reason", "names_it"),
    [
        (
            "an unknown time zone",
            {"schedule": {"cron": "@daily", "timeZone": "Mars/Olympus"}},
            "UnknownTimeZone",
            "timeZone",
        ),
        ("an impossible minute", {"schedule": {"cron": "61 * * * *"}}, "BadCron", "spec.schedule.cron"),
        ("a date that never comes", {"schedule": {"cron": "0 0 31 2 *"}}, "BadCron", "spec.schedule.cron"),
        ("an unknown placeholder", {"snapshot": {"path": "x_{day}"}}, "InvalidSpec", "spec.snapshot.path"),
        ("a spec that is a list", {"source": []}, "InvalidSpec", "spec.source"),
    ],
)
async def test_invalid_spec_is_stalled_with_a_reason(
    what: str, wrong: dict[str, Any], reason: str, names_it: str
) -> None:
    world = World(spec(**wrong))
    world.make_due()
    await world.settle()
    assert world.run_names == [], what
    assert world.status["phase"] == "Invalid"
    assert world.condition("Stalled")[:2] == ("True", reason)
    assert names_it in world.condition("Stalled")[2]
    assert world.condition("Ready")[0] == "False"


async def test_mended_spec_is_ready_again_and_keeps_what_was_known() -> None:
    world = await loading()
    for job in LOADS:
        world.finish(job, LOADED)
    await world.settle()
    live = world.cluster.peek(REPLICATION, NAMESPACE, NAME)
    live["spec"]["schedule"] = {"cron": "61 * * * *"}
    await world.settle()
    assert world.status["phase"] == "Invalid"
    assert world.status["targetsSummary"] == "3/3"
    live = world.cluster.peek(REPLICATION, NAMESPACE, NAME)
    live["spec"]["schedule"] = {"cron": "@daily"}
    await world.settle()
    assert world.status["phase"] == "Succeeded"
    assert world.condition("Stalled")[0] == "False"


async def test_missing_claim_is_told_and_no_job_is_made() -> None:
    world = World()
    world.cluster.remove(CLAIM, NAMESPACE, "snapshots")
    world.cluster.put(RUN, manual_run("now"))
    await world.settle()
    assert world.job_names == []
    assert "PersistentVolumeClaim 'snapshots' is not in" in world.run_status("now")["message"]
    assert world.run_status("now")["phase"] == "Dumping"
    world.clock.advance(seconds=600)
    await world.settle()
    assert world.run_status("now")["phase"] == "Failed"


async def test_pod_that_cannot_start_says_why_and_fails_after_its_time() -> None:
    world = await started()
    dump = f"{SLOT_RUN}-dump"
    waiting = {"reason": "CreateContainerConfigError", "message": 'secret "prod-db" not found'}
    world.jobs.start(world.job(dump), phase="Pending", waiting=waiting)
    await world.settle()
    assert 'secret "prod-db" not found' in world.run_status(SLOT_RUN)["message"]
    assert "create the Secret" in world.run_status(SLOT_RUN)["message"]
    world.clock.advance(seconds=601)
    await world.settle()
    assert world.job(dump)["spec"]["suspend"] is True
    world.jobs.take_away(world.job(dump))
    await world.settle()
    assert world.run_status(SLOT_RUN)["phase"] == "Failed"
    assert world.run_status(SLOT_RUN)["dump"]["reason"] == "StartTimeout"


async def test_run_over_its_time_ends_its_jobs_and_fails() -> None:
    world = await started(spec(timeoutSeconds=3600))
    dump = f"{SLOT_RUN}-dump"
    world.jobs.start(world.job(dump))
    await world.settle()
    world.clock.advance(seconds=3601)
    await world.settle()
    assert world.job(dump)["spec"]["suspend"] is True
    assert world.run_status(SLOT_RUN)["phase"] == "Dumping", "its pod is still ending"
    world.jobs.take_away(world.job(dump))
    await world.settle()
    assert world.run_status(SLOT_RUN)["phase"] == "Failed"
    assert "spec.timeoutSeconds" in world.run_status(SLOT_RUN)["message"]


async def test_foreign_job_of_our_name_is_left_alone_and_reported() -> None:
    world = World()
    await world.settle()
    foreign = {"metadata": {"name": f"{SLOT_RUN}-dump", "namespace": NAMESPACE}, "spec": {}}
    world.cluster.put(JOB, foreign)
    world.make_due()
    await world.settle()
    assert world.run_status(SLOT_RUN)["dump"]["reason"] == "ForeignJob"
    assert world.job(f"{SLOT_RUN}-dump")["spec"] == {}


async def test_foreign_run_of_a_slots_name_passes_the_slot_over() -> None:
    world = World()
    await world.settle()
    world.cluster.put(
        RUN, {"metadata": {"name": SLOT_RUN, "namespace": NAMESPACE}, "spec": {"replicationName": "other"}}
    )
    world.make_due()
    await world.settle()
    assert world.job_names == []
    assert world.status["lastScheduleTime"] == "2026-03-02T00:00:00Z"
    assert any(event["reason"] == "RunNameTaken" for event in world.cluster.of_kind(EVENT))


async def test_history_keeps_the_newest_runs_and_the_status_remembers() -> None:
    world = World(spec(history={"successful": 1, "failed": 0}))
    await world.settle()
    for day in (2, 3):
        world.make_due()
        await world.settle()
        name = f"prod-fanout-2026030{day}0000"
        world.finish(f"{name}-dump", DUMPED)
        await world.settle()
        for target in ("dev", "qa", "staging"):
            world.finish(f"{name}-load-{target}", LOADED)
        await world.settle()
    assert world.run_names == ["prod-fanout-202603030000"]
    assert all("20260303" in job for job in world.job_names)
    assert world.status["lastSuccess"]["run"] == "prod-fanout-202603030000"


async def test_suspended_resource_starts_nothing_and_resuming_does_not_fire() -> None:
    world = World(spec(suspend=True))
    await world.settle()
    world.make_due()
    await world.settle()
    assert (world.run_names, world.status["phase"]) == ([], "Suspended")
    world.cluster.peek(REPLICATION, NAMESPACE, NAME)["spec"]["suspend"] = False
    await world.settle()
    assert world.run_names == []
    assert world.status["nextScheduleTime"] == "2026-03-03T00:00:00Z"


async def test_slots_of_an_outage_are_one_run_and_one_event() -> None:
    world = World(spec(schedule={"cron": "@hourly"}))
    await world.settle()
    world.clock.advance(hours=5, minutes=10)
    await world.settle()
    assert world.run_names == ["prod-fanout-202603011700"]
    missed = [event for event in world.cluster.of_kind(EVENT) if event["reason"] == "MissedSchedule"]
    assert len(missed) == 1
    assert missed[0]["message"].startswith("4 slots up to 2026-03-01T16:00:00Z are not run")
    world.finish("prod-fanout-202603011700-dump", CORRUPT)
    await world.settle()
    assert world.run_names == ["prod-fanout-202603011700"]


async def test_slot_over_its_deadline_is_told_once_and_never_run() -> None:
    world = World(spec(schedule={"cron": "@daily", "startingDeadlineSeconds": 600}))
    await world.settle()
    world.make_due()
    world.clock.advance(minutes=20)
    await world.settle()
    before = len(world.cluster.writes)
    world.clock.advance(seconds=60)
    await world.settle()
    assert world.run_names == []
    assert [(event["reason"], event["count"]) for event in world.cluster.of_kind(EVENT)] == [("MissedSchedule", 1)]
    assert world.cluster.writes[before:] == []


async def test_nothing_changed_means_nothing_written() -> None:
    world = await loading()
    for job in LOADS:
        world.finish(job, LOADED)
    await world.settle()
    before = len(world.cluster.writes)
    world.clock.advance(seconds=60)
    await world.reconcile()
    assert world.cluster.writes[before:] == []


async def test_unreadable_run_does_not_stop_the_others() -> None:
    world = World()
    world.cluster.put(RUN, manual_run("broken", dataInterval="yesterday"))
    world.cluster.put(RUN, manual_run("good"))
    await world.settle()
    assert world.run_status("broken")["phase"] == "Failed"
    assert world.job_names == ["good-dump"]


async def test_a_run_that_meets_a_defect_stops_no_other_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    world = World(spec(concurrencyPolicy="Allow", maxActiveRuns=3))
    for name in ("a", "bad", "c"):
        world.cluster.put(RUN, manual_run(name))
    real = world.cluster.create

    async def create(kind: Kind, manifest: Object) -> Object:
        if manifest["metadata"]["name"] == "bad-dump":
            raise OverflowError("date value out of range")
        return await real(kind, manifest)

    world.cluster.create = create  # type: ignore[method-assign]
    await world.settle()
    assert world.job_names == ["a-dump", "c-dump"]
    assert "OverflowError: date value out of range" in world.run_status("bad")["message"]
    assert "OverflowError" in caplog.text


async def test_a_run_that_cannot_be_read_for_a_defect_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    world, real = World(), names.run_name

    def run_name(replication: str, slot: datetime) -> str:
        if slot.year == 2000:
            raise OverflowError("date value out of range")
        return real(replication, slot)

    monkeypatch.setattr(names, "run_name", run_name)
    world.cluster.put(RUN, manual_run("bad", slot="2000-01-01T00:00:00Z"))
    world.cluster.put(RUN, manual_run("good"))
    await world.settle()
    assert "OverflowError" in world.run_status("bad")["message"]
    assert (world.run_status("bad")["phase"], world.job_names) == ("Failed", ["good-dump"])
