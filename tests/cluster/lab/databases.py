"""PostgreSQL servers in the cluster: one Deployment, Service and TLS Secret each, in a namespace of its own.

A server `prod-db` in namespace `prod` is `prod-db.prod.svc`. Its superuser's password lies in the Secret `<name>-super`.
"""

import base64
import secrets
from dataclasses import dataclass
from typing import Any

from harness.cluster import Cluster
from lab import psql
from lab.certificates import Authority

SUPERUSER = "postgres"
READY_SECONDS = 180
# Nobody needs these databases after a crash, and autovacuum would visit hundreds of small ones.
CHEAP = ("fsync=off", "full_page_writes=off", "autovacuum=off")
SETTINGS = ("max_wal_size=2GB", "shared_buffers=256MB", "maintenance_work_mem=128MB", *CHEAP)


@dataclass(frozen=True)
class Server:
    """One PostgreSQL server of the lab."""

    cluster: Cluster
    name: str
    namespace: str

    @property
    def host(self) -> str:
        """Return the name that clients and its certificate use."""
        return f"{self.name}.{self.namespace}.svc"

    def psql(self, sql: str, database: str = "postgres", **variables: str) -> str:
        """Run SQL as the superuser inside the pod and return what psql prints, unaligned and without headers."""
        command = 'export PGPASSWORD="$POSTGRES_PASSWORD"; exec psql -X -q -A -t -U postgres -v ON_ERROR_STOP=1 -f -'
        words = ("exec", "-i", "-n", self.namespace, f"deployment/{self.name}", "--", "sh", "-c", command)
        return psql.run(self.cluster.kubectl_words(*words), sql, database, variables)


def start(cluster: Cluster, authority: Authority, image: str, *servers: Server) -> None:
    """Create the servers that are not there and wait until all of them accept connections."""
    for server in servers:
        cluster.apply(namespace(server.namespace))
        _ensure_secret(server, f"{server.name}-super", SUPERUSER)
        cluster.apply(*_objects(server, authority, image))
    for server in servers:
        wait = f"--timeout={READY_SECONDS}s"
        cluster.kubectl(
            "-n",
            server.namespace,
            "rollout",
            "status",
            f"deployment/{server.name}",
            wait,
            timeout_seconds=READY_SECONDS + 5,
        )


def ensure_role(server: Server, role: str, attributes: str) -> str:
    """Make a login role; return its password, which is made once and kept in a Secret beside the server."""
    name = f"{server.name}-{role.replace('_', '-')}"
    password = _ensure_secret(server, name, role)
    server.psql(f"""
        SELECT 'CREATE ROLE {role}' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') \\gexec
        ALTER ROLE {role} LOGIN {attributes} PASSWORD '{password}';
    """)
    return password


def ensure_database(server: Server, name: str, owner: str) -> None:
    """Make an empty database unless there is one of that name."""
    server.psql(
        f"SELECT 'CREATE DATABASE {name} OWNER {owner}' "
        f"WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{name}') \\gexec"
    )


def credentials(name: str, namespace: str, username: str, password: str) -> dict[str, Any]:
    """Return a Secret of the shape that a DataReplication reads."""
    data = {"username": username, "password": password}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "stringData": data,
    }


def namespace(name: str) -> dict[str, Any]:
    """Return a namespace in which only pods of the restricted level may run."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def _ensure_secret(server: Server, name: str, username: str) -> str:
    """Return the password in a Secret of the server's namespace; it is made, at random, when it is not there."""
    query = ("-n", server.namespace, "get", "secret", name, "--ignore-not-found", "-o", "jsonpath={.data.password}")
    if found := server.cluster.kubectl(*query).strip():
        return base64.b64decode(found).decode()
    password = secrets.token_urlsafe(18)
    server.cluster.apply(credentials(name, server.namespace, username, password))
    return password


def _objects(server: Server, authority: Authority, image: str) -> list[dict[str, Any]]:
    metadata = {"name": server.name, "namespace": server.namespace, "labels": {"app": server.name}}
    # Also the names of the Services that CloudNativePG and Crunchy would make.
    certificate, key = authority.server(server.host, f"{server.name}-rw", f"{server.name}-primary")
    data = {"tls.crt": _encoded(certificate), "tls.key": _encoded(key)}
    tls = {**metadata, "name": f"{server.name}-tls"}
    ports = [{"port": 5432, "targetPort": 5432}]
    deployment = {
        "replicas": 1,
        "strategy": {"type": "Recreate"},
        "selector": {"matchLabels": {"app": server.name}},
        "template": {"metadata": {"labels": {"app": server.name}}, "spec": _pod(server, image)},
    }
    return [
        {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": tls, "data": data},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"selector": {"app": server.name}, "ports": ports},
        },
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": deployment},
    ]


def _pod(server: Server, image: str) -> dict[str, Any]:
    password = {"secretKeyRef": {"name": f"{server.name}-super", "key": "password"}}
    # Often only while the server starts: a probe that starts a program each second takes a tenth of a core.
    started = {"exec": {"command": ["pg_isready", "-q", "-h", "127.0.0.1"]}, "periodSeconds": 1, "failureThreshold": 60}
    container = {
        "name": "postgres",
        "image": image,
        "args": [part for setting in SETTINGS for part in ("-c", setting)],
        "env": [{"name": "POSTGRES_PASSWORD", "valueFrom": password}],
        "startupProbe": started,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [
            {"name": "data", "mountPath": "/var/lib/postgresql"},
            {"name": "run", "mountPath": "/run"},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - the pod's own
            {"name": "shm", "mountPath": "/dev/shm"},  # noqa: S108
            {"name": "tls", "mountPath": "/tls", "readOnly": True},
        ],
    }
    return {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 10,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "fsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [
            *({"name": name, "emptyDir": {}} for name in ("data", "run", "tmp")),
            {"name": "shm", "emptyDir": {"medium": "Memory"}},
            {"name": "tls", "secret": {"secretName": f"{server.name}-tls", "defaultMode": 0o440}},
        ],
    }


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
