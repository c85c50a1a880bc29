"""How clusters come and go: made by kind in an engine, completed with shared volumes, and taken away without a trace.

Bringing up one that is up changes nothing, and one that does not come back is made anew. Only clusters that this
harness made are ever deleted.
"""

import contextlib
import json
import re
import shutil
import time
from pathlib import Path
from typing import Any

from harness import cache, engine, node_image, private_engine, programs, tools, volumes
from harness.cluster import DEFAULT_NAMES, LABEL, Cluster
from harness.engine import Engine
from harness.errors import ForeignClusterError, HarnessError, ProgramError
from harness.progress import say, step

READY_SECONDS = 180
# A cluster whose engine was killed comes back within 15 s, or it never does; a new one takes 20 s.
RETURN_SECONDS = 60
ASK_SECONDS = 20
POLL_SECONDS = 0.5
DNS_LABEL = "kube-dns"
KUBELET_FLAGS = "/var/lib/kubelet/kubeadm-flags.env"
NO_ANSWER = "the API server does not answer"
NO_CLASS = "volumes have no class"
NO_PROVISIONER = "volumes have no provisioner"
VOLUMES = {NO_CLASS, NO_PROVISIONER}


def up(name: str = "", nodes: int = 1) -> Cluster:
    """Bring a cluster up unless it is; return when its nodes, its DNS and its volumes are ready."""
    name = name or DEFAULT_NAMES[nodes]
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,40}", name):
        raise HarnessError(f"a cluster cannot be called {name!r}: lower case letters, digits and '-'")
    running = engine.ensure()
    tools.ensure()
    cluster = Cluster(name, running)
    with cache.lock(f"cluster-{name}"):
        if not (_is_running(cluster, nodes) and _comes_back(cluster)):
            _create(cluster, nodes)
            _complete(cluster, READY_SECONDS)
    return cluster


def find(name: str) -> Cluster:
    """Return a cluster that is up; raise HarnessError when it is not."""
    running = engine.find()
    if running is None or name not in names(running):
        raise HarnessError(f"no cluster {name!r} is up: run `make cluster-up` first")
    return Cluster(name, running)


def names(running: Engine) -> list[str]:
    """Return the names of the harness's clusters in an engine."""
    label = f'{{{{.Label "{LABEL}"}}}}'
    present = running.docker("ps", "--all", "--filter", f"label={LABEL}", "--format", label).split()
    return [name for name in sorted(set(present)) if _is_ours(Cluster(name, running))]


def down(name: str) -> None:
    """Delete a cluster of the harness; fine when there is none of that name."""
    running = _engine_with_clusters()
    if running is None:
        say("no Docker engine is running, so no cluster is")
        return
    with cache.lock(f"cluster-{name}"):
        _delete(Cluster(name, running))


def down_all() -> None:
    """Delete every cluster of the harness and stop the engine if it is our private one."""
    running = _engine_with_clusters()
    for name in names(running) if running else []:
        down(name)
    private_engine.stop()
    cache.remove(cache.root() / "clusters")


def _engine_with_clusters() -> Engine | None:
    """Return the engine; start the private one again when it has died, because its containers live on without it."""
    return engine.ensure() if private_engine.was_started() else engine.find()


def _is_ours(cluster: Cluster) -> bool:
    return cluster.folder.is_dir() or cluster.engine.is_private


def _is_running(cluster: Cluster, nodes: int) -> bool:
    """Say whether the cluster's nodes run; one that was stopped with its engine is deleted, it is made in 20 s."""
    present = cluster.nodes()
    if not present:
        return False
    if not _is_ours(cluster):
        raise ForeignClusterError(f"kind has a cluster {cluster.name!r} that this harness did not make; use --name")
    cluster.resume()
    if len(present) != nodes:
        raise HarnessError(f"{cluster.name} is up with {len(present)} nodes, not {nodes}; take it down first")
    states = cluster.engine.docker("inspect", "--format", "{{.State.Running}}", *present).split()
    if set(states) != {"true"} or not cluster.kubeconfig.is_file():
        say(f"{cluster.name} was stopped: it is made anew")
    elif any(_has_moved(cluster, node) for node in present):
        say(f"{cluster.name} has nodes with another address than they had: it is made anew")
    else:
        return True
    _delete(cluster)
    return False


def _has_moved(cluster: Cluster, node: str) -> bool:
    """Whether a node's address is not its kubelet's any more: an engine that was started anew gave it to another.

    Such a cluster says that it is ready, but a request for logs goes to another node.
    """
    addresses = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}"
    have = cluster.engine.docker("inspect", "--format", addresses, node).split()
    with contextlib.suppress(ProgramError):
        flags = cluster.engine.docker("exec", node, "cat", KUBELET_FLAGS)
        return not any(f"--node-ip={address} " in flags for address in have)
    return False


def _comes_back(cluster: Cluster) -> bool:
    """Complete a cluster that was here before; delete it when that fails: a kill of its nodes can leave etcd broken."""
    try:
        _complete(cluster, RETURN_SECONDS)
    except HarnessError as error:
        say(f"{error}\n{cluster.name} does not come back: it is made anew")
        _delete(cluster)
        return False
    return True


def _create(cluster: Cluster, nodes: int) -> None:
    image = node_image.ensure(cluster.engine)
    cluster.shared.mkdir(parents=True, exist_ok=True)
    with step(f"create cluster {cluster.name} ({nodes} node{'s' if nodes > 1 else ''})"):
        config = json.dumps(_config(cluster, nodes))
        options: list[str | Path] = ["--image", image, "--kubeconfig", cluster.kubeconfig, "--config", "-", "--quiet"]
        cluster.kind("create", "cluster", *options, stdin=config)


def _config(cluster: Cluster, nodes: int) -> dict[str, Any]:
    """Return kind's configuration: one control plane, the others workers, the shared directory in all of them."""
    roles = ["control-plane"] + ["worker"] * (nodes - 1)
    mounts = [volumes.mount(cluster.shared)]
    return {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "nodes": [{"role": role, "extraMounts": mounts} for role in roles],
    }


def _complete(cluster: Cluster, seconds: float) -> None:
    """Install the volumes' provisioner unless it is there, and wait `seconds` for everything to be ready."""
    lacks = _lacks(cluster)
    if not lacks:
        say(f"cluster {cluster.name} is up")
        return
    if lacks == [NO_ANSWER]:
        with step("wait for the API server"):
            _wait(cluster, seconds, {NO_ANSWER})
    if VOLUMES & set(_lacks(cluster)):
        with step("install the volumes' provisioner"):
            _install_volumes(cluster)
    with step("wait for nodes, DNS and volumes"):
        _wait(cluster, seconds)


def _install_volumes(cluster: Cluster) -> None:
    cluster.kind("load", "image-archive", volumes.image_archive())
    cluster.kubectl("apply", "-f", "-", stdin=volumes.manifests())
    # A class's provisioner cannot be changed, and kind's public image brings a class of this name.
    cluster.kubectl("delete", "storageclass", volumes.CLASS, "--ignore-not-found")
    cluster.apply(volumes.storage_class())


def _wait(cluster: Cluster, seconds: float, only: set[str] | None = None) -> None:
    """Wait until the cluster lacks nothing, or nothing of `only`."""
    deadline = time.monotonic() + seconds
    while (lacks := _lacks(cluster)) and (only is None or only & set(lacks)):
        if time.monotonic() > deadline:
            text = f"{cluster.name} is not ready after {seconds:.0f} s: {'; '.join(lacks)}"
            raise HarnessError("\n".join([text, *_last_words(cluster)]))
        time.sleep(POLL_SECONDS)


def _last_words(cluster: Cluster) -> list[str]:
    """Return what each node's init and kubelet said last, and which of its containers run."""
    asked = "crictl ps --all; journalctl --no-pager --lines 15 --unit kubelet"
    words = []
    for node in cluster.nodes():
        for question in (["logs", "--tail", "5", node], ["exec", node, "sh", "-c", asked]):
            with contextlib.suppress(ProgramError):
                words.append(f"--- {node}\n" + cluster.engine.docker(*question, timeout_seconds=ASK_SECONDS).strip())
    return words


def _lacks(cluster: Cluster) -> list[str]:
    """Return what the cluster still lacks, in words; empty when it is ready.

    Asks for pods, not for Deployments: after a restart of the node a Deployment's status is wrong for a minute.
    """
    try:
        found = cluster.get("nodes,storageclasses", timeout_seconds=ASK_SECONDS)["items"]
        selector = f"k8s-app in ({DNS_LABEL}, {volumes.NAME})"
        pods = cluster.get("pods", "--all-namespaces", "--selector", selector, timeout_seconds=ASK_SECONDS)["items"]
    except ProgramError:
        # Also while the API server starts: it answers before it has loaded the rights.
        return [NO_ANSWER]
    nodes = [item for item in found if item["kind"] == "Node"]
    lacks = [f"node {node['metadata']['name']} is not Ready" for node in nodes if not _is_ready(node)]
    if not any(_is_ready(pod) for pod in pods if pod["metadata"]["labels"]["k8s-app"] == DNS_LABEL):
        lacks.append("DNS is not ready")
    if not any(item.get("provisioner") == volumes.PROVISIONER for item in found):
        lacks.append(NO_CLASS)
    provisioners = [pod for pod in pods if pod["spec"]["containers"][0]["image"] == volumes.image()]
    if not provisioners:
        lacks.append(NO_PROVISIONER)
    elif not any(_is_ready(pod) for pod in provisioners):
        lacks.append("the provisioner of volumes is not ready")
    return lacks


def _is_ready(item: dict[str, Any]) -> bool:
    """Say whether a node or a pod is Ready."""
    conditions = item["status"].get("conditions", [])
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def _delete(cluster: Cluster) -> None:
    present = cluster.nodes()
    if present and not _is_ours(cluster):
        raise ForeignClusterError(f"kind has a cluster {cluster.name!r} that this harness did not make")
    if not present and not cluster.folder.exists():
        say(f"there is no cluster {cluster.name}")
        return
    with step(f"delete cluster {cluster.name}"):
        cluster.resume()
        _empty_volumes(cluster, present)
        cluster.kind("delete", "cluster", "--kubeconfig", cluster.kubeconfig)
        shutil.rmtree(cluster.folder, ignore_errors=True)


def _empty_volumes(cluster: Cluster, nodes: list[str]) -> None:
    """Let a node remove what pods wrote: their files belong to users that we may not be."""
    for node in nodes[:1]:
        emptying = ["exec", node, "find", volumes.DIRECTORY, "-mindepth", "1", "-delete"]
        programs.succeeds(["docker", *emptying], env=cluster.engine.environment())
