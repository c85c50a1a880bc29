"""Pods into which a webhook puts containers of others, as meshes and agents do, on a real cluster."""

from typing import Any

import pytest

from lab import contents, webhooks
from lab.replications import Scene, wait_for
from scenarios.blocking import one_target

pytestmark = pytest.mark.cluster

SOON_SECONDS = 90
DELAY_SECONDS = 5


def phases(scene: Scene) -> dict[str, str]:
    return {pod["metadata"]["name"]: pod["status"]["phase"] for pod in scene.items("pods")}


def jobs(scene: Scene) -> dict[str, dict[str, Any]]:
    return {job["metadata"]["name"]: job for job in scene.items("jobs")}


def is_complete(job: dict[str, Any]) -> bool:
    return any(one["type"] == "Complete" and one["status"] == "True" for one in job["status"].get("conditions", ()))


def assert_copied(scene: Scene, status: dict[str, Any]) -> None:
    """The status tells what the program did, and the target has the data."""
    assert status["phase"] == "Succeeded", status["message"]
    assert (status["dump"]["rows"], status["targets"][0]["rows"]) == (2000, 2000)
    assert "snapshotTime" in status
    assert [step["endedAttempts"][0]["exitCode"] for step in (status["dump"], *status["targets"])] == [0, 0]
    told = wait_for(scene.status, lambda seen: seen.get("phase") == "Succeeded", SOON_SECONDS)
    assert told["targets"][0]["dataTime"] == status["snapshotTime"]
    assert contents.read(scene.lab.targets["dev"], scene.database) == contents.read(scene.lab.source, scene.database)


@pytest.mark.parametrize("kind", ["sidecar", "sidecar-that-fails", "sidecar-not-pulled", "native"])
def test_a_run_beside_another_container_ends_as_its_own_programs_do(scene: Scene, kind: str) -> None:
    with webhooks.asked(scene, kind):
        scene.apply(targets=one_target(scene), retryPolicy={"retries": 0, "delaySeconds": 1})
        scene.start_run()
        status = scene.finished_run(seconds=SOON_SECONDS)
    assert_copied(scene, status)
    wait_for(lambda: phases(scene), lambda seen: not {"Running", "Pending"} & set(seen.values()), SOON_SECONDS)
    found = jobs(scene)
    assert sorted(found) == ["now-dump", "now-load-dev"]
    if kind == "native":
        wait_for(lambda: {"all": [is_complete(job) for job in jobs(scene).values()]}, lambda seen: all(seen["all"]), 60)
    if kind == "sidecar":
        assert [job["spec"]["suspend"] for job in found.values()] == [True, True]


def test_a_failed_attempt_beside_a_sidecar_that_never_ends_is_tried_again_as_often_as_asked(scene: Scene) -> None:
    source = {**scene.connection(scene.lab.source), "host": f"nowhere.{scene.namespace}.svc"}
    with webhooks.asked(scene, "sidecar"):
        scene.apply(
            source=source,
            targets=one_target(scene),
            retryPolicy={"retries": 2, "delaySeconds": DELAY_SECONDS},
            startTimeoutSeconds=300,
        )
        scene.start_run()
        status = scene.finished_run(seconds=2 * SOON_SECONDS)
    dump = status["dump"]
    assert (status["phase"], dump["phase"], dump["attempts"]) == ("Failed", "Failed", 3), dump
    assert [attempt["exitCode"] for attempt in dump["endedAttempts"]] == [75, 75, 75]
    assert "nowhere" in status["message"]
    wait_for(lambda: phases(scene), lambda seen: "Running" not in seen.values(), SOON_SECONDS)
    assert jobs(scene)["now-dump"]["spec"]["suspend"] is True


def test_a_permanent_failure_beside_a_sidecar_that_never_ends_is_told_at_once(scene: Scene) -> None:
    source = {**scene.connection(scene.lab.source), "database": "no_such_database"}
    with webhooks.asked(scene, "sidecar"):
        scene.apply(source=source, targets=one_target(scene))
        scene.start_run()
        status = scene.finished_run(seconds=SOON_SECONDS)
    assert status["phase"] == "Failed"
    assert "no_such_database" in status["message"]
    wait_for(lambda: phases(scene), lambda seen: "Running" not in seen.values(), SOON_SECONDS)


HELD_UP = [
    ("init-not-pulled", "InitContainerWaiting", "init container setup of the pod: "),
    ("init-that-fails", "InitContainerFailed", "init container setup of the pod ended with exit code 3: no route"),
]


@pytest.mark.parametrize(("kind", "reason", "words"), HELD_UP, ids=[row[0] for row in HELD_UP])
def test_an_init_container_that_holds_the_pod_up_is_told(scene: Scene, kind: str, reason: str, words: str) -> None:
    with webhooks.asked(scene, kind):
        scene.apply(targets=one_target(scene), startTimeoutSeconds=300)
        scene.start_run()
        told = wait_for(scene.run, lambda seen: words in seen.get("message", ""), SOON_SECONDS)
    assert told["dump"]["reason"] == reason
    if kind == "init-that-fails":
        assert (told["dump"]["phase"], told["dump"]["attempts"]) == ("Retrying", 1)
