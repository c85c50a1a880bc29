"""What all Jobs of a DataReplication have in common, what tools that wait for any resource see, and that nothing drifts."""

import json
from typing import Any

import pytest

from harness.errors import ProgramError
from lab import api, contents
from lab.replications import Scene

pytestmark = pytest.mark.cluster

QUEUE = {"kueue.x-k8s.io/queue-name": "refreshes"}
OUTSIDE = "dev-db.corp.example"


def address(scene: Scene, host: str) -> str:
    """Return the address behind a Service's name."""
    name, namespace = host.split(".")[:2]
    return str(api.get(scene.lab.cluster, "services", namespace, name)["spec"]["clusterIP"])


def wait(scene: Scene, condition: str, run: str = "now", seconds: int = 120) -> None:
    """Wait for a run's condition as a user would."""
    what, until = f"datareplicationrun/{run}", f"--for=condition={condition}"
    scene.lab.cluster.kubectl("-n", scene.namespace, "wait", until, what, f"--timeout={seconds}s")


def test_jobs_have_what_the_resource_says_of_all_of_them(scene: Scene) -> None:
    """The target has no name in DNS: only the line of /etc/hosts leads to it."""
    dev = scene.lab.targets["dev"]
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "refreshes", "namespace": scene.namespace},
    }
    scene.lab.cluster.apply(account)
    target = {"name": "dev", **scene.connection(dev), "host": OUTSIDE, "sslMode": "verify-ca"}
    jobs: dict[str, Any] = {
        "labels": QUEUE | {"team": "data"},
        "annotations": {"cost": "centre"},
        "podLabels": {"sidecar.istio.io/inject": "false"},
        "podAnnotations": {"linkerd.io/inject": "disabled"},
        "serviceAccountName": "refreshes",
        "hostAliases": [{"ip": address(scene, dev.host), "hostnames": [OUTSIDE]}],
        "dnsConfig": {"options": [{"name": "ndots", "value": "1"}]},
        "tolerations": [{"key": "batch", "operator": "Exists"}],
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {"datareplication.dev/replication": scene.name}},
            }
        ],
    }
    scene.apply(targets=[target], jobs=jobs, dump={"podLabels": {"team": "source"}})
    scene.start_run()
    wait(scene, "Ready")
    assert contents.read(dev, scene.database) == contents.read(scene.lab.source, scene.database)
    made = scene.items("jobs")
    assert {job["metadata"]["name"] for job in made} == {"now-dump", "now-load-dev"}
    for job in made:
        assert job["metadata"]["labels"].items() >= (QUEUE | {"team": "data"}).items()
        assert job["metadata"]["annotations"]["cost"] == "centre"
    for pod in scene.items("pods"):
        metadata, spec = pod["metadata"], pod["spec"]
        assert metadata["labels"]["sidecar.istio.io/inject"] == "false"
        assert metadata["annotations"]["linkerd.io/inject"] == "disabled"
        assert (spec["serviceAccountName"], spec["automountServiceAccountToken"]) == ("refreshes", False)
        assert "serviceaccount" not in json.dumps([one["volumeMounts"] for one in spec["containers"]])
    labels = {
        pod["metadata"]["labels"]["datareplication.dev/role"]: pod["metadata"]["labels"] for pod in scene.items("pods")
    }
    assert labels["dump"]["team"] == "source"
    assert "team" not in labels["load"]


def test_a_tool_that_waits_for_any_resource_sees_how_a_run_ends(scene: Scene) -> None:
    scene.apply()
    scene.start_run(action="Load", snapshot=f"{scene.name}/gone/prod_snapshot_20260101", targets=["dev"])
    wait(scene, "Stalled")
    run = api.get(scene.lab.cluster, "dreprun", scene.namespace, "now")
    conditions = {one["type"]: one for one in run["status"]["conditions"]}
    assert (conditions["Ready"]["status"], conditions["Reconciling"]["status"]) == ("False", "False")
    assert run["status"]["observedGeneration"] == run["metadata"]["generation"]
    assert {one["observedGeneration"] for one in conditions.values()} == {run["metadata"]["generation"]}


def test_applying_the_same_once_more_changes_nothing(scene: Scene) -> None:
    scene.apply(suspend=True, schedule={"cron": "@daily"})
    scene.start_run()
    scene.finished_run()
    text = json.dumps(scene.resource(suspend=True, schedule={"cron": "@daily"}))
    cluster = scene.lab.cluster
    assert cluster.kubectl("apply", "-f", "-", stdin=text).split() == [
        f"datareplication.datareplication.dev/{scene.name}",
        "unchanged",
    ]
    assert cluster.kubectl("diff", "-f", "-", stdin=text) == ""
    with pytest.raises(ProgramError):
        cluster.kubectl("diff", "-f", "-", stdin=text.replace("@daily", "@hourly"))
