"""The PostgreSQL image of the tests: a restricted pod with a read-only root runs it, and only TLS gets in from elsewhere."""

import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from harness import programs
from harness.cluster import Cluster
from harness.errors import ProgramError

PASSWORD = 'it\'s a "secret" \\ $HOME'  # quoted by nobody on its way
UID = 65532

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def space(cluster: Cluster) -> Iterator[str]:
    """Return a namespace for all tests of this module."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    cluster.kubectl("create", "namespace", name)
    cluster.kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="module")
def server(cluster: Cluster, space: str, shell_image: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the name of a pod with a server that has a certificate, and that accepts connections."""
    certificate, key = _certificate(tmp_path_factory.mktemp("tls"))
    cluster.kubectl("-n", space, "create", "secret", "tls", "tls", f"--cert={certificate}", f"--key={key}")
    secret = ("--from-literal=username=boss", f"--from-literal=password={PASSWORD}")
    cluster.kubectl("-n", space, "create", "secret", "generic", "db", *secret)
    cluster.kubectl("-n", space, "apply", "-f", "-", stdin=json.dumps(_pod(shell_image)))
    cluster.kubectl("-n", space, "wait", "--for=condition=Ready", "pod/server", "--timeout=90s")
    return "server"


def _certificate(folder: Path) -> tuple[Path, Path]:
    certificate, key = folder / "tls.crt", folder / "tls.key"
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=server"]
    programs.run([*request, "-keyout", key, "-out", certificate])
    return certificate, key


def _pod(image: str) -> dict[str, Any]:
    folders = ("/var/lib/postgresql", "/run", "/tmp")  # noqa: S108  of the container
    names = ("data", "run", "tmp")
    container = {
        "name": "postgres",
        "image": image,
        "imagePullPolicy": "Never",
        "args": ["-c", "max_connections=42"],
        "env": [
            {"name": "POSTGRES_USER", "valueFrom": {"secretKeyRef": {"name": "db", "key": "username"}}},
            {"name": "POSTGRES_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}},
            {"name": "POSTGRES_DB", "value": 'an "odd" name'},
        ],
        "readinessProbe": {"exec": {"command": ["pg_isready"]}, "periodSeconds": 1},
        "securityContext": {
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            *({"name": name, "mountPath": path} for name, path in zip(names, folders, strict=True)),
            {"name": "tls", "mountPath": "/tls", "readOnly": True},
        ],
    }
    spec = {
        "securityContext": {
            "runAsUser": UID,
            "runAsNonRoot": True,
            "fsGroup": UID,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [
            *({"name": name, "emptyDir": {}} for name in names),
            {"name": "tls", "secret": {"secretName": "tls"}},
        ],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "server"}, "spec": spec}


def _query(cluster: Cluster, space: str, server: str, connection: str, statement: str) -> str:
    """Run a statement from inside the pod by a connection string; return the plain answer."""
    script = 'PGPASSWORD="$POSTGRES_PASSWORD" exec psql -XAtc "$1" "$2"'
    command = ("sh", "-c", script, "sh", statement, connection)
    return cluster.kubectl("-n", space, "exec", server, "--", *command).strip()


def _address(cluster: Cluster, space: str, server: str) -> str:
    return str(cluster.get("-n", space, "pod", server)["status"]["podIP"])


def test_settings_come_from_arguments_and_the_database_has_its_odd_name(
    cluster: Cluster, space: str, server: str
) -> None:
    connection = "host=127.0.0.1 user=boss dbname='an \"odd\" name'"
    statement = "SELECT current_setting('max_connections'), current_database(), current_setting('password_encryption')"
    assert _query(cluster, space, server, connection, statement) == '42|an "odd" name|scram-sha-256'


def test_tls_gets_in_from_elsewhere(cluster: Cluster, space: str, server: str) -> None:
    connection = f"host={_address(cluster, space, server)} user=boss dbname=postgres sslmode=require"
    assert _query(cluster, space, server, connection, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") == "t"


def test_plain_text_does_not_get_in_from_elsewhere(cluster: Cluster, space: str, server: str) -> None:
    connection = f"host={_address(cluster, space, server)} user=boss dbname=postgres sslmode=disable"
    with pytest.raises(ProgramError, match="no encryption"):
        _query(cluster, space, server, connection, "SELECT 1")


def test_a_wrong_password_does_not_get_in_by_the_socket(cluster: Cluster, space: str, server: str) -> None:
    with pytest.raises(ProgramError, match="password authentication failed"):
        _query(cluster, space, server, "host=/run/postgresql user=boss dbname=postgres password=guess", "SELECT 1")


def test_the_server_is_the_first_process_and_its_environment_holds_no_password(
    cluster: Cluster, space: str, server: str
) -> None:
    script = "tr '\\0' '\\n' < /proc/1/cmdline | head -1; tr '\\0' '\\n' < /proc/1/environ | grep -c PASSWORD || true"
    told = cluster.kubectl("-n", space, "exec", server, "--", "sh", "-c", script).split()
    assert told == ["postgres", "0"]


def test_the_end_of_the_pod_is_a_fast_shutdown_though_a_client_is_connected(
    cluster: Cluster, space: str, server: str
) -> None:
    """The client's parent is its exec: an orphan becomes the server's child, and its end looks like a crash."""
    local = "host=127.0.0.1 user=boss dbname=postgres"
    with ThreadPoolExecutor(1) as beside:
        sleeping = beside.submit(_query, cluster, space, server, local, "SELECT pg_sleep(600)")
        count = "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)'"
        for _ in range(100):
            if _query(cluster, space, server, local, count) == "1":
                break
        else:
            raise AssertionError("the client is not connected")
        assert not sleeping.done()
        cluster.kubectl("-n", space, "delete", "pod", server, "--grace-period=300", timeout_seconds=90)
        with pytest.raises(ProgramError):
            sleeping.result(30)
