"""Jobs that outlive their owner (`--cascade=orphan`): the status says what they do to the targets."""

from typing import Any

import pytest

from lab import contents
from lab.replications import Scene, wait_for

pytestmark = pytest.mark.cluster


def apply(scene: Scene, *slow: str, seconds: int = 20) -> None:
    """Apply the resource; the loads of `slow` take so long, after all rows are there."""
    metadata, script = {"name": "slow", "namespace": scene.namespace}, {"slow.sql": f"SELECT pg_sleep({seconds})"}
    scene.lab.cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": script})
    after = {"afterLoad": {"configMapKeyRef": {"name": "slow", "key": "slow.sql"}}}
    targets = scene.resource()["spec"]["targets"]
    scene.apply(targets=[target | (after if target["name"] in slow else {}) for target in targets])


def orphan(scene: Scene, kind: str, name: str) -> None:
    scene.lab.cluster.kubectl("-n", scene.namespace, "delete", kind, name, "--cascade=orphan")


def phases(scene: Scene) -> dict[str, str]:
    return {target["name"]: target["phase"] for target in scene.run().get("targets", ())}


def data_times(scene: Scene) -> dict[str, str]:
    return {target["name"]: target.get("dataTime", "") for target in scene.status()["targets"]}


def loaded(scene: Scene) -> set[str]:
    """Return the targets that hold what the source does, by asking them."""
    source = contents.read(scene.lab.source, scene.database)
    return {name for name, server in scene.lab.targets.items() if contents.read(server, scene.database) == source}


def suspended(scene: Scene) -> set[str]:
    return {job["metadata"]["name"] for job in scene.items("jobs") if job["spec"].get("suspend")}


def test_a_run_whose_resource_was_deleted_without_it_ends_as_it_began(scene: Scene) -> None:
    apply(scene, "dev", "staging", "qa")
    scene.start_run()
    wait_for(lambda: phases(scene), lambda seen: list(seen.values()) == ["Running"] * 3, 90)
    orphan(scene, "drep", scene.name)
    status = scene.finished_run()
    assert (status["phase"], status["targetsSummary"]) == ("Succeeded", "3/3")
    assert loaded(scene) == {"dev", "staging", "qa"}
    apply(scene)
    anew = wait_for(scene.status, lambda seen: "targetsSummary" in seen, 60)
    assert anew["targetsSummary"] == "3/3"
    assert set(data_times(scene).values()) == {status["snapshotTime"]}


def test_jobs_whose_run_was_deleted_without_them_are_ended_and_what_they_did_is_told(scene: Scene) -> None:
    apply(scene, "staging", "qa", seconds=600)
    scene.start_run()
    wanted = {"dev": "Succeeded", "staging": "Running", "qa": "Running"}
    wait_for(lambda: phases(scene), lambda seen: seen == wanted, 90)
    orphan(scene, "dreprun", "now")
    ended = {"now-load-staging", "now-load-qa"}
    wait_for(lambda: {"found": suspended(scene)}, lambda seen: seen["found"] == ended, 60)

    def has_told(seen: dict[str, Any]) -> bool:
        return "activeRuns" not in seen and {target["phase"] for target in seen["targets"]} == {"Succeeded", "Failed"}

    status = wait_for(scene.status, has_told, 90)
    assert status["targetsSummary"] == "1/3"
    assert "run now was deleted" in str(status["targets"])
    assert {name for name, moment in data_times(scene).items() if moment} == loaded(scene) == {"dev"}
    running = [pod["metadata"]["name"] for pod in scene.items("pods") if pod["status"]["phase"] == "Running"]
    assert running == []
