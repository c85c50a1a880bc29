"""The account that an orchestrator has in the cluster: the rights of examples/role.yaml and no others."""

import json
from pathlib import Path
from typing import Any

import yaml

from harness.cluster import Cluster
from harness.images import CHECKOUT
from lab.replications import Scene

NAME = "orchestrator"
ROLE = CHECKOUT / "examples" / "role.yaml"


def kubeconfig(scene: Scene, folder: Path) -> Path:
    """Make the account in the scene's namespace, bind the example's Role to it, and return its kubeconfig."""
    cluster, namespace = scene.lab.cluster, scene.namespace
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": NAME, "namespace": namespace}}
    role, binding = yaml.safe_load_all(ROLE.read_text())
    for one in (role, binding):
        one["metadata"]["namespace"] = namespace
    binding["subjects"] = [{"kind": "ServiceAccount", "name": NAME, "namespace": namespace}]
    cluster.apply(account, role, binding)
    token = cluster.kubectl("-n", namespace, "create", "token", NAME, "--duration=4h").strip()
    path = folder / "kubeconfig"
    path.write_text(json.dumps(_login(cluster, token)))
    path.chmod(0o600)
    return path


def _login(cluster: Cluster, token: str) -> dict[str, Any]:
    server = yaml.safe_load(cluster.kubeconfig.read_text())["clusters"][0]["cluster"]
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "lab",
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": NAME}}],
        "clusters": [{"name": "lab", "cluster": server}],
        "users": [{"name": NAME, "user": {"token": token}}],
    }
