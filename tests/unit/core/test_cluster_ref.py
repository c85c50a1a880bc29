"""How the database of a CloudNativePG or Crunchy cluster is reached, by the cluster's name."""

from typing import Any

import pytest

from datareplication.core import spec
from datareplication.core.endpoints import Source, Target
from datareplication.errors import SpecError
from support.samples import MINIMAL

CNPG = {"kind": "Cluster", "name": "prod-db"}
CRUNCHY = {"kind": "PostgresCluster", "name": "hippo"}


def source(ref: Any, **more: Any) -> Source:
    return Source.model_validate({"clusterRef": ref, "database": "app", **more})


@pytest.mark.parametrize(
    ("ref", "host", "authority", "secret"),
    [
        (CNPG, "prod-db-rw", "prod-db-ca", ("prod-db-app", "username", "password")),
        ({**CNPG, "service": "Replica"}, "prod-db-ro", "prod-db-ca", ("prod-db-app", "username", "password")),
        ({**CNPG, "user": "superuser"}, "prod-db-rw", "prod-db-ca", ("prod-db-superuser", "username", "password")),
        (CRUNCHY, "hippo-primary", "hippo-cluster-cert", ("hippo-pguser-hippo", "user", "password")),
        (
            {**CRUNCHY, "service": "Replica", "user": "reader"},
            "hippo-replicas",
            "hippo-cluster-cert",
            ("hippo-pguser-reader", "user", "password"),
        ),
    ],
)
def test_what_follows_from_a_clusters_name(
    ref: dict[str, str], host: str, authority: str, secret: tuple[str, str, str]
) -> None:
    found = source(ref)
    assert (found.host, found.port, found.ssl_mode) == (host, 5432, "verify-full")
    assert found.ssl_root_cert
    assert found.ssl_root_cert.secret_key_ref
    assert (found.ssl_root_cert.secret_key_ref.name, found.ssl_root_cert.secret_key_ref.key) == (authority, "ca.crt")
    login = found.credentials_secret_ref
    assert (login.name, login.username_key, login.password_key) == secret


def test_what_is_given_beside_it_wins() -> None:
    mine = {"configMapKeyRef": {"name": "mine", "key": "ca.pem"}}
    found = source(CNPG, port=6432, sslRootCert=mine, credentialsSecretRef={"name": "prod-db-reader"})
    assert (found.host, found.port, found.credentials_secret_ref.name) == ("prod-db-rw", 6432, "prod-db-reader")
    assert found.ssl_root_cert
    assert found.ssl_root_cert.secret_key_ref is None
    unset = source(CNPG, credentialsSecretRef=None, host=None)
    assert unset.credentials_secret_ref.name == "prod-db-app", "null is the same as unset"


def test_a_changed_copy_still_has_it() -> None:
    found = source(CNPG)
    assert found.having(database="other").host == "prod-db-rw"


@pytest.mark.parametrize(
    ("connection", "told"),
    [
        ({"clusterRef": CNPG, "host": "prod-db"}, "spec.source: give either host or clusterRef"),
        ({}, "spec.source.host: Field required"),
        ({"host": "prod-db"}, "spec.source.credentialsSecretRef: Field required"),
        ({"clusterRef": {"kind": "Cluster"}}, "spec.source.clusterRef.name: Field required"),
        ({"clusterRef": {**CNPG, "kind": "postgresql"}}, "spec.source.clusterRef.kind: "),
        ({"clusterRef": {**CNPG, "user": 5}}, "spec.source.clusterRef.user: "),
        ({"clusterRef": {**CNPG, "service": "Any"}}, "spec.source.clusterRef.service: "),
        ({"clusterRef": {**CNPG, "namespace": "prod"}}, "spec.source.clusterRef.namespace: "),
        ({"clusterRef": {**CNPG, "name": "a,b"}}, "spec.source.clusterRef.name: "),
        ({"clusterRef": "prod-db"}, "spec.source.clusterRef: "),
    ],
)
def test_what_is_wrong_is_told_by_its_field(connection: dict[str, Any], told: str) -> None:
    with pytest.raises(SpecError) as caught:
        spec.parse({**MINIMAL, "source": {"database": "app", **connection}})
    assert caught.value.message.startswith(told)


def test_a_target_is_never_a_standby() -> None:
    (sample,) = MINIMAL["targets"]
    target = {"name": sample["name"], "database": "app", "clusterRef": CNPG}
    assert Target.model_validate(target).host == "prod-db-rw"
    with pytest.raises(SpecError, match=r"spec\.targets\[0\]\.clusterRef\.service: "):
        spec.parse({**MINIMAL, "targets": [{**target, "clusterRef": {**CNPG, "service": "Replica"}}]})


@pytest.mark.parametrize("ref", [{"kind": []}, {"kind": "Cluster", "service": []}, {"kind": {}, "user": 1}])
def test_a_cluster_of_the_wrong_types_is_refused_and_breaks_nothing(ref: dict[str, Any]) -> None:
    asked = {**MINIMAL, "source": {"clusterRef": {"name": "prod-db", **ref}, "database": "app"}}
    with pytest.raises(SpecError, match="clusterRef"):
        spec.parse(asked)
