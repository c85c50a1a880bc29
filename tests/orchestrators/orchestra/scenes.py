"""What happens to the replication of a scene while an orchestrator looks."""

import base64
import contextlib
from collections.abc import Iterator
from typing import Any

from lab.replications import Scene

Object = dict[str, Any]
PATIENT = {"lockTimeoutSeconds": 900}
"""The dump waits as long as a test holds it up."""


def runs(scene: Scene) -> dict[str, Object]:
    """Return name -> Run of all the scene's Runs."""
    return {one["metadata"]["name"]: one for one in scene.items("dreprun")}


def loaded(run: Object) -> dict[str, str]:
    """Return target -> phase of a Run."""
    return {one["name"]: one["phase"] for one in run["status"]["targets"]}


@contextlib.contextmanager
def wrong_password(scene: Scene, target: str) -> Iterator[None]:
    """Let a target's loads fail for good until the body ends."""
    cluster, name = scene.lab.cluster, scene.lab.targets[target].name
    right = base64.b64decode(cluster.get("secret", name, "-n", scene.namespace)["data"]["password"]).decode()
    _set_password(scene, name, "wrong")
    try:
        yield
    finally:
        _set_password(scene, name, right)


def _set_password(scene: Scene, name: str, password: str) -> None:
    patch = f'{{"stringData": {{"password": "{password}"}}}}'
    scene.lab.cluster.kubectl("-n", scene.namespace, "patch", "secret", name, "--type=merge", "-p", patch)
