"""The guard in front of everything that changes a cluster: only clusters that this harness made may pass.

A test that drops databases must never meet somebody's real cluster because of a stray KUBECONFIG.
"""

import ipaddress
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from harness import cluster, engine, lifecycle, programs, tools
from harness.engine import Engine
from harness.errors import ForeignClusterError

NETWORK = "kind"


def refuse_foreign(kubeconfig: Path, context: str = "") -> str:
    """Return the name of the harness's cluster behind a context (the current one by default).

    Raises ForeignClusterError unless the context has the name of a cluster that the harness made and that runs, and its
    server is on this machine: a loopback address or one of the engine's network.
    """
    config = _read(kubeconfig)
    chosen = context or config.get("current-context") or ""
    name = chosen.removeprefix("kind-")
    if chosen != cluster.context(name) or not cluster.kubeconfig(name).is_file():
        raise ForeignClusterError(f"{kubeconfig}: context {chosen!r} is not a cluster of this harness")
    running = engine.find()
    if running is None or name not in lifecycle.names(running):
        raise ForeignClusterError(f"{kubeconfig}: no cluster {name!r} runs here; bring it up first")
    server = _server(config, chosen)
    if not _is_local(server, running):
        raise ForeignClusterError(f"{kubeconfig}: context {chosen!r} leads to {server}, which is not on this machine")
    return name


def _read(kubeconfig: Path) -> dict[str, Any]:
    if not kubeconfig.is_file():
        raise ForeignClusterError(f"{kubeconfig}: no such kubeconfig")
    text = programs.run([tools.kubectl(), "config", "view", "--kubeconfig", kubeconfig, "-o", "json"])
    config: dict[str, Any] = json.loads(text)
    return config


def _server(config: dict[str, Any], context: str) -> str:
    """Return the address of the server that a context leads to."""
    contexts = {entry["name"]: entry["context"] for entry in config.get("contexts") or []}
    servers = {entry["name"]: entry["cluster"] for entry in config.get("clusters") or []}
    target = contexts.get(context, {}).get("cluster", "")
    return str(servers.get(target, {}).get("server", ""))


def _is_local(server: str, running: Engine) -> bool:
    try:
        address = ipaddress.ip_address(urlsplit(server).hostname or "")
    except ValueError:
        return False
    return address.is_loopback or any(address in subnet for subnet in _subnets(running))


def _subnets(running: Engine) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    described = json.loads(running.docker("network", "inspect", NETWORK))
    return [ipaddress.ip_network(entry["Subnet"]) for entry in described[0]["IPAM"]["Config"]]
