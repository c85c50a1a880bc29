"""Source and target by the names of their clusters, with the Services and Secrets that CloudNativePG and Crunchy make."""

from typing import Any

import pytest

from lab import contents
from lab.databases import Server
from lab.replications import LOADER, READER, Scene

pytestmark = pytest.mark.cluster


def service(scene: Scene, name: str, server: Server) -> dict[str, Any]:
    """Return a Service of the scene's namespace that leads to a server: DNS follows it as it does the operators' own."""
    metadata = {"name": name, "namespace": scene.namespace}
    spec = {"type": "ExternalName", "externalName": f"{server.host}.cluster.local"}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def secret(scene: Scene, name: str, **data: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": scene.namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}


def as_cloudnativepg(scene: Scene, server: Server) -> list[dict[str, Any]]:
    """Return what CloudNativePG makes for a Cluster, as far as clients use it."""
    login = {
        "username": READER,
        "password": scene.lab.passwords[server.name],
        "dbname": "app",
        "host": f"{server.name}-rw",
    }
    return [
        service(scene, f"{server.name}-rw", server),
        secret(scene, f"{server.name}-ca", **{"ca.crt": scene.lab.certificate, "ca.key": "not for clients"}),
        secret(scene, f"{server.name}-app", **login),
    ]


def as_crunchy(scene: Scene, server: Server) -> list[dict[str, Any]]:
    """Return what Crunchy makes for a PostgresCluster with a user `loader`, as far as clients use it."""
    tls = {"ca.crt": scene.lab.certificate, "tls.crt": "not for clients", "tls.key": "not for clients"}
    login = {"user": LOADER, "password": scene.lab.passwords[server.name], "dbname": "app", "uri": "not used"}
    return [
        service(scene, f"{server.name}-primary", server),
        secret(scene, f"{server.name}-cluster-cert", **tls),
        secret(scene, f"{server.name}-pguser-loader", **login),
    ]


def test_a_cloudnativepg_cluster_is_copied_into_a_crunchy_cluster_by_their_names(scene: Scene) -> None:
    """With sslMode verify-full: the certificates hold the names of these Services."""
    source, dev = scene.lab.source, scene.lab.targets["dev"]
    cluster = scene.lab.cluster
    cluster.kubectl("-n", scene.namespace, "delete", "secret", source.name, dev.name)
    cluster.apply(*as_cloudnativepg(scene, source), *as_crunchy(scene, dev))
    scene.apply(
        source={"clusterRef": {"kind": "Cluster", "name": source.name}, "database": scene.database},
        targets=[
            {
                "name": "dev",
                "clusterRef": {"kind": "PostgresCluster", "name": dev.name, "user": "loader"},
                "database": scene.database,
            }
        ],
    )
    scene.start_run()
    status = scene.finished_run()
    assert status["phase"] == "Succeeded", status["message"]
    assert contents.read(dev, scene.database) == contents.read(source, scene.database)
    mounted = [volume for pod in scene.items("pods") for volume in pod["spec"]["volumes"] if volume["name"] == "tls"]
    assert [[item["key"] for item in volume["secret"]["items"]] for volume in mounted] == [["ca.crt"]] * 2


def test_a_cluster_that_is_not_there_is_told(scene: Scene) -> None:
    scene.apply(source={"clusterRef": {"kind": "Cluster", "name": "nowhere"}, "database": scene.database})
    scene.start_run()
    status = scene.finished_run()
    assert status["phase"] == "Failed"
    assert "nowhere-" in status["message"], "the Secret's name"
