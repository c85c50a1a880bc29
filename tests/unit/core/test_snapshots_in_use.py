"""What a dump Job is told of pruning, read by the program's own parser, and which runs it must spare."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from datareplication.core import manifests, paths, plan, run
from datareplication.core.manifests import JobDefaults
from datareplication.core.names import DUMP_STEP
from datareplication.core.observed import ObservedJob
from datareplication.core.plan import CreateJob, SeenRun
from datareplication.core.run import Run
from datareplication.core.volume import Volume
from datareplication.jobs.commands import dump as dump_command
from datareplication.jobs.model.retention import Order, Rule
from support.samples import MINIMAL

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
IMAGE = JobDefaults("job:1")


def a_run(name: str = "r-1", retention: dict[str, Any] | None = None, *, finished: bool = False, **request: Any) -> Run:
    metadata = {"name": name, "namespace": "data", "uid": name, "creationTimestamp": "2026-03-02T11:00:00Z"}
    spec = {**MINIMAL, "snapshot": {**MINIMAL["snapshot"], "retention": retention or {}}}
    read = run.read({"metadata": metadata, "spec": {"replicationName": "r", "replication": spec, **request}})
    status = read.status.having(start_time=NOON, completion_time=NOON if finished else None)
    return replace(read, status=status)


def order_of(job: dict[str, Any]) -> Order | None:
    container = job["spec"]["template"]["spec"]["containers"][0]
    environment = {entry["name"]: entry.get("value", "x") for entry in container["env"]}
    return dump_command.parse(container["args"], environment).pruning


@pytest.mark.parametrize(
    ("retention", "rule"),
    [
        ({}, Rule("r", 7, None, frozenset({"r-1", "-odd"}), NOON)),
        ({"keep": 3, "maxAgeDays": 30}, Rule("r", 3, 30, frozenset({"r-1", "-odd"}), NOON)),
    ],
)
def test_dump_program_reads_the_retention(retention: dict[str, Any], rule: Rule) -> None:
    job = manifests.dump_job(a_run(retention=retention), IMAGE, ("r-1", "-odd"))
    assert order_of(job) == Order(Path("/snapshots/r"), rule)


def test_open_runs_and_the_snapshots_they_load_are_in_use() -> None:
    runs = [
        a_run("dumping"),
        a_run("ended", finished=True),
        a_run("loading", action="Load", snapshot="r/older/prod_snapshot_20260301"),
        a_run("loading-of-another", action="Load", snapshot="other/run/prod_snapshot_20260301"),
    ]
    assert paths.in_use(runs) == ("dumping", "older")


def test_plan_tells_the_dump_of_the_other_runs() -> None:
    seen = SeenRun(
        a_run(), {DUMP_STEP: ObservedJob(DUMP_STEP)}, Volume("snapshots", exists=True), in_use=("r-0", "r-1")
    )
    (action,) = plan.plan_run(seen, IMAGE, NOON).actions
    assert isinstance(action, CreateJob)
    order = order_of(action.manifest)
    assert order is not None
    assert order.rule.in_use == {"r-0", "r-1"}
