"""Dagster with the example: web server, daemon and code server, the worker of a run killed in between."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from harness.errors import HarnessError
from lab.replications import Scene, wait_for
from orchestra import environments, examples, processes, scenes, web
from orchestra.processes import Process
from scenarios.blocking import blocked_source

pytestmark = pytest.mark.cluster

EXAMPLE = "dagster/database_replication_fanout.py"
JOB = "database_replication_fanout"
QUICK = {"RETRY_DELAY_SECONDS": "2", "LOOK_EVERY_SECONDS": "1"}
SECONDS = 300
ENDED = ("SUCCESS", "FAILURE", "CANCELED")

LAUNCH = """mutation Launch($params: ExecutionParams!) { launchRun(executionParams: $params) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
RUNS = "{ runsOrError { ... on Runs { results { runId status parentRunId tags { key value } } } } }"
LOGS = """query Logs($run: ID!) { logsForRun(runId: $run, limit: 1000) { ... on EventConnection { events {
  __typename ... on MessageEvent { message stepKey } } } } }"""
ASSETS = """query Assets { assetNodes { assetKey { path } assetMaterializations(limit: 1) { runId metadataEntries {
  label ... on IntMetadataEntry { intValue } ... on TextMetadataEntry { text }
  ... on TimestampMetadataEntry { timestamp } } } } }"""

Object = dict[str, Any]


@dataclass
class Dagster:
    """Dagster's processes and its API."""

    home: Path
    example: Path
    environment: dict[str, str]
    port: int
    running: list[Process] = field(default_factory=list)

    def start(self) -> None:
        """Start all processes, and return when the job is known."""
        command = ["dagster", "dev", "-h", "127.0.0.1", "-p", str(self.port), "-f", str(self.example)]
        self.running.append(processes.start(command, self.environment, self.home / "dagster.log", self.home))
        url = f"http://127.0.0.1:{self.port}/server_info"
        wait_for(lambda: {"up": web.answers(url)}, lambda seen: bool(seen["up"]), SECONDS)

    def stop(self) -> None:
        """Stop all of them."""
        for process in self.running:
            process.stop()

    def said(self) -> str:
        """Return the end of what they have printed."""
        return "\n".join(process.said() for process in self.running)

    def ask(self, query: str, **variables: Any) -> Object:
        """Return the data that answers a query."""
        answer = web.ask(f"http://127.0.0.1:{self.port}/graphql", {"query": query, "variables": variables})
        assert "errors" not in answer, answer
        data: Object = answer["data"]
        return data

    def materialize(self, *targets: str) -> str:
        """Start a run that materializes these targets' assets, or all; return its id."""
        selector: Object = {
            "repositoryLocationName": self.example.name,
            "repositoryName": "__repository__",
            "jobName": JOB,
        }
        if targets:
            selector["assetSelection"] = [{"path": ["fan", target]} for target in targets]
        answer = self.ask(LAUNCH, params={"selector": selector, "mode": "default", "runConfigData": {}})["launchRun"]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        return str(answer["run"]["runId"])

    def runs(self) -> dict[str, Object]:
        """Return Dagster's runs by their ids."""
        return {one["runId"]: one for one in self.ask(RUNS)["runsOrError"]["results"]}

    def ended(self, run: str) -> str:
        """Wait until a run has ended; return its state."""
        try:
            return str(wait_for(lambda: self.runs()[run], lambda one: one["status"] in ENDED, SECONDS)["status"])
        except HarnessError as error:
            raise HarnessError(f"{error}\n{self.said()}") from error

    def events(self, run: str) -> list[Object]:
        """Return what has happened in a run."""
        found: list[Object] = self.ask(LOGS, run=run)["logsForRun"]["events"]
        return found

    def worker(self, run: str) -> int:
        """Return the process that carries a run out."""
        (pid,) = re.findall(
            r"Started process for run \(pid: (\d+)\)", " ".join(one["message"] for one in self.events(run))
        )
        return int(pid)

    def assets(self) -> dict[str, Object]:
        """Return target -> the run of its last materialization (`run_id`), and that one's metadata."""
        found = {}
        for node in self.ask(ASSETS)["assetNodes"]:
            for one in node["assetMaterializations"]:
                values = {entry["label"]: _value(entry) for entry in one["metadataEntries"]}
                found[node["assetKey"]["path"][-1]] = {"run_id": one["runId"], **values}
        return found


def _value(entry: Object) -> Any:
    return next((entry[name] for name in ("intValue", "text", "timestamp") if name in entry), None)


@pytest.fixture(scope="module")
def dagster(scene: Scene, home: Path, kubeconfig: Path) -> Iterator[Dagster]:
    """Return a running Dagster with the example's assets."""
    example = examples.edited(EXAMPLE, home / "code", scene, **QUICK)
    shutil.copy(examples.EXAMPLES / "dagster" / "dagster.yaml", home)
    chosen = {"DAGSTER_HOME": str(home), "DAGSTER_DISABLE_TELEMETRY": "yes"}
    environment = environments.variables("dagster", home, kubeconfig, **chosen)
    made = Dagster(home, example, environment, web.free_port())
    try:
        made.start()
        yield made
    finally:
        made.stop()


def test_a_run_materializes_an_asset_for_each_target(dagster: Dagster, scene: Scene) -> None:
    before = scenes.runs(scene)
    dagster_run = dagster.materialize()
    assert dagster.ended(dagster_run) == "SUCCESS", dagster.said()
    ((name, run),) = ((name, one) for name, one in scenes.runs(scene).items() if name not in before)
    loads = {one["name"]: one for one in run["status"]["targets"]}
    assert dagster.assets() == {
        target: {
            "run_id": dagster_run,
            "dagster/row_count": loads[target]["rows"],
            "bytes": loads[target]["bytes"],
            "snapshot_time": datetime.fromisoformat(loads[target]["snapshotTime"]).timestamp(),
            "snapshot": run["status"]["snapshot"],
            "run": name,
        }
        for target in scene.lab.targets
    }
    assert loads["qa"]["rows"] == 2000


def test_a_failed_target_is_its_own_assets_and_is_loaded_again_alone(dagster: Dagster, scene: Scene) -> None:
    before = scenes.runs(scene)
    with scenes.wrong_password(scene, "qa"):
        dagster_run = dagster.materialize()
        assert dagster.ended(dagster_run) == "FAILURE"
    (first,) = scenes.runs(scene).keys() - before.keys()
    made_by = {target: asset["run"] for target, asset in dagster.assets().items()}
    assert made_by["dev"] == made_by["staging"] == first
    assert made_by["qa"] != first
    failures = [one for one in dagster.events(dagster_run) if one["__typename"] == "ExecutionStepFailureEvent"]
    assert [one["stepKey"] for one in failures] == ["fan__qa"]
    assert not any(one["__typename"] == "ExecutionStepUpForRetryEvent" for one in dagster.events(dagster_run))

    again = dagster.materialize("qa")
    assert dagster.ended(again) == "SUCCESS"
    (second,) = scenes.runs(scene).keys() - before.keys() - {first}
    assert scenes.loaded(scenes.runs(scene)[second]) == {"qa": "Succeeded"}
    assert dagster.assets()["qa"]["run"] == second


def test_a_killed_worker_s_run_goes_on_with_the_run_that_is_there(dagster: Dagster, scene: Scene) -> None:
    before = scenes.runs(scene)
    with blocked_source(scene):
        dagster_run = dagster.materialize()
        wait_for(lambda: {"new": scenes.runs(scene).keys() - before.keys()}, lambda seen: bool(seen["new"]), SECONDS)
        processes.kill_tree(dagster.worker(dagster_run))
        (name,) = scenes.runs(scene).keys() - before.keys()
        assert dagster.ended(dagster_run) == "FAILURE"
        again = wait_for(
            lambda: next((one for one in dagster.runs().values() if one["parentRunId"] == dagster_run), {}),
            bool,
            SECONDS,
        )
        wait_for(
            lambda: {
                "steps": {
                    one.get("stepKey")
                    for one in dagster.events(again["runId"])
                    if one["__typename"] == "ExecutionStepStartEvent"
                }
            },
            lambda seen: len(seen["steps"]) > 0,
            SECONDS,
        )
        assert "completionTime" not in scene.run(name)
    assert dagster.ended(again["runId"]) == "SUCCESS"
    assert scenes.runs(scene).keys() - before.keys() == {name}
    assert {asset["run"] for asset in dagster.assets().values()} == {name}
