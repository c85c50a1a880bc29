"""Bad input that only a run can find: each message names the field or object and the remedy; no target changes.

What `kubectl apply` refuses is in test_resources.py.
"""

from typing import Any

import pytest

from lab import contents, databases
from lab.replications import OWNER, Scene, wait_for

pytestmark = pytest.mark.cluster

SOON_SECONDS = 60


def missing_secret(scene: Scene) -> dict[str, Any]:
    scene.lab.cluster.kubectl("-n", scene.namespace, "delete", "secret", "prod-db")
    return {}


def wrong_password(scene: Scene) -> dict[str, Any]:
    patch = '{"stringData": {"password": "canary-wrong"}}'
    scene.lab.cluster.kubectl("-n", scene.namespace, "patch", "secret", "prod-db", "--type=merge", "-p", patch)
    return {}


def missing_claim(_: Scene) -> dict[str, Any]:
    return {"snapshot": {"persistentVolumeClaim": {"claimName": "nowhere"}}}


def missing_authority(scene: Scene) -> dict[str, Any]:
    scene.lab.cluster.kubectl("-n", scene.namespace, "delete", "configmap", "database-ca")
    return {}


def quota(scene: Scene) -> dict[str, Any]:
    spec = {"hard": {"pods": "0"}}
    metadata = {"name": "no-pods", "namespace": scene.namespace}
    scene.lab.cluster.apply({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": spec})
    return {}


OF_THE_DUMP = [
    ("missing Secret", missing_secret, ['secret "prod-db" not found', "create the Secret"], ["now-dump"]),
    ("wrong password", wrong_password, ["password"], ["now-dump"]),
    ("missing claim", missing_claim, ["PersistentVolumeClaim 'nowhere'", "create it"], []),
    ("quota", quota, ["exceeded quota: no-pods", "make room in the namespace's quota"], ["now-dump"]),
    ("missing authority", missing_authority, ['configmap "database-ca" not found'], ["now-dump"]),
]


@pytest.mark.parametrize(("sentence", "prepare", "words", "jobs"), OF_THE_DUMP, ids=[row[0] for row in OF_THE_DUMP])
def test_told_in_the_status_before_anything_is_loaded(
    scene: Scene, sentence: str, prepare: Any, words: list[str], jobs: list[str]
) -> None:
    scene.apply(**prepare(scene))
    scene.start_run()
    wait_for(scene.run, lambda status: all(word in status.get("message", "") for word in words), SOON_SECONDS)
    assert scene.names("jobs") == jobs, sentence
    assert "canary-wrong" not in str(scene.run())
    assert all(contents.read(server, scene.database) == {} for server in scene.lab.targets.values())


def without_createdb(scene: Scene) -> dict[str, Any]:
    server = scene.lab.targets["dev"]
    password = databases.ensure_role(server, "no_createdb", "NOSUPERUSER NOCREATEDB")
    server.psql(f"ALTER DATABASE {scene.database} OWNER TO no_createdb")
    scene.lab.cluster.apply(databases.credentials("no-createdb", scene.namespace, "no_createdb", password))
    target = {"name": "dev", **scene.connection(server), "credentialsSecretRef": {"name": "no-createdb"}}
    return {"targets": [target]}


def holding_data(scene: Scene) -> dict[str, Any]:
    server = scene.lab.targets["dev"]
    server.psql("CREATE TABLE precious (id int); INSERT INTO precious VALUES (1)", scene.database)
    server.psql(f"ALTER TABLE precious OWNER TO {OWNER}", scene.database)
    return {"targets": [{"name": "dev", **scene.connection(server)}]}


OF_A_TARGET = [
    ("role without CREATEDB", without_createdb, ["CREATEDB", "ALTER ROLE"]),
    ("database that holds data", holding_data, ["overwrite: Any"]),
]


@pytest.mark.parametrize(("sentence", "prepare", "words"), OF_A_TARGET, ids=[row[0] for row in OF_A_TARGET])
def test_target_that_may_not_be_loaded_stays_as_it_is(
    scene: Scene, sentence: str, prepare: Any, words: list[str]
) -> None:
    changes = prepare(scene)
    before = contents.read(scene.lab.targets["dev"], scene.database)
    scene.apply(**changes)
    scene.start_run()
    status = wait_for(scene.run, lambda seen: "completionTime" in seen, SOON_SECONDS)
    assert status["phase"] == "Failed", sentence
    assert all(word in status["message"] for word in words), status["message"]
    assert contents.read(scene.lab.targets["dev"], scene.database) == before
    names = scene.lab.targets["dev"].psql("SELECT datname FROM pg_database").split()
    assert f"{scene.database}__next" not in names
