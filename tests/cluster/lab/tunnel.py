"""A way from this machine to a Service of the operator."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator

from harness import tools
from harness.cluster import Cluster, context
from lab import installation
from support.ports import free_port

SOON_SECONDS = 90


@contextlib.contextmanager
def forwarded(cluster: Cluster, service: str) -> Iterator[str]:
    port = free_port()
    words = ["-n", installation.NAMESPACE, "port-forward", f"service/{service}", f"{port}:8081"]
    where = ["--kubeconfig", str(cluster.kubeconfig), "--context", context(cluster.name)]
    process = subprocess.Popen([str(tools.kubectl()), *where, *words], stdout=subprocess.DEVNULL)
    try:
        until = time.monotonic() + SOON_SECONDS
        while not is_open(port):
            assert time.monotonic() < until, "the port-forward does not open"
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
