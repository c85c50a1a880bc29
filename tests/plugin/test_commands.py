"""The commands against a real API server: what they ask for, what they change, what they answer."""

import io
import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from faultlab import controlplane
from support import plugin
from support.plane import OURS, Place, until
from support.plugin import condition, done, step

PASSWORD = "c0rrect-h0rse"
LATER = "2999-01-01T00:00:00Z"


def names_of(answer: str) -> list[str]:
    return [item["name"] for item in json.loads(answer)["items"]]


def test_status_shows_all_of_a_namespace_or_all(place: Place) -> None:
    place.replication("fan")
    place.write_status("datareplications", "fan", plugin.replication(nextScheduleTime=LATER)["status"])
    lines = place.called("status").stdout.splitlines()
    assert lines[0].split("  ")[0] == "NAME"
    assert lines[1].split()[:3] == ["fan", "PartiallyFailed", "2/3"]
    everywhere = place.called("status", "-A").stdout
    assert everywhere.startswith("NAMESPACE")
    assert f"{place.namespace}  fan" in everywhere
    assert names_of(place.called("status", "-o", "json").stdout) == ["fan"]


def test_status_of_one_reads_its_runs(place: Place) -> None:
    place.replication("fan", *plugin.TARGETS)
    place.create("datareplicationruns", plugin.NIGHT, {"replicationName": "fan"})
    place.write_status("datareplicationruns", plugin.NIGHT, plugin.night()["status"])
    place.write_status("datareplications", "fan", plugin.replication(nextScheduleTime=LATER)["status"])
    shown = place.called("status", "fan").stdout
    assert f"run {plugin.NIGHT}: TargetInUse" in shown
    assert [line.split()[0] for line in shown.splitlines()[-3:]] == ["dev", "staging", "qa"]


def test_nothing_there_is_said(place: Place) -> None:
    ended = place.called("status")
    assert (ended.returncode, ended.stdout) == (
        0, f"there is no DataReplication in namespace {place.namespace}; -A shows all namespaces\n",
    )  # fmt: skip


def test_why_names_the_reason_of_the_failed_step(place: Place) -> None:
    place.replication("fan", *plugin.TARGETS)
    place.create("datareplicationruns", plugin.NIGHT, {"replicationName": "fan"})
    place.write_status("datareplicationruns", plugin.NIGHT, plugin.night()["status"])
    place.write_status("datareplications", "fan", plugin.replication(nextScheduleTime=LATER)["status"])
    assert json.loads(place.called("why", "fan", "--output", "json").stdout)["reason"] == "TargetInUse"
    assert place.called("why").stdout.startswith(f"{place.namespace}/fan: TargetInUse\n")


def test_history_shows_only_the_runs_of_one(place: Place) -> None:
    for name in ("fan", "other"):
        place.replication(name)
        place.create("datareplicationruns", f"{name}-1", {"replicationName": name})
    assert names_of(place.called("history", "fan", "-o", "json").stdout) == ["fan-1"]
    assert "fan-1" in place.called("history", "fan").stdout


def test_suspend_and_resume_change_the_spec_once(place: Place) -> None:
    place.replication("fan")
    assert "fan is suspended: no further" in place.called("suspend", "fan").stdout
    assert place.get("datareplications", "fan")["spec"]["suspend"] is True
    assert place.called("suspend", "fan").stdout == "fan is suspended already\n"
    assert "fan is resumed" in place.called("resume", "fan").stdout
    assert place.get("datareplications", "fan")["spec"]["suspend"] is False
    assert json.loads(place.called("resume", "fan", "-o", "json").stdout)["suspended"] is False


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["status", "fann"], "there is no DataReplication 'fann' in namespace {0}; did you mean fan?"),
        (["run", "x"], "there is no DataReplication 'x' in namespace {0}; there are: fan"),
        (["run", "fan", "--target", "deb"], "there is no target 'deb' of fan; did you mean dev?"),
        (["rollback", "fan"], "a rollback without a terminal needs --yes; nothing was done"),
        (["logs", "fan"], "no run of fan has begun a step yet"),
        (["logs", "fan", "--run", "x"], "there is no run 'x' of fan; there is no run at all"),
    ],
)
def test_a_mistake_is_told_with_the_way_out(place: Place, arguments: list[str], words: str) -> None:
    place.replication("fan")
    ended = place.called(*arguments)
    assert ended.returncode == 64
    assert words.format(place.namespace) in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert place.runs() == []


def test_a_run_is_made_and_the_one_before_it_is_told(place: Place) -> None:
    place.replication("fan")
    place.write_status("datareplications", "fan", {"activeRuns": ["fan-1"]})
    ended = place.called("run", "fan", "--target", "dev", "--target", "dev")
    run = place.one_run()
    assert ended.returncode == 0, ended.stderr
    assert run["spec"] == {"replicationName": "fan", "action": "Replicate", "targets": ["dev"]}
    assert ended.stdout.splitlines() == [
        f"run {run['metadata']['name']} is made: it copies to dev",
        "it waits until fan-1 has ended (concurrencyPolicy: Forbid)",
        f"look: kubectl datareplication status fan -n {place.namespace}",
        f"wait: kubectl wait --for=condition=Finished --timeout=1h dreprun/{run['metadata']['name']} -n {place.namespace}",
    ]


def test_each_run_has_a_name_of_its_own(place: Place) -> None:
    place.replication("fan")
    made = [json.loads(place.called("run", "fan", "-o", "json").stdout)["name"] for _ in range(2)]
    assert sorted(run["metadata"]["name"] for run in place.runs()) == sorted(made)
    assert len(set(made)) == 2


def test_a_rollback_says_what_it_does(place: Place) -> None:
    place.replication("fan")
    place.write_status("datareplications", "fan", {"targets": [plugin.target("dev", 2)]})
    ended = place.called("rollback", "fan", "--target", "dev", "--yes")
    assert "exchanges each target's database" in ended.stdout
    assert place.one_run()["spec"] == {"replicationName": "fan", "action": "Rollback", "targets": ["dev"]}


def failed_load(place: Place, node: str = "nowhere", **container: Any) -> None:
    """Leave a failed load behind, with its pod on a node that is not there."""
    place.replication("fan")
    place.create("datareplicationruns", "now", {"replicationName": "fan"})
    failed = step("Failed", name="dev", reason="LoginRefused", message=f"postgresql://x:{PASSWORD}@dev-db refused")
    place.write_status("datareplicationruns", "now", {"phase": "Failed", "dump": done(1), "targets": [failed]})
    place.pod("now", "dev", {"vault.hashicorp.com/x": PASSWORD}, node=node, **container)


def test_a_log_that_cannot_be_read_is_one_line(place: Place) -> None:
    failed_load(place)
    ended = place.called("logs", "fan")
    assert ended.returncode == 64
    said, error = ended.stderr.splitlines()
    assert said == "load of dev of run now, pod now-load-dev-x, container load: Failed"
    assert error.startswith("error: Kubernetes refuses to get pods/log: ")


def test_a_step_without_a_pod_is_told_with_its_message(place: Place) -> None:
    failed_load(place, node="")
    ended = place.called("logs", "fan", "--target", "qa")
    assert ended.stderr == "error: no run of fan has begun a step for qa yet\n"
    place.delete("pods", "now-load-dev-x")
    ended = place.called("logs", "fan")
    assert "load of dev of run now has no pod (it is Failed), so there is no log; the status says: " in ended.stderr


def test_a_report_holds_everything_but_credentials(place: Place, tmp_path: Path) -> None:
    env = [{"name": "DEV_DB_PASSWORD", "value": PASSWORD}]
    failed_load(place, env=env, args=[f"--password={PASSWORD}"])
    event = {
        "metadata": {"name": "e"},
        "involvedObject": {"kind": "Pod", "name": "now-load-dev-x", "namespace": place.namespace},
        "reason": "Failed", "message": f"token: {PASSWORD}",
    }  # fmt: skip
    place.create_raw(f"/api/v1/namespaces/{place.namespace}/events", event)
    path = tmp_path / "report.tar.gz"
    ended = place.called("report", "fan", "--file", str(path))
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[1:] == [
        'not read: log of now-load-dev-x: Kubernetes refuses to get pods/log: pods "nowhere" not found',
        "not read: the operator: it has no pod in namespace datareplication-system; give --operator-namespace",
    ]
    with tarfile.open(path) as archive:
        files = {member.name: (archive.extractfile(member) or io.BytesIO()).read().decode() for member in archive}
    assert PASSWORD not in "".join(files.values())
    assert sorted(files) == [
        "report/README.txt", "report/datareplicationruns.json", "report/datareplications.json", "report/events.json",
        "report/jobs.json", "report/logs/now-load-dev-x.log", "report/operator-pods.json", "report/pods.json",
        "report/status.txt", "report/why.txt",
    ]  # fmt: skip
    (pod,) = json.loads(files["report/pods.json"])
    assert pod["spec"]["containers"][0]["env"] == [{"name": "DEV_DB_PASSWORD", "value": "(redacted)"}]
    assert "nowhere" in files["report/README.txt"]
    assert path.stat().st_mode & 0o077 == 0
    again = place.called("report", "fan", "--file", str(path))
    assert (again.returncode, again.stderr) == (64, f"error: {path} exists; give another --file\n")


def test_a_report_can_be_a_directory(place: Place, tmp_path: Path) -> None:
    place.replication("fan")
    ended = place.called("report", "--file", str(tmp_path / "it"), "-o", "json")
    assert json.loads(ended.stdout)["files"][0] == "README.txt"
    assert (tmp_path / "it" / "why.txt").read_text().startswith(f"{place.namespace}/fan: ")
    ended = place.called("report", "--file", "/proc/x/y.tar.gz")
    assert ended.returncode == 73
    assert ended.stderr.startswith("error: /proc/x/y.tar.gz cannot be written: ")


def allow(place: Place, *rules: dict[str, Any]) -> None:
    """Give the stranger rights in the namespace."""
    at = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{place.namespace}"
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "stranger"}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "some"}
    place.create_raw(f"{at}/roles", {"metadata": {"name": "some"}, "rules": list(rules)})
    place.create_raw(f"{at}/rolebindings", {"metadata": {"name": "some"}, "roleRef": role, "subjects": [subject]})
    place.token = controlplane.STRANGER_TOKEN


READ_OURS = {
    "apiGroups": ["datareplication.dev"],
    "resources": ["datareplications", "datareplicationruns"],
    "verbs": ["get", "list", "watch"],
}


def test_somebody_without_rights_is_told_what_to_ask_for(place: Place) -> None:
    place.replication("fan")
    place.token = controlplane.STRANGER_TOKEN
    ended = place.called("status")
    assert ended.returncode == 77
    assert ended.stderr == (
        f"error: you may not list datareplications.datareplication.dev in namespace {place.namespace}; ask for the role "
        f"view there: kubectl create rolebinding NAME --clusterrole=view --user=YOU -n {place.namespace}\n"
    )
    assert place.called("status", "-A").returncode == 77


def test_somebody_who_may_only_look_cannot_run(place: Place) -> None:
    place.replication("fan")
    allow(place, READ_OURS)
    assert place.called("status", "fan").returncode == 0
    ended = place.called("run", "fan")
    assert ended.returncode == 77
    assert "you may not create datareplicationruns.datareplication.dev" in ended.stderr
    assert "--clusterrole=edit" in ended.stderr
    assert place.called("suspend", "fan").returncode == 77


def test_a_report_says_what_one_may_not_read(place: Place, tmp_path: Path) -> None:
    place.replication("fan")
    allow(place, READ_OURS)
    ended = place.called("report", "fan", "--file", str(tmp_path / "report"))
    assert ended.returncode == 0
    told = (tmp_path / "report" / "README.txt").read_text()
    for what in ("jobs", "pods", "Events", "the operator's pods"):
        assert f"  {what}: you may not list " in told
        assert f"not read: {what}: you may not list " in ended.stdout


def test_a_login_that_is_not_known_is_77(place: Place) -> None:
    place.token = "nobody"
    ended = place.called("status")
    assert (ended.returncode, ended.stderr.count("\n")) == (77, 1)
    assert "does not know you" in ended.stderr


def test_a_pod_that_has_not_begun_has_an_empty_log(place: Place) -> None:
    place.replication("fan")
    place.create("datareplicationruns", "now", {"replicationName": "fan"})
    pending = step("Pending", name="dev", reason="Unschedulable")
    place.write_status("datareplicationruns", "now", {"phase": "Loading", "dump": done(1), "targets": [pending]})
    place.pod("now", "dev", {})
    ended = place.called("logs", "fan")
    assert (ended.returncode, ended.stdout) == (0, "")
    assert ended.stderr.splitlines()[1].startswith("the log is empty: ")


def test_what_an_admission_policy_refuses_is_told_in_its_words(place: Place) -> None:
    place.replication("fan")
    name, at = f"no-runs-{place.namespace}", "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": place.namespace}}}
    rule = {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["CREATE"], "resources": ["datareplicationruns"]}
    spec = {
        "matchConstraints": {**here, "resourceRules": [rule]},
        "validations": [{"expression": "false", "message": "no runs on Sundays"}],
    }
    place.create_raw(at, {"metadata": {"name": name}, "spec": spec})
    binding = {"policyName": name, "validationActions": ["Deny"]}
    place.create_raw(f"{at[:-8]}policybindings", {"metadata": {"name": name}, "spec": binding})
    ended = until(lambda: (got := place.called("run", "fan")).returncode and got)  # policies take effect a little later
    assert isinstance(ended, subprocess.CompletedProcess)
    assert ended.returncode == 64
    assert "denied request: no runs on Sundays" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_strangers_words_leave_no_sign_on_a_terminal(place: Place) -> None:
    words = "\x1b[2J[red]x\u202e"
    place.replication("fan")
    place.write_status(
        "datareplications", "fan", {"conditions": [condition("Stalled", "True", "X", words)], "observedGeneration": 1}
    )
    shown = place.called("why", "fan").stdout
    assert "\ufffd[2J[red]x\ufffd" in shown
    assert shown.replace("\n", "").isprintable()


def test_many_are_read_page_by_page(place: Place) -> None:
    for number in range(260):
        place.create_raw(
            f"{OURS}/namespaces/{place.namespace}/datareplicationruns",
            {
                "apiVersion": "datareplication.dev/v1alpha1", "kind": "DataReplicationRun",
                "metadata": {"name": f"run-{number}"}, "spec": {"replicationName": "fan"},
            },
        )  # fmt: skip
    place.replication("fan")
    assert len(names_of(place.called("history", "fan", "-o", "json").stdout)) == 260
