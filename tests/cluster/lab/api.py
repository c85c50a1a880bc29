"""Reads of the API server without kubectl: a test looks twice a second, and kubectl takes 70 ms of processor each time.

The connection stays open: a new one for each look would cost client and server a TLS handshake with two certificates.
"""

import base64
import functools
import ssl
import tempfile
from http import HTTPStatus
from pathlib import Path
from typing import Any

import urllib3
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
    server, pool = _login(cluster.kubeconfig, cluster.kubeconfig.stat().st_mtime_ns)
    url = f"{server}/{group}/namespaces/{namespace}/{resource}/{name}".rstrip("/")
    try:
        answer = pool.request("GET", url)
    except urllib3.exceptions.HTTPError as error:
        raise HarnessError(f"{url}: {error}") from error
    if answer.status != HTTPStatus.OK:
        raise HarnessError(f"{url}: {answer.status} {answer.data.decode(errors='replace')}")
    found: dict[str, Any] = answer.json()
    return found


@functools.lru_cache(maxsize=8)
def _login(kubeconfig: Path, _changed: int) -> tuple[str, urllib3.PoolManager]:
    """Return the server's address, and connections on which its certificate and our own are proven."""
    whole = yaml.safe_load(kubeconfig.read_text())
    cluster, user = whole["clusters"][0]["cluster"], whole["users"][0]["user"]
    trust = ssl.create_default_context(cadata=_decoded(cluster["certificate-authority-data"]))
    with tempfile.NamedTemporaryFile("w") as own:
        own.write(_decoded(user["client-certificate-data"]) + _decoded(user["client-key-data"]))
        own.flush()
        trust.load_cert_chain(own.name)
    return cluster["server"], urllib3.PoolManager(ssl_context=trust, timeout=TIMEOUT_SECONDS, maxsize=16)


def _decoded(text: str) -> str:
    return base64.b64decode(text).decode()
