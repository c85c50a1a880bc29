"""Airflow with the example: `airflow dags test`, and a scheduler with its workers, killed in between."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from harness.errors import HarnessError
from lab.replications import Scene, wait_for
from orchestra import environments, examples, processes, scenes, web
from orchestra.processes import Process
from scenarios.blocking import blocked_source

pytestmark = pytest.mark.cluster

EXAMPLE = "airflow/database_replication_fanout.py"
DAG = "database_replication_fanout"
TASKS = ("start_run", "copy_dev", "copy_staging", "copy_qa")
QUICK = {"RETRY_DELAY": "timedelta(seconds=2)", "LOOK_EVERY_SECONDS": "2"}
SECONDS = 400
ENDED = ("success", "failed")

Object = dict[str, Any]


def settings(home: Path, kubeconfig: Path, port: int = 0) -> dict[str, str]:
    """Return the environment of all of Airflow's processes; SQLite, and workers beside the scheduler."""
    chosen = {
        "CORE__DAGS_FOLDER": str(home / "dags"),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": "4",
        "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "API__HOST": "127.0.0.1",
        "API__PORT": str(port),
        "API__WORKERS": "1",
        "API__BASE_URL": f"http://127.0.0.1:{port}",
        "API__SECRET_KEY": "of a test",
        "API_AUTH__JWT_SECRET": "of a test, long enough for every algorithm that is used: 0123456789abcdef",
        "USAGE_DATA_COLLECTION__ENABLED": "False",
        # A killed worker is found soon, but a slow one is not taken for killed.
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
        "SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "10",
        "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
    }
    named = {f"AIRFLOW__{name}": value for name, value in chosen.items()}
    return environments.variables("airflow", home, kubeconfig, AIRFLOW_HOME=str(home), **named)


@dataclass
class Airflow:
    """Airflow's processes and its API."""

    home: Path
    environment: dict[str, str]
    port: int
    running: dict[str, Process] = field(default_factory=dict)
    token: str = ""

    def start(self) -> None:
        """Start all processes, and return when the API answers and the DAG is known."""
        processes.run(["airflow", "db", "migrate"], self.environment, self.home)
        for program in ("api-server", "dag-processor", "scheduler"):
            self.start_one(program)
        wait_for(lambda: {"up": web.answers(f"{self._server}/api/v2/version")}, lambda seen: bool(seen["up"]), SECONDS)
        self.token = web.ask(f"{self._server}/auth/token")["access_token"]

    def start_one(self, program: str) -> None:
        """Start one of its programs."""
        log = self.home / f"{program}.log"
        self.running[program] = processes.start(["airflow", program], self.environment, log, self.home)

    def stop(self) -> None:
        """Stop all of them."""
        for process in self.running.values():
            process.stop()

    def said(self) -> str:
        """Return the end of what each has printed."""
        return "\n".join(f"--- {name}\n{process.said()}" for name, process in self.running.items())

    def trigger(self) -> str:
        """Start a DAG run; return its id."""
        made: Object = self._ask("dagRuns", {"logical_date": None})
        return str(made["dag_run_id"])

    def dag_runs(self) -> list[Object]:
        """Return the DAG's runs."""
        found: list[Object] = self._ask("dagRuns")["dag_runs"]
        return found

    def tasks(self, run_id: str) -> dict[str, Object]:
        """Return the tasks of a DAG run by their ids."""
        found = self._ask(f"dagRuns/{run_id}/taskInstances")["task_instances"]
        return {one["task_id"]: one for one in found}

    def result(self, run_id: str, task: str) -> Any:
        """Return what a task has returned."""
        return self._ask(f"dagRuns/{run_id}/taskInstances/{task}/xcomEntries/return_value?deserialize=true")["value"]

    def clear(self, run_id: str, task: str) -> None:
        """Clear a task, as a person does in the UI."""
        chosen = {"dag_run_id": run_id, "task_ids": [task], "only_failed": False, "reset_dag_runs": True}
        self._ask("clearTaskInstances", {"dry_run": False, **chosen})

    def ended(self, run_id: str) -> str:
        """Wait until a DAG run has ended; return its state."""
        try:
            return str(
                wait_for(lambda: self._ask(f"dagRuns/{run_id}"), lambda one: one["state"] in ENDED, SECONDS)["state"]
            )
        except HarnessError as error:
            raise HarnessError(f"{error}\n{self.said()}") from error

    @property
    def _server(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _ask(self, path: str, body: Any = None) -> Any:
        return web.ask(f"{self._server}/api/v2/dags/{DAG}/{path}", body, self.token)


@pytest.fixture(scope="module")
def airflow(scene: Scene, home: Path, kubeconfig: Path) -> Iterator[Airflow]:
    """Return a running Airflow with the example's DAG, unpaused."""
    examples.edited(EXAMPLE, home / "dags", scene, **QUICK)
    port = web.free_port()
    made = Airflow(home, settings(home, kubeconfig, port), port)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def states(tasks: dict[str, Object]) -> dict[str, str]:
    return {name: str(task["state"]) for name, task in tasks.items()}


def test_the_dag_runs_in_one_process(scene: Scene, kubeconfig: Path, tmp_path: Path) -> None:
    examples.edited(EXAMPLE, tmp_path / "dags", scene, **QUICK)
    environment = settings(tmp_path, kubeconfig)
    before = scenes.runs(scene)
    processes.run(["airflow", "db", "migrate"], environment, tmp_path)
    said = processes.run(["airflow", "dags", "test", DAG], environment, tmp_path, SECONDS)
    (run,) = (one for name, one in scenes.runs(scene).items() if name not in before)
    assert run["status"]["phase"] == "Succeeded", said
    assert scenes.loaded(run) == dict.fromkeys(scene.lab.targets, "Succeeded")


def test_the_schedule_starts_one_run_for_its_day(airflow: Airflow, scene: Scene) -> None:
    before = scenes.runs(scene)
    seen = wait_for(lambda: {"runs": airflow.dag_runs()}, lambda one: bool(one["runs"]), SECONDS)
    (dag_run,) = seen["runs"]
    assert dag_run["run_type"] == "scheduled"
    assert airflow.ended(dag_run["dag_run_id"]) == "success"
    tasks = airflow.tasks(dag_run["dag_run_id"])
    assert states(tasks) == dict.fromkeys(TASKS, "success")
    (run,) = (one for name, one in scenes.runs(scene).items() if name not in before)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    interval = {"start": today - timedelta(days=1), "end": today}
    given = {name: datetime.fromisoformat(time) for name, time in run["spec"]["dataInterval"].items()}
    assert given == interval
    load = next(one for one in run["status"]["targets"] if one["name"] == "qa")
    expected = {name: load[name] for name in ("rows", "bytes", "snapshotTime")}
    assert airflow.result(dag_run["dag_run_id"], "copy_qa") == expected
    assert expected["rows"] == 2000


def test_a_failed_target_is_its_own_tasks_and_clearing_that_loads_it_alone(airflow: Airflow, scene: Scene) -> None:
    before = scenes.runs(scene)
    with scenes.wrong_password(scene, "qa"):
        dag_run = airflow.trigger()
        assert airflow.ended(dag_run) == "failed"
    tasks = airflow.tasks(dag_run)
    assert states(tasks) == {**dict.fromkeys(TASKS, "success"), "copy_qa": "failed"}
    assert tasks["copy_qa"]["try_number"] <= tasks["copy_qa"]["max_tries"], (
        "a target's failure is not retried by Airflow"
    )
    (first,) = scenes.runs(scene).keys() - before.keys()

    airflow.clear(dag_run, "copy_qa")
    assert airflow.ended(dag_run) == "success"
    (second,) = scenes.runs(scene).keys() - before.keys() - {first}
    run = scenes.runs(scene)[second]
    assert run["spec"]["targets"] == ["qa"]
    assert scenes.loaded(run) == {"qa": "Succeeded"}

    airflow.clear(dag_run, "start_run")
    assert airflow.ended(dag_run) == "success"
    assert scenes.runs(scene).keys() - before.keys() == {first, second}, "the Run is there already"


def test_a_killed_scheduler_goes_on_with_the_run_that_is_there(airflow: Airflow, scene: Scene) -> None:
    before = scenes.runs(scene)
    with blocked_source(scene):
        dag_run = airflow.trigger()
        wait_for(lambda: {"new": scenes.runs(scene).keys() - before.keys()}, lambda seen: bool(seen["new"]), SECONDS)
        airflow.running["scheduler"].kill()
        (name,) = scenes.runs(scene).keys() - before.keys()
        assert "completionTime" not in scene.run(name)
        airflow.start_one("scheduler")
        is_waiting = dict.fromkeys(TASKS[1:], "up_for_reschedule")
        wait_for(lambda: states(airflow.tasks(dag_run)), lambda seen: seen.items() >= is_waiting.items(), SECONDS)
        assert "completionTime" not in scene.run(name)
    assert airflow.ended(dag_run) == "success"
    assert scenes.runs(scene).keys() - before.keys() == {name}
    assert scenes.loaded(scenes.runs(scene)[name]) == dict.fromkeys(scene.lab.targets, "Succeeded")
