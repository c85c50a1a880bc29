"""Slots, minute by minute, on a real cluster: which of them become runs, and what a user reads meanwhile."""

import time
from typing import Any

from lab import contents
from lab.replications import Scene, wait_for
from scenarios.blocking import MINUTELY, PATIENT, busy_target, one_target

BOUNDARY_SECONDS = 90
"""Until the next full minute, and some for a slow machine."""

Object = dict[str, Any]


def apply(scene: Scene, **spec: Any) -> None:
    """Apply a DataReplication with one target that is due every minute."""
    whole = {"schedule": MINUTELY, "targets": one_target(scene), "retryPolicy": PATIENT, "startTimeoutSeconds": 300}
    scene.apply(**whole | spec)


def runs(scene: Scene) -> list[Object]:
    """Return the runs of slots, oldest first."""
    return sorted(
        (run for run in scene.items("dreprun") if run["spec"].get("slot")), key=lambda r: str(r["spec"]["slot"])
    )


def run_count(scene: Scene, count: int, seconds: float = BOUNDARY_SECONDS) -> list[Object]:
    """Wait until there are that many runs of slots."""
    wait_for(lambda: {"runs": len(runs(scene))}, lambda seen: seen["runs"] >= count, seconds)
    return runs(scene)


def condition(scene: Scene, kind: str) -> Object:
    found = [c for c in scene.status().get("conditions", ()) if c["type"] == kind]
    return dict(found[0]) if found else {"status": "Unknown"}


def held_back(scene: Scene, reason: str) -> str:
    """Wait until a slot is held back for that reason and return the message."""
    look = wait_for(lambda: condition(scene, "Held"), lambda c: c.get("reason") == reason, 2 * BOUNDARY_SECONDS)
    return str(look["message"])


def forbid_holds_the_next_slot_back(scene: Scene) -> None:
    with busy_target(scene):
        apply(scene)
        first = run_count(scene, 1)[0]["metadata"]["name"]
        message = held_back(scene, "Waiting")
        assert f"waits for {first} (spec.concurrencyPolicy: Forbid)" in message
        assert [run["metadata"]["name"] for run in runs(scene)] == [first]
    assert scene.finished_run(first)["phase"] == "Succeeded"
    assert run_count(scene, 2)[1]["spec"]["slot"] > runs(scene)[0]["spec"]["slot"]
    apply(scene, suspend=True)


def replace_ends_the_run_and_leaves_its_target_wholly_old(scene: Scene) -> None:
    with busy_target(scene):
        apply(scene, concurrencyPolicy="Replace")
        first = run_count(scene, 1)[0]["metadata"]["name"]
        wait_for(lambda: scene.run(first), lambda run: run.get("phase") == "Loading", BOUNDARY_SECONDS)
        second = run_count(scene, 2)[1]["metadata"]["name"]
        apply(scene, concurrencyPolicy="Replace", suspend=True)
        replaced = scene.finished_run(first)
        assert (replaced["phase"], replaced["targetsSummary"]) == ("Replaced", "0/1")
        assert f"run {second} took its place" in replaced["message"]
        assert contents.read(scene.lab.targets["dev"], scene.database) == {}
        pods = [pod for pod in scene.items("pods") if pod["metadata"]["labels"]["datareplication.dev/run"] == first]
        assert not [pod for pod in pods if pod["status"]["phase"] in ("Pending", "Running")]
    assert scene.finished_run(second)["phase"] == "Succeeded"
    source = contents.read(scene.lab.source, scene.database)
    assert contents.read(scene.lab.targets["dev"], scene.database) == source
    databases = scene.lab.targets["dev"].psql("SELECT datname FROM pg_database").split()
    assert f"{scene.database}__next" not in databases


def allow_starts_two_runs_and_loads_the_target_in_turn(scene: Scene) -> None:
    with busy_target(scene):
        apply(scene, concurrencyPolicy="Allow", maxActiveRuns=2)
        first, second = [run["metadata"]["name"] for run in run_count(scene, 2, 2 * BOUNDARY_SECONDS)[:2]]
        words = f"waits until run {first} has loaded it"
        wait_for(lambda: scene.run(second), lambda run: words in run.get("message", ""), BOUNDARY_SECONDS)
        assert f"{second}-load-dev" not in scene.names("jobs")
        apply(scene, concurrencyPolicy="Allow", maxActiveRuns=2, suspend=True)
    assert [scene.finished_run(name)["phase"] for name in (first, second)] == ["Succeeded", "Succeeded"]
    assert [target["run"] for target in scene.status()["targets"]] == [second]


def depends_on_past_waits_until_a_run_by_hand_has_succeeded(scene: Scene) -> None:
    broken = {**scene.connection(scene.lab.source), "database": "no_such_database"}
    apply(scene, dependsOnPast=True, source=broken)
    first = run_count(scene, 1)[0]["metadata"]["name"]
    assert scene.finished_run(first)["phase"] == "Failed"
    assert f"run {first} ended Failed; start a run by hand" in held_back(scene, "DependsOnPast")
    assert len(runs(scene)) == 1
    apply(scene, dependsOnPast=True)
    scene.start_run("mended")
    assert scene.finished_run("mended")["phase"] == "Succeeded"
    assert len(run_count(scene, 2)) >= 2
    apply(scene, dependsOnPast=True, suspend=True)


def resuming_fires_nothing_that_was_missed(scene: Scene) -> None:
    apply(scene, suspend=True)
    minutes_pass(1)
    apply(scene)
    resumed = wait_for(scene.status, lambda status: status.get("nextScheduleTime", "") != "", 30)["nextScheduleTime"]
    assert runs(scene) == []
    assert run_count(scene, 1)[0]["spec"]["slot"] >= resumed
    apply(scene, suspend=True)


def catchup_runs_three_missed_slots_oldest_first(scene: Scene) -> None:
    schedule = {**MINUTELY, "catchup": True}
    apply(scene, schedule=schedule, suspend=True)
    minutes_pass(3)
    apply(scene, schedule=schedule)
    run_count(scene, 3, 2 * BOUNDARY_SECONDS)
    apply(scene, schedule=schedule, suspend=True)
    wait_for(scene.status, lambda status: status["phase"] == "Suspended", 2 * BOUNDARY_SECONDS)
    found = runs(scene)
    slots = [run["spec"]["slot"] for run in found]
    assert slots == sorted(set(slots))
    assert {run["status"]["phase"] for run in found} == {"Succeeded"}
    starts = [run["status"]["startTime"] for run in found]
    assert starts == sorted(starts)
    assert all(run["spec"]["dataInterval"]["end"] == run["spec"]["slot"] for run in found)
    assert [run["spec"]["dataInterval"]["start"] for run in found[1:]] == slots[:-1]


def minutes_pass(count: int) -> None:
    """Wait until so many slots of a suspended schedule have passed; the cluster's clock is this machine's."""
    begin = int(time.time()) // 60
    look = lambda: {"passed": int(time.time()) // 60 - begin}  # noqa: E731
    wait_for(look, lambda seen: seen["passed"] >= count, 60 * count + 30)
