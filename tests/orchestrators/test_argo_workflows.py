"""Argo Workflows with the example: its controller in the cluster, which is killed in between with all pods of a workflow."""

import json
from typing import Any

import pytest
import yaml

from lab.replications import Scene, wait_for
from orchestra import argo, examples, scenes
from scenarios.blocking import blocked_source

pytestmark = pytest.mark.cluster

NAME = "database-replication-fanout"
STEPS = {"dev": "copy(0:", "staging": "copy(1:", "qa": "copy(2:"}
SECONDS = 300
ENDED = ("Succeeded", "Failed", "Error")

Object = dict[str, Any]


@pytest.fixture(scope="module", autouse=True)
def installed(scene: Scene) -> None:
    """Install Argo, and the example for the scene's replication."""
    cluster, namespace = scene.lab.cluster, scene.namespace
    argo.install(cluster, namespace)
    for file in ("role.yaml", f"{NAME}.yaml"):
        text = (examples.EXAMPLES / "argo-workflows" / file).read_text()
        text = text.replace("namespace: data", f"namespace: {namespace}").replace("prod-fanout", scene.name)
        cluster.apply(*yaml.safe_load_all(text.replace("duration: 5m", "duration: 2s")))


def submit(scene: Scene, **parameters: Any) -> str:
    """Start a workflow of the example's template; return its name."""
    chosen = [{"name": name, "value": json.dumps(value)} for name, value in parameters.items()]
    body = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"generateName": "refresh-", "namespace": scene.namespace},
        "spec": {"workflowTemplateRef": {"name": NAME}, "arguments": {"parameters": chosen}},
    }
    return scene.lab.cluster.kubectl("create", "-o", "jsonpath={.metadata.name}", "-f", "-", stdin=json.dumps(body))


def workflow(scene: Scene, name: str) -> Object:
    """Return the status of a workflow."""
    found: Object = scene.lab.cluster.get("workflow", name, "-n", scene.namespace).get("status", {})
    return found


def ended(scene: Scene, name: str) -> str:
    """Wait until a workflow has ended; return its phase."""
    seen = wait_for(lambda: workflow(scene, name), lambda status: status.get("phase") in ENDED, SECONDS)
    return str(seen["phase"])


def said(scene: Scene, name: str) -> str:
    """Return what became of each node of a workflow, and the end of what their pods printed."""
    nodes = workflow(scene, name).get("nodes", {}).values()
    told = [f"{one['displayName']} {one['type']} {one['phase']}: {one.get('message', '')}" for one in nodes]
    pods = ("-l", f"workflows.argoproj.io/workflow={name}")
    logs = scene.lab.cluster.kubectl(
        "-n", scene.namespace, "logs", *pods, "--all-containers", "--ignore-errors", "--prefix", "--tail=8"
    )
    return "\n".join([*told, logs])


def copies(scene: Scene, name: str) -> dict[str, Object]:
    """Return target -> the node of a workflow that waits for it, the one that has its retries below it."""
    nodes = [one for one in workflow(scene, name).get("nodes", {}).values() if one["type"] == "Retry"]
    named = (
        (target, one) for target, prefix in STEPS.items() for one in nodes if one["displayName"].startswith(prefix)
    )
    return dict(named)


def phases(nodes: dict[str, Object]) -> dict[str, str]:
    return {target: str(node["phase"]) for target, node in nodes.items()}


def test_a_workflow_is_one_run_with_a_step_for_each_target(scene: Scene) -> None:
    before = scenes.runs(scene)
    name = submit(scene)
    assert ended(scene, name) == "Succeeded", said(scene, name)
    assert phases(copies(scene, name)) == dict.fromkeys(STEPS, "Succeeded")
    (run,) = (one for found, one in scenes.runs(scene).items() if found not in before)
    assert scenes.loaded(run) == dict.fromkeys(scene.lab.targets, "Succeeded")
    assert run["metadata"]["annotations"]["requested-by"] == f"argo {name}"


def test_a_failed_target_is_its_own_steps_and_is_loaded_again_alone(scene: Scene) -> None:
    before = scenes.runs(scene)
    with scenes.wrong_password(scene, "qa"):
        name = submit(scene)
        assert ended(scene, name) == "Failed"
    nodes = copies(scene, name)
    assert phases(nodes) == {"dev": "Succeeded", "staging": "Succeeded", "qa": "Failed"}
    assert len(nodes["qa"]["children"]) == 1, "a target's failure is not retried by Argo"
    (first,) = scenes.runs(scene).keys() - before.keys()

    again = submit(scene, targets=[{"name": "qa", "index": 0}])
    assert ended(scene, again) == "Succeeded"
    (second,) = scenes.runs(scene).keys() - before.keys() - {first}
    assert scenes.loaded(scenes.runs(scene)[second]) == {"qa": "Succeeded"}


def test_a_killed_controller_goes_on_with_the_run_that_is_there(scene: Scene) -> None:
    before, cluster = scenes.runs(scene), scene.lab.cluster
    with blocked_source(scene):
        name = submit(scene)
        wait_for(lambda: {"new": scenes.runs(scene).keys() - before.keys()}, lambda seen: bool(seen["new"]), SECONDS)
        (run,) = scenes.runs(scene).keys() - before.keys()
        killed = ("--force", "--grace-period=0", "--wait=false")
        cluster.kubectl("-n", scene.namespace, "delete", "pod", "-l", f"app={argo.CONTROLLER}", *killed)
        pods = f"workflows.argoproj.io/workflow={name}"
        cluster.kubectl("-n", scene.namespace, "delete", "pod", "-l", pods, *killed)
        wait_for(lambda: copies(scene, name), lambda seen: len(seen) == len(STEPS), SECONDS)
        assert "completionTime" not in scene.run(run)
    assert ended(scene, name) == "Succeeded", said(scene, name)
    assert scenes.runs(scene).keys() - before.keys() == {run}
    assert scenes.loaded(scenes.runs(scene)[run]) == dict.fromkeys(scene.lab.targets, "Succeeded")
