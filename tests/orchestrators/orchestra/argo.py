"""Argo Workflows in the cluster, built from its Go modules: no registry is needed. Its controller serves one namespace."""

import json
import shutil
from pathlib import Path
from typing import Any

import yaml

from harness import archive, cache, gobuild, programs
from harness.cluster import Cluster
from harness.progress import step

SOURCES = Path(__file__).parents[1] / "argo"
MODULE = "github.com/argoproj/argo-workflows/v4"
PROGRAMS = ("argoexec", "workflow-controller")
CONTROLLER = "workflow-controller"
READY_SECONDS = 180

Object = dict[str, Any]


def key() -> str:
    """Return what decides about the programs: the pinned modules."""
    return cache.key(SOURCES / "go.mod", SOURCES / "go.sum")


def image() -> str:
    """Return the name of the image with both programs."""
    return f"datareplication/argo:{cache.key(key(), Path(__file__))}"


def install(cluster: Cluster, namespace: str) -> None:
    """Put the image, the definitions and a controller for one namespace into the cluster."""
    if image() not in cluster.held_images():
        cluster.kind("load", "image-archive", _archive())
    folder = _module() / "manifests"
    # Too large for the annotation of a client-side apply.
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-k", folder / "base" / "crds" / "minimal")
    role = folder / "namespace-install" / "workflow-controller-rbac" / "workflow-controller-role.yaml"
    cluster.apply(*_account(namespace, yaml.safe_load(role.read_text())), _deployment(namespace))
    wait = ("rollout", "status", f"deployment/{CONTROLLER}", f"--timeout={READY_SECONDS}s")
    cluster.kubectl("-n", namespace, *wait, timeout_seconds=READY_SECONDS + 5)


def _archive() -> Path:
    def build(folder: Path) -> None:
        content = folder / "content"
        (content / "bin").mkdir(parents=True)
        (content / "tmp").mkdir()
        (content / "tmp").chmod(0o1777)
        for name in PROGRAMS:
            shutil.copy(_binaries() / name, content / "bin" / name)
        _, layer = archive.pack(content, "/bin/argoexec", [image()])
        layer.unlink()
        cache.remove(content)

    return cache.artifact("argo-image", image().rpartition(":")[2], build) / "content.tar"


def _binaries() -> Path:
    def build(folder: Path) -> None:
        with step("build Argo Workflows from its Go module"):
            source = folder / "source"
            programs.run(["cp", "-r", "--no-preserve=mode", _module(), source])
            # A symbolic link in Argo's repository; a module's archive has none.
            signals = source / "workflow" / "executor" / "osspecific"
            shutil.copyfile(signals / "signal_darwin.go", signals / "signal_linux.go")
            options = ["-buildvcs=false", "-mod=readonly", "-trimpath", "-ldflags", "-s -w", "-o", f"{folder}/"]
            _go(source, "build", *options, *(f"./cmd/{name}" for name in PROGRAMS))
            cache.remove(source)

    return cache.artifact("argo", key(), build)


def _module() -> Path:
    """Return the folder of Argo's module, which go.sum has proven."""
    return Path(json.loads(_go(SOURCES, "mod", "download", "-json", MODULE))["Dir"])


def _go(folder: Path, *words: str) -> str:
    go = programs.require("go", gobuild.REMEDY)
    return programs.run([go, *words], env={**gobuild.STATIC, "GOOS": "linux"}, cwd=folder)


def _account(namespace: str, role: Object) -> list[Object]:
    metadata = {"name": CONTROLLER, "namespace": namespace}
    rbac = "rbac.authorization.k8s.io"
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {**role, "metadata": metadata},
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": rbac, "kind": "Role", "name": CONTROLLER},
            "subjects": [{"kind": "ServiceAccount", "name": CONTROLLER, "namespace": namespace}],
        },
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {**metadata, "name": f"{CONTROLLER}-configmap"}},
    ]


def _deployment(namespace: str) -> Object:
    labels = {"app": CONTROLLER}
    secure = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    name = {"name": "LEADER_ELECTION_IDENTITY", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    container = {
        "name": CONTROLLER,
        "image": image(),
        "imagePullPolicy": "Never",
        "command": [CONTROLLER],
        "args": ["--executor-image", image(), "--executor-image-pull-policy", "Never", "--namespaced"],
        "env": [name],
        "securityContext": secure,
    }
    pod = {
        "serviceAccountName": CONTROLLER,
        "terminationGracePeriodSeconds": 1,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 8737, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": CONTROLLER, "namespace": namespace},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}},
    }
