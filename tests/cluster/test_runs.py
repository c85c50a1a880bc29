"""Runs on a real cluster against real servers: success, failures, and deletions in the middle of a run."""

from datetime import datetime
from typing import Any

import pytest

from demo import story
from lab import contents, installation
from lab.replications import Scene, wait_for

pytestmark = pytest.mark.cluster


@pytest.mark.usefixtures("lab")
def test_the_demo_ends_with_equal_targets() -> None:
    assert story.tell()


def test_failed_target_leaves_the_others_succeeded(scene: Scene) -> None:
    scene.lab.cluster.kubectl(
        "-n", scene.namespace, "patch", "secret", "qa-db", "--type=merge", "-p", '{"stringData": {"password": "wrong"}}'
    )
    scene.apply()
    scene.start_run()
    status = scene.finished_run()
    assert (status["phase"], status["targetsSummary"]) == ("PartiallyFailed", "2/3")
    assert scene.target_states() == {"dev": "Succeeded", "staging": "Succeeded", "qa": "Failed"}
    assert "qa: " in status["message"]
    assert "password" in status["message"]
    assert "wrong" not in status["message"]
    assert scene.status()["phase"] == "PartiallyFailed"
    failed = [pod for pod in scene.items("pods") if pod["metadata"]["labels"].get("datareplication.dev/target") == "qa"]
    assert len(failed) == 1, "a permanent error is not tried again"
    source = small_content(scene, "source")
    assert [small_content(scene, name) for name in ("dev", "staging", "qa")] == [source, source, {}]


def test_dump_that_fails_for_good_makes_no_load(scene: Scene) -> None:
    source = {**scene.connection(scene.lab.source), "database": "no_such_database"}
    scene.apply(source=source)
    scene.start_run()
    status = scene.finished_run()
    assert status["phase"] == "Failed"
    assert "no_such_database" in status["message"]
    assert scene.names("jobs") == ["now-dump"]


@pytest.mark.alone
@pytest.mark.parametrize("stage", ["dump", "load"])
def test_deleted_operator_pod_changes_nothing(scene: Scene, stage: str) -> None:
    more = (
        "INSERT INTO purchase SELECT n, 1, n FROM generate_series(1001, 400000) n"  # long enough to be caught running
    )
    scene.lab.source.psql(more, scene.database)
    scene.apply()
    scene.start_run()
    wait_for(scene.run, lambda status: is_running(status, stage), 60)
    scene.lab.cluster.kubectl(
        "-n", installation.NAMESPACE, "delete", "pod", "--all", "--force", "--grace-period=0", "--wait=false"
    )
    status = scene.finished_run()
    assert status["phase"] == "Succeeded"
    assert len(scene.names("jobs")) == 4
    assert [job["status"].get("failed", 0) for job in scene.items("jobs")] == [0, 0, 0, 0]
    source = small_content(scene, "source")
    assert all(small_content(scene, name) == source for name in scene.lab.targets)


def is_running(status: dict[str, Any], stage: str) -> bool:
    if stage == "dump":
        return bool(status.get("dump", {}).get("phase") == "Running")
    return any(target["phase"] == "Running" for target in status.get("targets", ()))


def test_deleted_replication_takes_its_jobs_and_leaves_its_snapshots(scene: Scene) -> None:
    scene.apply()
    scene.start_run()
    snapshot = scene.finished_run()["snapshot"]
    scene.lab.cluster.kubectl("-n", scene.namespace, "delete", "drep", scene.name)
    wait_for(
        lambda: {"jobs": scene.names("jobs"), "runs": scene.names("dreprun")}, lambda left: not any(left.values()), 60
    )
    volume = scene.lab.cluster.get("pvc", "snapshots", "-n", scene.namespace)["spec"]["volumeName"]
    assert list(scene.lab.cluster.shared.glob(f"{volume}/{snapshot}/manifest.json"))


def test_invalid_resource_does_not_stop_a_valid_one(scene: Scene) -> None:
    invalid = Scene(scene.lab, scene.namespace, scene.database, name="invalid")
    invalid.apply(schedule={"cron": "@daily", "timeZone": "Mars/Olympus"})
    wait_for(invalid.status, lambda status: status.get("phase") == "Invalid", 60)
    scene.apply()
    interval = {"start": "2026-01-01T00:00:00Z", "end": "2026-01-02T00:00:00Z"}
    scene.start_run(dataInterval=interval)
    assert scene.finished_run()["phase"] == "Succeeded"
    assert scene.items("dreprun")[0]["spec"]["dataInterval"] == interval
    assert invalid.status()["phase"] == "Invalid"


def test_slot_of_the_schedule_starts_a_run_on_time(scene: Scene) -> None:
    scene.apply(schedule={"cron": "* * * * *"})
    wait_for(lambda: {"runs": scene.items("dreprun")}, lambda seen: bool(seen["runs"]), 75)
    run = scene.items("dreprun")[0]
    slot, created = run["spec"]["slot"], run["metadata"]["creationTimestamp"]
    assert seconds_between(slot, created) <= 10, "bench-operator measures it; a resync would be later"
    scene.apply(suspend=True, schedule={"cron": "* * * * *"})
    assert scene.finished_run(run["metadata"]["name"])["phase"] == "Succeeded"


def seconds_between(earlier: str, later: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


def small_content(scene: Scene, where: str) -> dict[str, contents.Content]:
    server = scene.lab.source if where == "source" else scene.lab.targets[where]
    return contents.read(server, scene.database)
