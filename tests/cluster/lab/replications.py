"""A DataReplication in a namespace of its own, on databases of its own, and what became of it."""

import contextlib
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from harness import cache, images
from harness.cluster import Cluster
from harness.errors import HarnessError
from lab import api, certificates, databases
from lab.databases import Server

TARGETS = ("dev", "staging", "qa")
OWNER = "app"
READER, LOADER = "datareplication_reader", "datareplication_loader"
API_VERSION = "datareplication.dev/v1alpha1"
POLL_SECONDS = 0.5

Object = dict[str, Any]


@dataclass(frozen=True)
class Lab:
    """The servers, the passwords of their two roles, and the authority of their certificates."""

    cluster: Cluster
    source: Server
    targets: dict[str, Server]
    passwords: dict[str, str]
    certificate: str

    @property
    def servers(self) -> list[Server]:
        """Return all servers, the source first."""
        return [self.source, *self.targets.values()]


def start(cluster: Cluster) -> Lab:
    """Start the four servers, make their roles, and return the lab; quick when it is all there."""
    source = Server(cluster, "prod-db", "prod")
    targets = {name: Server(cluster, f"{name}-db", name) for name in TARGETS}
    authority = certificates.authority(cluster.folder / "authority")
    image = images.ensure(cluster.engine, [cluster], ["postgres"])["postgres"]
    with cache.lock(f"lab-{cluster.name}"):
        databases.start(cluster, authority, image, source, *targets.values())
        passwords = _make_roles(source, targets)
    return Lab(cluster, source, targets, passwords, authority.certificate)


def _make_roles(source: Server, targets: dict[str, Server]) -> dict[str, str]:
    """Make the two roles with the rights that docs/first-load.md asks for; return server name -> password."""
    for server in (source, *targets.values()):
        databases.ensure_role(server, OWNER, "NOSUPERUSER")
    passwords = {source.name: databases.ensure_role(source, READER, "NOSUPERUSER")}
    source.psql(f"GRANT pg_read_all_data TO {READER}")
    for server in targets.values():
        passwords[server.name] = databases.ensure_role(server, LOADER, "NOSUPERUSER CREATEDB")
        server.psql(f"GRANT pg_signal_backend, {OWNER} TO {LOADER}")
    return passwords


def secrets(lab: Lab, namespace: str) -> list[Object]:
    """Return the Secrets and the authority's ConfigMap that a DataReplication in `namespace` refers to."""
    metadata = {"name": "database-ca", "namespace": namespace}
    authority = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"ca.crt": lab.certificate}}
    roles = [(lab.source, READER), *((server, LOADER) for server in lab.targets.values())]
    made = [databases.credentials(one.name, namespace, role, lab.passwords[one.name]) for one, role in roles]
    return [authority, *made]


def claim(namespace: str, name: str = "snapshots") -> Object:
    """Return the claim for the snapshots."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}},
    }


@dataclass
class Scene:
    """One namespace with its Secrets and claim, and one database name used on every server."""

    lab: Lab
    namespace: str
    database: str
    name: str = "fan"
    changes: Object = field(default_factory=dict)

    def connection(self, server: Server) -> Object:
        """Return how the resource reaches a server's database."""
        return {
            "host": server.host,
            "database": self.database,
            "sslRootCert": {"configMapKeyRef": {"name": "database-ca", "key": "ca.crt"}},
            "credentialsSecretRef": {"name": server.name},
        }

    def resource(self, **spec: Any) -> Object:
        """Return the DataReplication; `spec` replaces top-level fields."""
        targets = [{"name": name, **self.connection(server)} for name, server in self.lab.targets.items()]
        whole = {
            "source": self.connection(self.lab.source),
            "snapshot": {"persistentVolumeClaim": {"claimName": "snapshots"}},
            "targets": targets,
            "startTimeoutSeconds": 30,
            **spec,
        }
        return {**self._named("DataReplication", self.name), "spec": whole}

    def apply(self, **spec: Any) -> None:
        """Apply the DataReplication."""
        self.lab.cluster.apply(self.resource(**spec))

    def start_run(self, name: str = "now", **spec: Any) -> None:
        """Make a run by hand."""
        self.lab.cluster.apply(
            {**self._named("DataReplicationRun", name), "spec": {"replicationName": self.name, **spec}}
        )

    def run(self, name: str = "now") -> Object:
        """Return the status of a run."""
        return dict(api.get(self.lab.cluster, "dreprun", self.namespace, name).get("status", {}))

    def status(self) -> Object:
        """Return the status of the DataReplication."""
        return dict(api.get(self.lab.cluster, "drep", self.namespace, self.name).get("status", {}))

    def names(self, kind: str) -> list[str]:
        """Return the names of the namespace's objects of a kind."""
        return [item["metadata"]["name"] for item in self.items(kind)]

    def items(self, kind: str) -> list[Object]:
        """Return the namespace's objects of a kind."""
        found: list[Object] = api.get(self.lab.cluster, kind, self.namespace)["items"]
        return found

    def finished_run(self, name: str = "now", seconds: float = 120) -> Object:
        """Wait until a run has ended and return its status."""
        return wait_for(lambda: self.run(name), lambda status: "completionTime" in status, seconds)

    def target_states(self, name: str = "now") -> dict[str, str]:
        """Return each target's phase in a run."""
        return {target["name"]: target["phase"] for target in self.run(name)["targets"]}

    def _named(self, kind: str, name: str) -> Object:
        return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name, "namespace": self.namespace}}


@contextlib.contextmanager
def new_scene(lab: Lab) -> Iterator[Scene]:
    """Make a namespace with Secrets and a claim, and a small database of its own on every server; end all of it."""
    token = uuid.uuid4().hex[:8]
    scene = Scene(lab, f"test-{token}", f"app_{token}")
    space = databases.namespace(scene.namespace)
    lab.cluster.apply(space, claim(scene.namespace), *secrets(lab, scene.namespace))
    create_databases(lab, scene.database)
    try:
        yield scene
    finally:
        lab.cluster.kubectl("delete", "namespace", scene.namespace, "--wait=false")
        drop_databases(lab, scene.database)


def wait_for(look: Callable[[], Object], is_enough: Callable[[Object], bool], seconds: float) -> Object:
    """Look until `is_enough` holds and return what was seen; HarnessError with the last look if it never holds."""
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if is_enough(seen):
            return seen
        if time.monotonic() > deadline:
            raise HarnessError(f"not within {seconds} s; last seen: {seen}")
        time.sleep(POLL_SECONDS)


def create_databases(lab: Lab, name: str, rows: int = 1000) -> None:
    """Make a database of that name on every server: with a small schema and rows on the source, empty on the targets."""
    made = f"CREATE DATABASE {name} OWNER {OWNER};"
    lab.source.psql(
        f"""
        {made}
        \\connect {name}
        SET ROLE {OWNER};
        CREATE TABLE customer (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL);
        CREATE TABLE purchase (id bigint PRIMARY KEY, customer_id bigint REFERENCES customer, amount numeric);
        INSERT INTO customer (name) SELECT 'customer ' || n FROM generate_series(1, {rows}) n;
        INSERT INTO purchase SELECT n, n, n / 7.0 FROM generate_series(1, {rows}) n;
        """
    )
    for server in lab.targets.values():
        server.psql(made)


def drop_databases(lab: Lab, name: str) -> None:
    """Drop the database of that name, and what loads left beside it, on every server."""
    for server in lab.servers:
        server.psql(
            "SELECT format('DROP DATABASE IF EXISTS %I WITH (FORCE)', datname) "
            f"FROM pg_database WHERE datname LIKE '{name}%' \\gexec"
        )
