"""`kubectl datareplication` on a real cluster: a run to its end, its logs, why a target fails, a report without secrets.

kubectl itself finds the plugin in the PATH.
"""

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from harness import tools
from harness.cluster import context
from lab.replications import TARGETS, Scene

OPERATOR = Path(__file__).parents[2] / "operator"
RUN_SECONDS = 180


class Plugin:
    """The plugin as kubectl calls it."""

    def __init__(self, scene: Scene, folder: Path) -> None:
        self._scene = scene
        program = folder / "kubectl-datareplication"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m datareplication.cli.main "$@"\n')
        program.chmod(0o755)
        self._path = f"{folder}:{os.environ['PATH']}"

    def __call__(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        cluster = self._scene.lab.cluster
        place = ("-n", self._scene.namespace, "--context", context(cluster.name))
        environment = {"PATH": self._path, "PYTHONPATH": str(OPERATOR), "KUBECONFIG": str(cluster.kubeconfig)}
        return subprocess.run(
            [str(tools.kubectl()), "datareplication", *arguments, *place],
            env=environment, capture_output=True, text=True, timeout=RUN_SECONDS, check=False,
        )  # fmt: skip


@pytest.fixture
def plugin(scene: Scene, tmp_path: Path) -> Plugin:
    return Plugin(scene, tmp_path)


def test_a_run_is_followed_to_its_end_and_can_be_looked_at(scene: Scene, plugin: Plugin) -> None:
    scene.apply()
    ended = plugin("run", scene.name, "--wait", "--timeout", "2m")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.splitlines()[-1].endswith("3/3 targets loaded")
    assert "dump: Succeeded: 2,000 rows" in ended.stdout
    whole = json.loads(plugin("status", scene.name, "-o", "json").stdout)
    assert {one["name"]: one["freshness"] for one in whole["targets"]} == dict.fromkeys(TARGETS, "fresh")
    assert "nothing is wrong" in plugin("why", scene.name).stdout
    assert "Replicate  Succeeded  3/3" in plugin("history", scene.name).stdout
    log = plugin("logs", scene.name, "--target", "dev")
    assert log.stderr.startswith("load of dev of run ")
    assert len(log.stdout.splitlines()) > 3
    back = plugin("rollback", scene.name, "--target", "dev", "--yes", "--wait", "--timeout", "2m")
    assert back.returncode == 0, back.stdout + back.stderr
    assert "1/1 targets rolled back" in back.stdout


def test_a_failing_target_is_explained_and_reported_without_a_password(
    scene: Scene, plugin: Plugin, tmp_path: Path
) -> None:
    resource = scene.resource()
    resource["spec"]["targets"][2]["credentialsSecretRef"] = {
        "name": scene.lab.source.name
    }  # a login that qa does not know
    scene.lab.cluster.apply(resource)
    ended = plugin("run", scene.name, "--wait", "--timeout", "2m")
    assert ended.returncode == 2, ended.stdout + ended.stderr
    assert "  load of qa: LoginRefused: " in ended.stdout
    assert "  to do: " in ended.stdout
    answer = json.loads(plugin("why", scene.name, "-o", "json").stdout)
    assert (answer["state"], answer["reason"], answer["target"]) == ("Wrong", "LoginRefused", "qa")
    log = plugin("logs", scene.name)
    assert log.stderr.startswith("load of qa of run ")
    assert "error" in log.stdout
    assert all(json.loads(line) for line in plugin("logs", scene.name, "-o", "json").stdout.splitlines())
    path = tmp_path / "report.tar.gz"
    reported = plugin("report", scene.name, "--file", str(path))
    assert reported.returncode == 0, reported.stderr
    assert "not read" not in reported.stdout
    with tarfile.open(path) as archive:
        files = {one.name: content.read().decode() for one in archive if (content := archive.extractfile(one))}
    assert {name.split("/")[1] for name in files} >= {"pods.json", "jobs.json", "events.json", "operator-logs", "logs"}
    for password in scene.lab.passwords.values():
        assert password not in "".join(files.values())
    assert "LoginRefused" in files["report/why.txt"]
