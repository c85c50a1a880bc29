"""Runs of a tenant who may create runs but no DataReplications, and runs from a backup, on a real API server."""

import json
from typing import Any

import pytest

from lab import contents
from lab.replications import Scene, wait_for

pytestmark = pytest.mark.cluster

TENANT = "system:serviceaccount:default:tenant"


def allow_runs(scene: Scene) -> None:
    """Let the tenant create runs in the scene's namespace, and nothing else."""
    rule = ["--verb=create,get,list,patch,update,delete", "--resource=datareplicationruns.datareplication.dev"]
    scene.lab.cluster.kubectl("-n", scene.namespace, "create", "role", "runs", *rule)
    scene.lab.cluster.kubectl(
        "-n", scene.namespace, "create", "rolebinding", "runs", "--role=runs", "--serviceaccount=default:tenant"
    )


def create(scene: Scene, manifest: dict[str, Any], *options: str) -> None:
    scene.lab.cluster.kubectl(*options, "-n", scene.namespace, "create", "-f", "-", stdin=json.dumps(manifest))


def run(scene: Scene, name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "datareplication.dev/v1alpha1",
        "kind": "DataReplicationRun",
        "metadata": {"name": name, "namespace": scene.namespace},
        "spec": {"replicationName": scene.name, **spec},
    }


def test_a_tenants_own_copy_of_the_spec_never_reaches_a_pod(scene: Scene) -> None:
    allow_runs(scene)
    scene.apply()
    ours = scene.lab.cluster.get("drep", scene.name, "-n", scene.namespace)
    his = {**ours["spec"], "podSecurityContext": {"runAsUser": 4711}, "description": "his"}
    his["source"] = {**his["source"], "host": "his-server.his.svc", "sslMode": "disable"}
    owner = {key: ours["metadata"][key] for key in ("name", "uid")}
    owned = [{"apiVersion": ours["apiVersion"], "kind": "DataReplication", "controller": True, **owner}]
    manifest = run(scene, "his", replication=his)
    manifest["metadata"] |= {
        "ownerReferences": owned,
        "annotations": {"datareplication.dev/begun-at": "2026-01-01T00:00:00Z"},
    }
    create(scene, manifest, f"--as={TENANT}")
    assert scene.finished_run("his")["phase"] == "Succeeded"
    made = scene.lab.cluster.get("dreprun", "his", "-n", scene.namespace)
    assert made["spec"]["replication"] == ours["spec"], "to the last field"
    seen = json.dumps([scene.items("jobs"), scene.items("pods")])
    assert "his-server" not in seen
    assert "4711" not in seen
    source = contents.read(scene.lab.source, scene.database)
    assert all(contents.read(server, scene.database) == source for server in scene.lab.targets.values())


def test_a_rollback_out_of_an_export_is_not_carried_out_again(scene: Scene) -> None:
    scene.apply()
    for name in ("first", "second"):
        scene.start_run(name)
        assert scene.finished_run(name)["phase"] == "Succeeded"
    scene.start_run("undo", action="Rollback")
    assert scene.finished_run("undo")["phase"] == "Succeeded"
    before = generations(scene)
    export = scene.lab.cluster.get("dreprun", "undo", "-n", scene.namespace)
    scene.lab.cluster.kubectl("-n", scene.namespace, "delete", "dreprun", "undo")
    for left in ("resourceVersion", "uid", "creationTimestamp", "generation", "managedFields"):
        export["metadata"].pop(left, None)
    create(scene, export)
    status = wait_for(lambda: scene.run("undo"), lambda seen: "completionTime" in seen, 60)
    reasons = {condition["type"]: condition["reason"] for condition in status["conditions"]}
    assert (status["phase"], reasons["Finished"]) == ("Failed", "RestoredWithoutStatus")
    assert not [name for name in scene.names("jobs") if name.startswith("undo-")]
    assert generations(scene) == before
    assert scene.status()["phase"] == "Succeeded"


def generations(scene: Scene) -> dict[str, str]:
    """Return the oid of each target's database: a swap or a rollback changes it."""
    question = f"SELECT oid FROM pg_database WHERE datname = '{scene.database}'"
    return {name: server.psql(question).strip() for name, server in scene.lab.targets.items()}
