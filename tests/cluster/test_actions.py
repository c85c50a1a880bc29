"""Runs that make no snapshot, on a real cluster: a rollback, and a load of an older snapshot, as kubectl shows them."""

import json
from typing import Any

import pytest

from harness.cluster import Cluster
from harness.errors import ProgramError
from lab import contents
from lab.contents import Content
from lab.replications import API_VERSION, Scene

pytestmark = pytest.mark.cluster


def content(scene: Scene, target: str) -> dict[str, Content]:
    return contents.read(scene.lab.targets[target], scene.database)


def shown(scene: Scene, target: str) -> dict[str, Any]:
    """What the DataReplication says of a target."""
    found: dict[str, Any] = next(one for one in scene.status()["targets"] if one["name"] == target)
    return found


def finished(scene: Scene, name: str, **spec: Any) -> dict[str, Any]:
    """Make a run and wait until it has succeeded."""
    scene.start_run(name, **spec)
    status = scene.finished_run(name)
    assert status["phase"] == "Succeeded", status["message"]
    return status


def steps(status: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {step["name"]: step for step in status["targets"]}


def test_a_target_is_rolled_back_and_another_loads_an_older_snapshot(scene: Scene) -> None:
    scene.apply()
    first = finished(scene, "first")
    old = contents.read(scene.lab.source, scene.database)
    scene.lab.source.psql("DELETE FROM purchase WHERE id > 500", scene.database)
    finished(scene, "second")
    new = contents.read(scene.lab.source, scene.database)
    assert old != new
    assert {name: content(scene, name) for name in scene.lab.targets} == dict.fromkeys(scene.lab.targets, new)

    back = finished(scene, "back", action="Rollback", targets=["dev"])
    assert back["message"] == "rolled back: dev"
    assert "dump" not in back
    assert steps(back)["dev"]["reason"] == "RolledBack"
    assert steps(back)["dev"]["snapshot"] == first["snapshot"]
    assert content(scene, "dev") == old
    assert shown(scene, "dev")["snapshot"] == first["snapshot"]
    assert shown(scene, "dev")["dataTime"] == first["snapshotTime"]
    assert shown(scene, "dev")["rows"] == sum(table.rows for table in old.values())
    assert [name for name in scene.names("jobs") if name.startswith("back-")] == ["back-load-dev"]
    wide = scene.lab.cluster.kubectl("-n", scene.namespace, "get", "dreprun", "back", "-o", "wide")
    assert "rolled back: dev" in wide

    older = finished(scene, "older", action="Load", snapshot=first["snapshot"], targets=["qa"])
    assert older["snapshot"] == first["snapshot"]
    assert content(scene, "qa") == old
    assert shown(scene, "qa")["dataTime"] == first["snapshotTime"]
    assert [name for name in scene.names("jobs") if name.startswith("older-")] == ["older-load-qa"]

    finished(scene, "forth", action="Rollback", targets=["dev"])
    assert content(scene, "dev") == new


def test_without_a_database_to_go_back_to_the_target_stays(scene: Scene) -> None:
    target = {"name": "dev", **scene.connection(scene.lab.targets["dev"]), "keepPrevious": 0}
    scene.apply(targets=[target])
    finished(scene, "first")
    before = content(scene, "dev")
    scene.start_run("back", action="Rollback")
    status = scene.finished_run("back")
    assert status["phase"] == "Failed"
    assert "nothing to roll back to" in status["message"]
    assert content(scene, "dev") == before


SNAPSHOT = "fan/first/prod_snapshot_20260101"
REFUSED = {
    "a rollback with a snapshot": ({"action": "Rollback", "snapshot": SNAPSHOT}, "snapshot goes with action Load"),
    "a dump with a snapshot": ({"snapshot": SNAPSHOT}, "snapshot goes with action Load"),
    "a load without one": ({"action": "Load"}, "snapshot goes with action Load"),
    "another replication's": (
        {"action": "Load", "snapshot": "other/x/prod_snapshot"},
        "snapshot must lie below replicationName/",
    ),
    "a path that climbs": ({"action": "Load", "snapshot": "fan/../other/x"}, "must be a path below replicationName/"),
    "a slot": ({"action": "Rollback", "slot": "2026-01-01T00:00:00Z"}, "a slot's run has action Replicate"),
}


@pytest.mark.parametrize(("fields", "told"), REFUSED.values(), ids=REFUSED)
@pytest.mark.usefixtures("lab")
def test_what_does_not_go_together_is_refused_in_words(cluster: Cluster, fields: dict[str, Any], told: str) -> None:
    metadata = {"name": "refused", "namespace": "default"}
    manifest = {"apiVersion": API_VERSION, "kind": "DataReplicationRun", "metadata": metadata}
    text = json.dumps({**manifest, "spec": {"replicationName": "fan", **fields}})
    with pytest.raises(ProgramError, match=told):
        cluster.kubectl("create", "--dry-run=server", "-f", "-", stdin=text)
