"""Reads of the API server without kubectl: a test looks twice a second, and kubectl takes 70 ms of processor each time."""

import base64
import functools
import json
import ssl
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import yaml

from harness.cluster import Cluster
from harness.errors import HarnessError

OURS = "apis/datareplication.dev/v1alpha1"
KINDS = {
    "drep": (OURS, "datareplications"),
    "dreprun": (OURS, "datareplicationruns"),
    "jobs": ("apis/batch/v1", "jobs"),
    "pods": ("api/v1", "pods"),
    "services": ("api/v1", "services"),
    "events": ("api/v1", "events"),
}
"""kubectl's word for a kind -> group and version, resource."""

TIMEOUT_SECONDS = 60


def get(cluster: Cluster, kind: str, namespace: str, name: str = "") -> dict[str, Any]:
    """Return one object of the namespace, or the list of all; HarnessError with the API server's words."""
    group, resource = KINDS[kind]
    server, trust = _login(cluster.kubeconfig, cluster.kubeconfig.stat().st_mtime_ns)
    url = f"{server}/{group}/namespaces/{namespace}/{resource}/{name}".rstrip("/")
    try:
        with urllib.request.urlopen(url, context=trust, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
            found: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            raise HarnessError(f"{url}: {error.code} {error.read().decode(errors='replace')}") from error
    return found


@functools.lru_cache(maxsize=8)
def _login(kubeconfig: Path, _changed: int) -> tuple[str, ssl.SSLContext]:
    """Return the server's address and what its certificate and our own are proven with."""
    whole = yaml.safe_load(kubeconfig.read_text())
    cluster, user = whole["clusters"][0]["cluster"], whole["users"][0]["user"]
    trust = ssl.create_default_context(cadata=_decoded(cluster["certificate-authority-data"]))
    with tempfile.NamedTemporaryFile("w") as own:
        own.write(_decoded(user["client-certificate-data"]) + _decoded(user["client-key-data"]))
        own.flush()
        trust.load_cert_chain(own.name)
    return cluster["server"], trust


def _decoded(text: str) -> str:
    return base64.b64decode(text).decode()
