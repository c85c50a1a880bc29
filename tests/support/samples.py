"""Specs and runs that several tests start from."""

from datetime import UTC, datetime
from typing import Any

from datareplication.core import run
from datareplication.core.run import Run

MINIMAL: dict[str, Any] = {
    "source": {"host": "prod-db.prod.svc", "database": "app", "credentialsSecretRef": {"name": "prod-db"}},
    "snapshot": {"persistentVolumeClaim": {"claimName": "snapshots"}},
    "targets": [
        {"name": "dev", "host": "dev-db.dev.svc", "database": "app", "credentialsSecretRef": {"name": "dev-db"}}
    ],
}

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NOON_TEXT = "2026-03-02T12:00:00Z"
OWNER: dict[str, Any] = {
    "metadata": {"name": "r", "namespace": "data", "uid": "owner", "creationTimestamp": "2026-03-01T00:00:00Z"},
    "spec": MINIMAL,
}


def raw_run(name: str, status: dict[str, Any] | None = None, *, owner: str = "owner", **request: Any) -> dict[str, Any]:
    """A DataReplicationRun object, completed by the operator; no owner where that is empty."""
    references = [{"kind": "DataReplication", "name": "r", "uid": owner, "controller": True}] if owner else []
    return {
        "metadata": {
            "name": name,
            "namespace": "data",
            "uid": name,
            "resourceVersion": "1",
            "creationTimestamp": "2026-03-02T11:00:00Z",
            "ownerReferences": references,
        },
        "spec": {"replicationName": "r", "replication": MINIMAL, **request},
    } | ({"status": status} if status else {})


def a_run(name: str, status: dict[str, Any] | None = None, **request: Any) -> Run:
    return run.read(raw_run(name, status, **request))


BEGUN = {"phase": "Dumping", "startTime": NOON_TEXT}
ENDED = {"phase": "Succeeded", "startTime": NOON_TEXT, "completionTime": NOON_TEXT}
