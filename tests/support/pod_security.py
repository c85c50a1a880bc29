"""The restricted Pod Security level, as far as it concerns our pods, and further demands on our pods.

This is a quick check without a cluster; on a cluster the API server's own admission decides.
"""

from collections.abc import Iterator, Mapping
from typing import Any

VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
SECCOMP = ("RuntimeDefault", "Localhost")


def violations(pod: Mapping[str, Any]) -> list[str]:
    """Return what the restricted level would refuse in the spec of a pod; empty if it accepts the pod."""
    return [*_of_pod(pod), *(f"{each['name']}: {why}" for each in containers(pod) for why in _of_container(pod, each))]


def is_read_only(pod: Mapping[str, Any]) -> bool:
    """Whether no container can write into its own image's file system."""
    return all(each.get("securityContext", {}).get("readOnlyRootFilesystem") is True for each in containers(pod))


def containers(pod: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return all containers of a pod: init, normal and ephemeral ones."""
    return [each for sort in ("initContainers", "containers", "ephemeralContainers") for each in pod.get(sort, ())]


def _of_pod(pod: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"{field} is set" for field in ("hostNetwork", "hostPID", "hostIPC") if pod.get(field))
    for volume in pod.get("volumes", ()):
        yield from (f"volume {volume['name']} is a {sort}" for sort in volume.keys() - VOLUMES - {"name"})
    if pod.get("securityContext", {}).get("runAsUser") == 0:
        yield "runAsUser is root"


def _of_container(pod: Mapping[str, Any], container: Mapping[str, Any]) -> Iterator[str]:
    own = container.get("securityContext", {})
    inherited = {**pod.get("securityContext", {}), **own}
    if own.get("privileged"):
        yield "privileged"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation is not false"
    if "ALL" not in own.get("capabilities", {}).get("drop", ()):
        yield "does not drop ALL capabilities"
    if set(own.get("capabilities", {}).get("add", ())) - {"NET_BIND_SERVICE"}:
        yield "adds capabilities"
    if inherited.get("runAsNonRoot") is not True or inherited.get("runAsUser") == 0:
        yield "may run as root"
    if inherited.get("seccompProfile", {}).get("type") not in SECCOMP:
        yield "has no seccomp profile"
    if any(port.get("hostPort") for port in container.get("ports", ())):
        yield "takes a port of the host"
