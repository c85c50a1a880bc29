"""Runs with action Load or Rollback: what may stand in them, and the Jobs that they become."""

from typing import Any

import pytest

from datareplication.core import manifests, run
from datareplication.core.manifests import JobDefaults
from datareplication.core.paths import snapshot_path
from datareplication.core.run import Run
from datareplication.errors import SpecError
from datareplication.jobs.commands import load as load_command

IMAGE = JobDefaults("datareplication/job:1")
OLDER = "prod-fanout/prod-fanout-202603280000/prod_snapshot_20260328"
SCRUB = {"configMapKeyRef": {"name": "scrub", "key": "dev.sql"}}
SPEC: dict[str, Any] = {
    "source": {"host": "prod-db", "database": "app", "credentialsSecretRef": {"name": "prod-db"}},
    "snapshot": {"persistentVolumeClaim": {"claimName": "snapshots"}},
    "targets": [
        {"name": "dev", "host": "dev-db", "database": "app", "credentialsSecretRef": {"name": "d"}, "afterLoad": SCRUB}
    ],
}


def a_run(**request: Any) -> Run:
    name = "prod-fanout-202603292200" if "slot" in request else "back"
    metadata = {"name": name, "namespace": "data", "uid": "uid-1", "creationTimestamp": "2026-03-29T22:00:01Z"}
    return run.read({"metadata": metadata, "spec": {"replicationName": "prod-fanout", "replication": SPEC, **request}})


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({"action": "Rollback"}, ""),
        ({"action": "Load", "snapshot": OLDER}, ""),
        ({"action": "Load", "snapshot": "prod-fanout/x/..."}, ""),
        ({"action": "Load"}, "spec.snapshot"),
        ({"action": "Rollback", "snapshot": OLDER}, "spec.snapshot"),
        ({"action": "Replicate", "snapshot": OLDER}, "spec.snapshot"),
        ({"action": "Load", "snapshot": "other/run/prod_snapshot"}, "spec.snapshot"),
        ({"action": "Load", "snapshot": "prod-fanout-2/run/prod_snapshot"}, "spec.snapshot"),
        ({"action": "Load", "snapshot": "prod-fanout/../other/run/prod_snapshot"}, "spec.snapshot"),
        ({"action": "Load", "snapshot": "prod-fanout/./run"}, "spec.snapshot"),
        ({"action": "Load", "snapshot": "prod-fanout//run"}, "spec.snapshot"),
        ({"action": "Load", "snapshot": "/prod-fanout/run"}, "spec.snapshot"),
        ({"action": "Load", "snapshot": "prod-fanout"}, "spec.snapshot"),
        ({"action": "Load", "snapshot": "prod-fanout/a b"}, "spec.snapshot"),
        ({"action": "Rollback", "slot": "2026-03-29T22:00:00Z"}, "spec.action"),
        ({"action": "Load", "snapshot": OLDER, "slot": "2026-03-29T22:00:00Z"}, "spec.action"),
    ],
)
def test_what_a_run_may_ask_for(request_: dict[str, Any], field: str) -> None:
    try:
        run.check(a_run(**request_))
        found = ""
    except SpecError as error:
        found = error.field
    assert found == field


def container(job: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = job["spec"]["template"]["spec"]["containers"][0]
    return found


def environment(job: dict[str, Any]) -> dict[str, str]:
    return {entry["name"]: entry.get("value", "secret") for entry in container(job)["env"]}


def test_load_of_an_older_snapshot_reads_it_and_accepts_its_run() -> None:
    job = manifests.load_job(a_run(action="Load", snapshot=OLDER), IMAGE, "dev")
    read = load_command.parse(container(job)["args"], environment(job))
    assert (str(read.input), read.is_any_run, read.is_rollback) == (f"/snapshots/{OLDER}", True, False)
    assert (read.run.uid, read.run.replication) == ("uid-1", "prod-fanout")
    assert container(job)["volumeMounts"][0] == {"name": "snapshots", "mountPath": "/snapshots", "readOnly": True}


def test_run_that_dumps_loads_no_other_runs_snapshot() -> None:
    job = manifests.load_job(a_run(), IMAGE, "dev")
    assert "--any-run" not in container(job)["args"]
    assert "--rollback" not in container(job)["args"]


def test_rollback_reads_no_volume_and_no_script() -> None:
    masking = {
        "rules": {"configMapKeyRef": {"name": "masking", "key": "rules.yaml"}},
        "keySecretRef": {"name": "masking-key", "key": "key"},
    }
    source = {**SPEC["source"], "masking": masking}
    back = a_run(action="Rollback", replication={**SPEC, "source": source})
    job = manifests.load_job(back, IMAGE, "dev")
    assert "MASKING_KEY" not in environment(job)
    read = load_command.parse(container(job)["args"], environment(job))
    assert (read.is_rollback, read.run.uid, read.target_name, read.strategy) == (True, "uid-1", "dev", "Swap")
    assert [volume["name"] for volume in job["spec"]["template"]["spec"]["volumes"]] == ["tmp"]
    assert [mount["name"] for mount in container(job)["volumeMounts"]] == ["tmp"]
    assert "CSV_OUTPUT_PATH" not in environment(job)
    assert snapshot_path(back) == ""
