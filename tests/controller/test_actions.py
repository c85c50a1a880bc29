"""Runs that make no snapshot: a rollback, and a load of an older snapshot."""

from dataclasses import replace

import pytest

from datareplication.controller.cluster import CLAIM, EVENT, RUN
from datareplication.core import moves
from datareplication.core.report import Report
from support.world import CORRUPT, DUMPED, LOADED, NAME, NAMESPACE, World, manual_run, spec

TARGETS = ("dev", "staging", "qa")
OLDER = f"{NAME}/old/prod_snapshot_20260228"
MESSAGE = "rolled back to the snapshot of 2026-02-28T00:00:01Z"
ROLLED_BACK = Report(
    outcome="Succeeded",
    reason="RolledBack",
    message=MESSAGE,
    snapshot=f"/snapshots/{OLDER}",
    snapshot_time="2026-02-28T00:00:01Z",
    lsn="0/1000",
    tables=3,
    rows=20,
    bytes=200,
)
TO_NOTHING_OF_OURS = Report(outcome="Succeeded", reason="RolledBack", message="rolled back to a database of your own")


async def loaded() -> World:
    """A world whose targets carry the snapshot of a run made by hand."""
    world = World(spec(schedule=None))
    world.cluster.put(RUN, manual_run("first"))
    await world.settle()
    world.finish("first-dump", DUMPED)
    await world.settle()
    for target in TARGETS:
        world.finish(f"first-load-{target}", LOADED)
    await world.settle()
    world.clock.advance(seconds=60)
    return world


def carried(world: World) -> dict[str, tuple[str | None, str | None, int]]:
    """What each target shows: snapshot, data time, rows."""
    return {t["name"]: (t.get("snapshot"), t.get("dataTime"), t["rows"]) for t in world.status["targets"]}


async def test_rollback_goes_straight_to_its_loads_and_needs_no_volume() -> None:
    world = await loaded()
    world.cluster.remove(CLAIM, NAMESPACE, "snapshots")
    world.cluster.put(RUN, manual_run("back", action="Rollback"))
    await world.settle()
    assert [name for name in world.job_names if name.startswith("back")] == [
        f"back-load-{name}" for name in sorted(TARGETS)
    ]
    status = world.run_status("back")
    assert (status["phase"], status["message"]) == ("Loading", "rolling back")
    assert "dump" not in status
    assert "snapshot" not in status
    assert world.status["phase"] == "Loading"


async def test_targets_show_what_they_were_rolled_back_to() -> None:
    world = await loaded()
    assert carried(world)["dev"] == (f"{NAME}/first/prod_snapshot_20260301", "2026-03-02T00:00:01Z", 30)
    world.cluster.put(RUN, manual_run("back", action="Rollback", targets=["dev", "qa"]))
    await world.settle()
    world.finish("back-load-dev", ROLLED_BACK)
    world.finish("back-load-qa", TO_NOTHING_OF_OURS)
    await world.settle()
    status = world.run_status("back")
    assert (status["phase"], status["message"]) == ("Succeeded", "rolled back: dev, qa")
    steps = {target["name"]: target for target in status["targets"]}
    assert (steps["dev"]["snapshot"], steps["dev"]["lsn"]) == (OLDER, "0/1000")
    assert (steps["dev"]["reason"], steps["dev"]["message"]) == ("RolledBack", MESSAGE)
    assert carried(world) == {
        "dev": (OLDER, "2026-02-28T00:00:01Z", 20),
        "staging": (f"{NAME}/first/prod_snapshot_20260301", "2026-03-02T00:00:01Z", 30),
        "qa": (None, None, 0),
    }
    assert world.condition("LastRunSucceeded")[:2] == ("True", "Succeeded")
    assert world.condition("Fresh")[:2] == ("False", "Stale")
    assert "spec.freshnessSeconds: dev; of unknown age: qa" in world.condition("Fresh")[2]
    told = [(event["type"], event["reason"]) for event in world.cluster.of_kind(EVENT)]
    assert ("Normal", "RolledBack") in told
    assert ("Warning", "RunWaiting") not in told


async def test_freshness_follows_a_rollback() -> None:
    world = await loaded()
    assert world.condition("Fresh")[0] == "True"
    world.cluster.put(RUN, manual_run("back", action="Rollback", targets=["dev"]))
    await world.settle()
    world.finish("back-load-dev", ROLLED_BACK)
    await world.settle()
    assert world.condition("Fresh")[:2] == ("False", "Stale")
    assert "dev" in world.condition("Fresh")[2]


async def test_refused_rollback_is_told_and_changes_nothing_known() -> None:
    world = await loaded()
    before = carried(world)
    world.cluster.put(RUN, manual_run("back", action="Rollback", targets=["dev"]))
    await world.settle()
    refused = replace(CORRUPT, reason="NoPrevious", message="nothing to roll back to", exit_code=78)
    world.finish("back-load-dev", refused)
    await world.settle()
    assert world.run_status("back")["phase"] == "Failed"
    assert world.run_status("back")["message"] == "dev: nothing to roll back to"
    assert carried(world) == before


async def test_rollback_waits_for_its_turn() -> None:
    world = World(spec(schedule=None))
    world.cluster.put(RUN, manual_run("first"))
    await world.settle()
    world.clock.advance(seconds=1)
    world.cluster.put(RUN, manual_run("second", action="Rollback"))
    await world.settle()
    assert world.run_status("second")["message"] == moves.WAITS
    assert world.job_names == ["first-dump"]


async def test_load_of_an_older_snapshot_dumps_nothing() -> None:
    world = await loaded()
    world.cluster.put(RUN, manual_run("again", action="Load", snapshot=OLDER, targets=["dev"]))
    await world.settle()
    assert [name for name in world.job_names if name.startswith("again")] == ["again-load-dev"]
    status = world.run_status("again")
    assert (status["phase"], status["snapshot"], "dump" in status) == ("Loading", OLDER, False)
    report = replace(LOADED, snapshot=f"/snapshots/{OLDER}", snapshot_time="2026-02-28T00:00:01Z", lsn="0/1000")
    world.finish("again-load-dev", report)
    await world.settle()
    assert world.run_status("again")["phase"] == "Succeeded"
    assert carried(world)["dev"] == (OLDER, "2026-02-28T00:00:01Z", 30)


async def test_load_without_its_volume_says_so_and_makes_none() -> None:
    template = {"spec": {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}}}
    world = World(spec(schedule=None, snapshot={"volumeClaimTemplate": template}))
    world.cluster.put(RUN, manual_run("again", action="Load", snapshot=OLDER))
    await world.settle()
    assert world.job_names == []
    assert f"'{NAME}-snapshots' is not in" in world.run_status("again")["message"]
    assert f"{NAME}-snapshots" not in [claim["metadata"]["name"] for claim in world.cluster.of_kind(CLAIM)]
    world.clock.advance(seconds=600)
    await world.settle()
    assert world.run_status("again")["phase"] == "Failed"


async def test_loads_of_a_single_node_volume_follow_the_first_one() -> None:
    world = World(spec(schedule=None))
    world.cluster.peek(CLAIM, NAMESPACE, "snapshots")["spec"]["accessModes"] = ["ReadWriteOnce"]
    world.cluster.put(RUN, manual_run("again", action="Load", snapshot=OLDER))
    await world.settle()
    (first,) = world.job_names
    world.jobs.start(world.job(first))
    await world.settle()
    assert len(world.job_names) == len(TARGETS)
    others = [name for name in world.job_names if name != first]
    assert all("affinity" in world.job(name)["spec"]["template"]["spec"] for name in others)
    assert "affinity" not in world.job(first)["spec"]["template"]["spec"]


async def test_load_of_another_replications_snapshot_is_refused_before_any_job() -> None:
    world = World(spec(schedule=None))
    world.cluster.put(RUN, manual_run("again", action="Load", snapshot="other/run/prod_snapshot"))
    await world.settle()
    assert world.job_names == []
    assert world.run_status("again")["phase"] == "Failed"
    assert "spec.snapshot" in world.run_status("again")["message"]


@pytest.mark.parametrize("action", ["Replicate", "Rollback"])
async def test_a_run_of_no_targets_fails_instead_of_succeeding_with_nothing_done(action: str) -> None:
    world = World(spec(schedule=None))
    await world.settle()
    world.cluster.put(RUN, manual_run("now", targets=[], action=action))
    await world.settle()
    told = world.run_status("now")
    assert (told["phase"], told["message"].split(":")[0]) == ("Failed", "spec.targets")
    assert world.job_names == []
