"""The clusters are real ones: pods, names, shared volumes and time zones work, and a foreign cluster is refused."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness import cluster as clusters
from harness import guard, images, lifecycle, node_image, volumes
from harness.cluster import Cluster
from harness.errors import ForeignClusterError, ProgramError

UID = 65532


def pod(name: str, image: str, script: str, *, uid: int = UID, claim: str = "", node: str = "") -> dict[str, Any]:
    """Return a pod that runs a shell script as a non-root user, with a claim's volume at /data when there is one."""
    container: dict[str, Any] = {
        "name": "main",
        "image": image,
        "imagePullPolicy": "Never",
        "command": ["sh", "-c", script],
        "securityContext": {"runAsUser": uid, "runAsNonRoot": True, "allowPrivilegeEscalation": False},
    }
    spec: dict[str, Any] = {"containers": [container], "restartPolicy": "Never", "terminationGracePeriodSeconds": 0}
    if claim:
        container["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
        spec["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]
    if node:
        spec["nodeSelector"] = {"kubernetes.io/hostname": node}
    metadata = {"name": name, "labels": {"app": name}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def claim(name: str, mode: str = "ReadWriteMany") -> dict[str, Any]:
    """Return a claim of the default StorageClass."""
    spec = {"accessModes": [mode], "resources": {"requests": {"storage": "1Gi"}}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec}


def apply(cluster: Cluster, namespace: str, *objects: dict[str, Any]) -> None:
    cluster.kubectl("-n", namespace, "apply", "-f", "-", stdin="\n---\n".join(json.dumps(item) for item in objects))


def wait(cluster: Cluster, namespace: str, condition: str, target: str) -> None:
    cluster.kubectl("-n", namespace, "wait", f"--for={condition}", target, "--timeout=90s")


def output(cluster: Cluster, namespace: str, name: str) -> str:
    """Return what a pod printed after it has ended well."""
    wait(cluster, namespace, "jsonpath={.status.phase}=Succeeded", f"pod/{name}")
    return cluster.kubectl("-n", namespace, "logs", name)


@pytest.mark.cluster
def test_a_pod_runs_and_its_log_and_a_shell_in_it_can_be_had(
    cluster: Cluster, namespace: str, shell_image: str
) -> None:
    apply(cluster, namespace, pod("talker", shell_image, "echo hello; exec sleep 600"))
    wait(cluster, namespace, "condition=Ready", "pod/talker")
    assert cluster.kubectl("-n", namespace, "logs", "talker") == "hello\n"
    assert cluster.kubectl("-n", namespace, "exec", "talker", "--", "id", "-u") == f"{UID}\n"


@pytest.mark.cluster
def test_a_services_name_resolves_to_its_address(cluster: Cluster, namespace: str, shell_image: str) -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "target"},
        "spec": {"selector": {"app": "nobody"}, "ports": [{"port": 5432}]},
    }
    name = f"target.{namespace}.svc.cluster.local"
    apply(cluster, namespace, service, pod("asker", shell_image, f"getent hosts {name}"))
    address = cluster.get("-n", namespace, "service", "target")["spec"]["clusterIP"]
    assert output(cluster, namespace, "asker").split() == [address, name]


@pytest.mark.cluster
def test_an_unknown_name_is_refused_at_once(cluster: Cluster, namespace: str, shell_image: str) -> None:
    apply(cluster, namespace, pod("asker", shell_image, "date +%s; getent hosts nowhere.invalid; echo $?; date +%s"))
    before, code, after = output(cluster, namespace, "asker").split()
    assert (code, int(after) - int(before) <= 2) == ("2", True)


@pytest.mark.cluster
def test_a_shared_claim_is_written_by_one_user_and_read_by_another(
    cluster: Cluster, namespace: str, shell_image: str
) -> None:
    writer = pod("writer", shell_image, "echo snapshot > /data/file", claim="shared")
    reader = pod("reader", shell_image, "cat /data/file; touch /data/other", claim="shared", uid=1000)
    apply(cluster, namespace, claim("shared"), writer)
    output(cluster, namespace, "writer")
    apply(cluster, namespace, reader)
    assert output(cluster, namespace, "reader") == "snapshot\n"


@pytest.mark.cluster3
def test_a_shared_claim_is_shared_between_nodes(cluster3: Cluster, namespace3: str) -> None:
    image = images.ensure(cluster3.engine, [cluster3], ["postgres"])["postgres"]
    first, second = (f"{cluster3.name}-worker", f"{cluster3.name}-worker2")
    writer = pod("writer", image, "echo snapshot > /data/file; exec sleep 600", claim="shared", node=first)
    waiting = "until [ -e /data/file ]; do sleep 0.1; done; cat /data/file"
    reader = pod("reader", image, waiting, claim="shared", uid=1000, node=second)
    apply(cluster3, namespace3, claim("shared"), writer, reader)
    assert output(cluster3, namespace3, "reader") == "snapshot\n"


@pytest.mark.cluster
def test_a_claims_directory_goes_away_with_the_claim(cluster: Cluster, namespace: str, shell_image: str) -> None:
    apply(cluster, namespace, claim("short"), pod("writer", shell_image, "echo x > /data/file", claim="short"))
    output(cluster, namespace, "writer")
    volume = cluster.get("-n", namespace, "pvc", "short")["spec"]["volumeName"]
    assert (cluster.shared / volume / "file").read_text(encoding="utf-8") == "x\n"
    cluster.kubectl("-n", namespace, "delete", "pod/writer", "pvc/short")
    cluster.kubectl("wait", "--for=delete", f"pv/{volume}", "--timeout=30s")
    assert not (cluster.shared / volume).exists()


@pytest.mark.cluster
def test_a_claim_of_one_pod_only_keeps_the_second_pod_waiting(
    cluster: Cluster, namespace: str, shell_image: str
) -> None:
    pods = [pod(name, shell_image, "exec sleep 600", claim="single") for name in ("first", "second")]
    apply(cluster, namespace, claim("single", "ReadWriteOncePod"), pods[0])
    wait(cluster, namespace, "condition=Ready", "pod/first")
    apply(cluster, namespace, pods[1])
    wait(cluster, namespace, "condition=PodScheduled=False", "pod/second")


@pytest.mark.cluster
def test_there_is_one_default_class_and_it_is_ours(cluster: Cluster) -> None:
    classes = cluster.get("storageclasses")["items"]
    marker = "storageclass.kubernetes.io/is-default-class"
    default = [item for item in classes if item["metadata"].get("annotations", {}).get(marker) == "true"]
    assert [(item["metadata"]["name"], item["provisioner"]) for item in default] == [("standard", volumes.PROVISIONER)]


@pytest.mark.cluster
@pytest.mark.parametrize(
    ("zone", "is_accepted"),
    [pytest.param("Europe/Zurich", True, id="a real zone"), pytest.param("Europe/Nowhere", False, id="no such zone")],
)
def test_the_api_server_knows_time_zones(cluster: Cluster, namespace: str, zone: str, *, is_accepted: bool) -> None:
    job = {"spec": {"template": {"spec": pod("x", "x", "x")["spec"]}}}
    spec = {"schedule": "@daily", "timeZone": zone, "suspend": True, "jobTemplate": job}
    cron = {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "zoned"}, "spec": spec}
    if is_accepted:
        apply(cluster, namespace, cron)
    else:
        with pytest.raises(ProgramError, match="unknown time zone Europe/Nowhere"):
            apply(cluster, namespace, cron)


def kubeconfig(folder: Path, context: str, server: str) -> Path:
    """Write a kubeconfig with one context."""
    path = folder / "kubeconfig"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": context,
        "contexts": [{"name": context, "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": "none"}}],
    }
    path.write_text(json.dumps(config), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("context", "server"),
    [
        pytest.param("production", "https://10.1.2.3:6443", id="somebody's cluster"),
        pytest.param("kind-playground", "https://127.0.0.1:6443", id="a kind cluster that the harness did not make"),
        pytest.param("kind-../other", "https://127.0.0.1:6443", id="a name that leads elsewhere"),
        pytest.param("", "https://127.0.0.1:6443", id="no context"),
    ],
)
def test_the_guard_refuses_a_foreign_context(tmp_path: Path, context: str, server: str) -> None:
    with pytest.raises(ForeignClusterError):
        guard.refuse_foreign(kubeconfig(tmp_path, context, server))


@pytest.mark.cluster
def test_the_guard_refuses_our_name_for_another_server(cluster: Cluster, tmp_path: Path) -> None:
    borrowed = kubeconfig(tmp_path, clusters.context(cluster.name), "https://192.0.2.77:6443")
    with pytest.raises(ForeignClusterError, match="not on this machine"):
        guard.refuse_foreign(borrowed)


@pytest.mark.cluster
def test_the_guard_lets_our_own_cluster_pass(cluster: Cluster) -> None:
    assert guard.refuse_foreign(cluster.kubeconfig) == cluster.name


@pytest.mark.cluster
def test_bringing_up_a_cluster_that_is_up_takes_a_moment(cluster: Cluster) -> None:

    started = time.monotonic()
    assert lifecycle.up(cluster.name) == cluster
    assert time.monotonic() - started < 15, "a new one takes longer"


NOTHING = "exec sleep infinity"
MOVED = f"mkdir -p /var/lib/kubelet; echo '--node-ip=192.0.2.1 ' > {lifecycle.KUBELET_FLAGS}; {NOTHING}"


@pytest.fixture
def dead(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A cluster whose node runs, and in it only the script that the test gives."""
    made = Cluster("datareplication-dead", cluster.engine)
    image = node_image.ensure(made.engine)
    labels = ("--label", f"{clusters.LABEL}={made.name}", "--label", "io.x-k8s.kind.role=control-plane")
    made.engine.docker(
        *("run", "--detach", "--name", f"{made.name}-control-plane", *labels),
        *("--network", "none", "--entrypoint", "sh", image, "-c", request.param),
    )
    made.folder.mkdir(parents=True)
    kubeconfig(made.folder, clusters.context(made.name), "https://127.0.0.1:9")
    yield made
    lifecycle.down(made.name)


@pytest.mark.cluster
@pytest.mark.parametrize(
    ("dead", "told"),
    [(NOTHING, "does not come back"), (MOVED, "another address")],
    indirect=["dead"],
    ids=["dead", "moved"],
)
def test_a_cluster_that_does_not_come_back_is_made_anew(
    dead: Cluster, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(lifecycle, "RETURN_SECONDS", 2)
    assert "Unable to connect" in health(dead) or "refused" in health(dead)

    assert lifecycle.up(dead.name) == dead

    assert told in capsys.readouterr().out
    assert health(dead) == "ok"


def health(cluster: Cluster) -> str:
    """Return what the API server says of itself; what went wrong when it says nothing."""
    try:
        return cluster.kubectl("get", "--raw", "/livez", timeout_seconds=5)
    except ProgramError as error:
        return str(error)
