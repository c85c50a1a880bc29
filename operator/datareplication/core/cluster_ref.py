"""Clusters of CloudNativePG and Crunchy: a cluster's name -> how to reach its database, by convention. Pure.

Nothing is asked: the operator has no right on these objects, and needs none.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from datareplication.core.model import Model, ObjectName

ClusterKind = Literal["Cluster", "PostgresCluster"]
Service = Literal["Primary", "Replica"]

SERVICES: dict[ClusterKind, dict[Service, str]] = {
    "Cluster": {"Primary": "{name}-rw", "Replica": "{name}-ro"},
    "PostgresCluster": {"Primary": "{name}-primary", "Replica": "{name}-replicas"},
}
"""https://cloudnative-pg.io/documentation/current/service_management/; for Crunchy the tutorial "Connect to a Postgres
Cluster", and the names in its servers' certificates."""

AUTHORITIES: dict[ClusterKind, str] = {"Cluster": "{name}-ca", "PostgresCluster": "{name}-cluster-cert"}


class TargetClusterRef(Model):
    """A cluster of CloudNativePG or Crunchy in the resource's own namespace."""

    kind: ClusterKind = Field(description="Cluster for CloudNativePG, PostgresCluster for Crunchy.")
    name: ObjectName = Field(description="Name of the cluster, in the resource's own namespace.")
    user: ObjectName | None = Field(
        None, description="Whose Secret is used. Unset: app for a Cluster, the cluster's name for a PostgresCluster."
    )


class SourceClusterRef(TargetClusterRef):
    """The same for a database that is only read."""

    service: Service = Field("Primary", description="Replica reads from a standby.")


def derived(ref: Mapping[str, Any]) -> dict[str, Any]:
    """Return host, sslRootCert and credentialsSecretRef of a `clusterRef`, as they would stand in the resource.

    Nothing for one that is wrong: its own faults are told.
    """
    kind, name, service, user = (ref.get(field) for field in ("kind", "name", "service", "user"))
    if not isinstance(name, str) or not isinstance(user, str | None) or not isinstance(service, str | None):
        return {}
    if kind not in tuple(SERVICES):  # a dict would have to hash it
        return {}
    host: str = dict[Any, str](SERVICES[kind]).get(service or "Primary", "")
    return {
        "host": host.format(name=name),
        "sslRootCert": {"secretKeyRef": {"name": AUTHORITIES[kind].format(name=name), "key": "ca.crt"}},
        "credentialsSecretRef": _secret(kind, name, user),
    }


def _secret(kind: ClusterKind, name: str, user: str | None) -> dict[str, str]:
    if kind == "PostgresCluster":
        return {"name": f"{name}-pguser-{user or name}", "usernameKey": "user"}
    return {"name": f"{name}-{user or 'app'}"}
