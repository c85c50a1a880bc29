"""A real Prometheus that scrapes the operator, and what the dashboard asks it."""

import contextlib
import json
import signal
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from harness import debian, tools
from harness.cluster import Cluster
from harness.images import CHECKOUT
from lab.installation import NAMESPACE, RELEASE
from support.ports import free_port

FILES = CHECKOUT / "helm" / "datareplication-operator" / "files"
ALERTS, DASHBOARD = FILES / "alerts.yaml", FILES / "dashboard.json"


@contextlib.contextmanager
def running(command: Sequence[str | Path]) -> Iterator[None]:
    """Run a program in the background."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


@contextlib.contextmanager
def prometheus(cluster: Cluster, folder: Path) -> Iterator[str]:
    """Run a Prometheus that scrapes the operator's Service through a tunnel; yield its address."""
    debian.install({"prometheus": "prometheus"})
    tunnel, port = free_port(), free_port()
    scrape = {
        "job_name": "datareplication-operator",
        "honor_labels": True,
        "scrape_interval": "1s",
        "static_configs": [{"targets": [f"127.0.0.1:{tunnel}"]}],
    }
    config = folder / "prometheus.yaml"
    config.write_text(yaml.safe_dump({"rule_files": [str(ALERTS)], "scrape_configs": [scrape]}), encoding="utf-8")
    forward: list[str | Path] = [tools.kubectl(), "--kubeconfig", cluster.kubeconfig, "-n", NAMESPACE, "port-forward"]
    server = [
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (
        running([*forward, f"service/{RELEASE}", f"{tunnel}:8080"]),
        running(["prometheus", *server]),
    ):
        yield f"http://127.0.0.1:{port}"


def ask(address: str, query: str) -> dict[str, Any]:
    """Return Prometheus' answer to a query, empty while it does not answer yet."""
    url = f"{address}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own, on loopback
            return dict(json.load(answer))
    except urllib.error.HTTPError as error:
        return dict(json.load(error))
    except OSError:
        return {}


def panels() -> list[dict[str, Any]]:
    """Return the dashboard's panels."""
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    return found


def question(target: dict[str, Any]) -> str:
    """Return what a panel asks, as Grafana sends it when all is chosen."""
    text: str = target["expr"]
    return text.replace("$namespace", ".*").replace("$name", ".*").replace("$__rate_interval", "1m")


def over_time(address: str, query: str, begun: float) -> list[dict[str, Any]]:
    """Return the answers to a query from a moment (seconds since 1970) until now, a value every 2 s."""
    asked = {"query": query, "start": begun, "end": time.time(), "step": 2}
    url = f"{address}/api/v1/query_range?{urllib.parse.urlencode(asked)}"
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - our own, on loopback
        found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
    return found
