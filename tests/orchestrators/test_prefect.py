"""Prefect with the example: a server, and the process that serves the flow, killed in between."""

import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from harness.errors import HarnessError
from lab.replications import Scene, wait_for
from orchestra import environments, examples, processes, scenes, web
from orchestra.processes import Process
from scenarios.blocking import blocked_source

pytestmark = pytest.mark.cluster

EXAMPLE = "prefect/database_replication_fanout.py"
DEPLOYMENT = "Database Replication Fanout/nightly"
QUICK = {"RETRY_DELAY_SECONDS": "2", "LOOK_EVERY_SECONDS": "1"}
TASKS = ("copy dev", "copy staging", "copy qa")
SECONDS = 300
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")

Object = dict[str, Any]


@dataclass
class Prefect:
    """Prefect's server, its API, and the process that serves the flow."""

    home: Path
    example: Path
    environment: dict[str, str]
    server: str
    running: dict[str, Process] = field(default_factory=dict)

    def start(self) -> None:
        """Start the server and serve the flow."""
        port = str(urllib.parse.urlsplit(self.server).port)
        command = ["prefect", "server", "start", "--host", "127.0.0.1", "--port", port]
        self._start("server", command)
        wait_for(lambda: {"up": web.answers(f"{self.server}/health")}, lambda seen: bool(seen["up"]), SECONDS)
        self.serve()

    def serve(self) -> None:
        """Serve the flow, and return when its deployment is there."""
        self._start("flow", ["python", str(self.example)])
        known = f"{self.server}/deployments/name/{urllib.parse.quote(DEPLOYMENT)}"
        wait_for(lambda: {"known": web.answers(known)}, lambda seen: bool(seen["known"]), SECONDS)

    def _start(self, name: str, command: list[str]) -> None:
        self.running[name] = processes.start(command, self.environment, self.home / f"{name}.log", self.home)

    def stop(self) -> None:
        """Stop both."""
        for process in self.running.values():
            process.stop()

    def said(self) -> str:
        """Return the end of what each has printed."""
        return "\n".join(f"--- {name}\n{process.said()}" for name, process in self.running.items())

    def trigger(self, **parameters: Any) -> str:
        """Start a flow run of the deployment; return its id."""
        deployment = web.ask(f"{self.server}/deployments/name/{urllib.parse.quote(DEPLOYMENT)}")
        made = web.ask(f"{self.server}/deployments/{deployment['id']}/create_flow_run", {"parameters": parameters})
        return str(made["id"])

    def flow_run(self, flow_run: str) -> Object:
        """Return a flow run."""
        found: Object = web.ask(f"{self.server}/flow_runs/{flow_run}")
        return found

    def retry(self, flow_run: str) -> None:
        """Retry a flow run whose process is gone, as a person does: Prefect still takes it for running."""
        crashed = {"type": "CRASHED", "message": "its process is gone"}
        web.ask(f"{self.server}/flow_runs/{flow_run}/set_state", {"state": crashed, "force": True})
        processes.run(["prefect", "flow-run", "retry", flow_run], self.environment, self.home)

    def ended(self, flow_run: str) -> str:
        """Wait until a flow run has ended; return its state."""
        try:
            seen = wait_for(lambda: self.flow_run(flow_run), lambda one: one["state_type"] in ENDED, SECONDS)
        except HarnessError as error:
            raise HarnessError(f"{error}\n{self.said()}") from error
        return str(seen["state_type"])

    def tasks(self, flow_run: str) -> dict[str, Object]:
        """Return the last task run of each name in a flow run."""
        chosen = {"flow_runs": {"id": {"any_": [flow_run]}}, "sort": "EXPECTED_START_TIME_ASC"}
        return {one["name"]: one for one in web.ask(f"{self.server}/task_runs/filter", chosen)}


@pytest.fixture(scope="module")
def prefect(scene: Scene, home: Path, kubeconfig: Path) -> Iterator[Prefect]:
    """Return a running Prefect that serves the example's flow."""
    example = examples.edited(EXAMPLE, home / "flows", scene, **QUICK)
    server = f"http://127.0.0.1:{web.free_port()}/api"
    chosen = {
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": server,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    made = Prefect(home, example, environments.variables("prefect", home, kubeconfig, **chosen), server)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def states(tasks: dict[str, Object]) -> dict[str, str]:
    """Return the states of the targets' tasks."""
    return {name: str(task["state_type"]) for name, task in tasks.items() if name in TASKS}


def test_a_flow_run_is_one_run_with_a_task_for_each_target(prefect: Prefect, scene: Scene) -> None:
    before = scenes.runs(scene)
    flow_run = prefect.trigger()
    assert prefect.ended(flow_run) == "COMPLETED", prefect.said()
    assert states(prefect.tasks(flow_run)) == dict.fromkeys(TASKS, "COMPLETED")
    (run,) = (one for name, one in scenes.runs(scene).items() if name not in before)
    assert scenes.loaded(run) == dict.fromkeys(scene.lab.targets, "Succeeded")
    assert run["metadata"]["annotations"]["requested-by"] == f"prefect {flow_run}"


def test_a_failed_target_is_its_own_tasks_and_is_loaded_again_alone(prefect: Prefect, scene: Scene) -> None:
    before = scenes.runs(scene)
    with scenes.wrong_password(scene, "qa"):
        flow_run = prefect.trigger()
        assert prefect.ended(flow_run) == "FAILED"
    tasks = prefect.tasks(flow_run)
    assert states(tasks) == {**dict.fromkeys(TASKS, "COMPLETED"), "copy qa": "FAILED"}
    assert tasks["copy qa"]["run_count"] < 3, "a target's failure is not retried by Prefect"
    assert "password" in tasks["copy qa"]["state"]["message"]
    (first,) = scenes.runs(scene).keys() - before.keys()

    again = prefect.trigger(targets=["qa"])
    assert prefect.ended(again) == "COMPLETED"
    (second,) = scenes.runs(scene).keys() - before.keys() - {first}
    assert scenes.loaded(scenes.runs(scene)[second]) == {"qa": "Succeeded"}


def test_a_killed_flow_goes_on_with_the_run_that_is_there(prefect: Prefect, scene: Scene) -> None:
    before = scenes.runs(scene)
    with blocked_source(scene):
        flow_run = prefect.trigger()
        wait_for(lambda: {"new": scenes.runs(scene).keys() - before.keys()}, lambda seen: bool(seen["new"]), SECONDS)
        prefect.running["flow"].kill()
        (name,) = scenes.runs(scene).keys() - before.keys()
        prefect.serve()
        prefect.retry(flow_run)
        wait_for(lambda: prefect.flow_run(flow_run), lambda one: one["run_count"] == 2, SECONDS)
        assert "completionTime" not in scene.run(name)
    assert prefect.ended(flow_run) == "COMPLETED"
    assert scenes.runs(scene).keys() - before.keys() == {name}
    assert states(prefect.tasks(flow_run)) == dict.fromkeys(TASKS, "COMPLETED")
