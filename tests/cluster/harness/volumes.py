"""The default StorageClass of every cluster: volumes that all its nodes really share.

One directory of this machine is mounted at the same place in all nodes of a cluster; a small provisioner in the cluster
makes a directory in it for every claim. The same way on the public node image and on a self-built one.
"""

import json
import shutil
from pathlib import Path
from typing import Any

from harness import archive, cache, gobuild

CLASS = "standard"
PROVISIONER = "datareplication.dev/shared-directory"
DIRECTORY = "/var/datareplication-volumes"
NAMESPACE = "shared-volumes"
NAME = "provisioner"


def image() -> str:
    """Return the name of the provisioner's image."""
    return f"datareplication/provisioner:{gobuild.key('kubernetes', 'provisioner')}"


def image_archive() -> Path:
    """Return the provisioner's image as an archive: one static program, nothing else."""
    binary = gobuild.program("kubernetes", "provisioner")

    def build(folder: Path) -> None:
        content = folder / "content"
        content.mkdir()
        shutil.copy(binary, content / "provisioner")
        _, layer = archive.pack(content, "/provisioner", [image()])
        layer.unlink()
        cache.remove(content)

    return cache.artifact("provisioner-image", gobuild.key("kubernetes", "provisioner"), build) / "content.tar"


def mount(shared: Path) -> dict[str, str]:
    """Return kind's description of the mount that every node gets."""
    return {"hostPath": str(shared), "containerPath": DIRECTORY}


def storage_class() -> dict[str, Any]:
    """Return the StorageClass.

    It waits for the first consumer although every node reaches every volume, because most clouds' default class does:
    a program that waits for a bound claim before it makes the pod should hang in this test, not in a cloud.
    """
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": CLASS, "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": PROVISIONER,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "WaitForFirstConsumer",
    }


def manifests() -> str:
    """Return everything of the provisioner but the StorageClass, for `kubectl apply`."""
    items = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": NAME, "namespace": NAMESPACE}},
        _role(),
        _binding(),
        _deployment(),
    ]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})


def _role() -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": f"{NAMESPACE}-{NAME}"},
        "rules": [
            {"apiGroups": [""], "resources": ["persistentvolumeclaims"], "verbs": ["list"]},
            {"apiGroups": [""], "resources": ["persistentvolumes"], "verbs": ["list", "create", "delete"]},
        ],
    }


def _binding() -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": f"{NAMESPACE}-{NAME}"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": f"{NAMESPACE}-{NAME}"},
        "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}],
    }


def _deployment() -> dict[str, Any]:
    environment = {"PROVISIONER": PROVISIONER, "STORAGE_CLASS": CLASS, "SHARED_DIRECTORY": DIRECTORY}
    container = {
        "name": NAME,
        "image": image(),
        "imagePullPolicy": "Never",
        "env": [{"name": name, "value": value} for name, value in environment.items()],
        "volumeMounts": [{"name": "shared", "mountPath": DIRECTORY}],
    }
    pod = {
        "serviceAccountName": NAME,
        "priorityClassName": "system-cluster-critical",
        # It must go on when a test drains or breaks a worker; a volume may be asked for just then.
        "tolerations": [{"operator": "Exists"}],
        "nodeSelector": {"node-role.kubernetes.io/control-plane": ""},
        "containers": [container],
        "volumes": [{"name": "shared", "hostPath": {"path": DIRECTORY, "type": "Directory"}}],
    }
    labels = {"app": NAME}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "spec": {
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": {**labels, "k8s-app": NAME}}, "spec": pod},
        },
    }
