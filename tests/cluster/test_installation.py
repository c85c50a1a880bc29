"""Installed as a user installs it: the chart's own test, the security level, the rights, the columns."""

import contextlib
import json
from collections.abc import Iterator

import pytest

from harness.errors import ProgramError
from lab import installation
from lab.replications import Lab, Scene

pytestmark = pytest.mark.cluster


def test_helm_test_passes(lab: Lab) -> None:
    assert "Phase:          Succeeded" in installation.helm(
        lab.cluster, "test", installation.RELEASE, "--timeout", "90s"
    )


def test_kustomization_is_accepted(lab: Lab) -> None:
    answer = lab.cluster.kubectl("apply", "-k", installation.CHART.parents[1] / "manifests", "--dry-run=server")
    assert "deployment.apps/datareplication-operator" in answer


def test_operator_may_not_read_secrets_nor_enter_pods(lab: Lab) -> None:
    account = f"system:serviceaccount:{installation.NAMESPACE}:{installation.RELEASE}"
    for verb, what in (
        ("get", "secrets"),
        ("list", "secrets"),
        ("create", "pods/exec"),
        ("create", "pods"),
        ("delete", "jobs"),
    ):
        assert not is_allowed(lab, account, verb, what), f"{verb} {what}"
    assert is_allowed(lab, account, "create", "jobs"), "the question itself is right"


def is_allowed(lab: Lab, account: str, verb: str, what: str) -> bool:
    resource, _, subresource = what.partition("/")
    attributes = {
        "verb": verb,
        "resource": resource,
        "subresource": subresource,
        "group": "batch" * (resource == "jobs"),
    }
    spec = {"user": account, "resourceAttributes": attributes}
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
    answer = lab.cluster.kubectl("create", "-o", "json", "-f", "-", stdin=json.dumps(review))
    return bool(json.loads(answer)["status"]["allowed"])


def test_job_pods_pass_the_restricted_level_and_carry_no_token(scene: Scene) -> None:
    scene.apply()
    scene.start_run()
    assert scene.finished_run()["phase"] == "Succeeded", "the namespace enforces the level"
    pods = scene.items("pods")
    assert len(pods) == 4
    for pod in pods:
        assert pod["spec"]["automountServiceAccountToken"] is False
        assert "token" not in json.dumps(pod["spec"]["volumes"])


def test_columns_of_both_kinds(scene: Scene) -> None:
    scene.apply(schedule={"cron": "@daily", "timeZone": "Europe/Zurich"})
    scene.start_run()
    scene.finished_run()
    listed = scene.lab.cluster.kubectl("-n", scene.namespace, "get", "datareplications")
    header, row = (line.split() for line in listed.splitlines())
    assert header == ["NAME", "SCHEDULE", "PHASE", "TARGETS", "LAST", "SUCCESS", "NEXT", "READY", "AGE"]
    assert row[:4] == ["fan", "@daily", "Succeeded", "3/3"]
    assert row[-2] == "True"


ANNOTATE = (
    "kubectl annotate crd datareplications.datareplication.dev datareplicationruns.datareplication.dev --overwrite "
    "meta.helm.sh/release-name={release} meta.helm.sh/release-namespace={namespace}"
)


@pytest.fixture
def as_before(lab: Lab) -> Iterator[None]:
    """Bring back the release that all other tests use."""
    yield
    with contextlib.suppress(ProgramError):
        installation.helm(lab.cluster, "uninstall", OTHER, "--wait")
    annotate(lab, installation.RELEASE)
    installation.install(lab.cluster)


OTHER = "copies"


def annotate(lab: Lab, release: str) -> None:
    command = ANNOTATE.format(release=release, namespace=installation.NAMESPACE)
    lab.cluster.kubectl(*command.split()[1:])


@pytest.mark.alone
@pytest.mark.usefixtures("as_before")
def test_another_release_takes_over_what_an_uninstalled_one_left(scene: Scene) -> None:
    lab = scene.lab
    scene.apply()
    scene.start_run("before")
    assert scene.finished_run("before")["phase"] == "Succeeded"
    installation.helm(lab.cluster, "uninstall", installation.RELEASE, "--wait")
    with pytest.raises(ProgramError, match="invalid ownership metadata"):
        installation.install(lab.cluster, release=OTHER)
    installation.install(lab.cluster, release=OTHER, options=("--take-ownership",))
    scene.start_run("after")
    assert scene.finished_run("after")["phase"] == "Succeeded"
    assert scene.status()["lastSuccess"]["run"] == "after"

    installation.helm(lab.cluster, "uninstall", OTHER, "--wait")
    annotate(lab, "again")
    installation.install(lab.cluster, release="again")
    try:
        scene.start_run("again")
        assert scene.finished_run("again")["phase"] == "Succeeded"
    finally:
        installation.helm(lab.cluster, "uninstall", "again", "--wait")
    page = (installation.CHART.parents[1] / "docs" / "installing.md").read_text(encoding="utf-8")
    said = " ".join(page.replace("\\\n", " ").split())
    assert ANNOTATE.format(release=OTHER, namespace=installation.NAMESPACE) in said
    assert "--take-ownership" in said
