"""Specs that several tests start from."""

from typing import Any

MINIMAL: dict[str, Any] = {
    "source": {"host": "prod-db.prod.svc", "database": "app", "credentialsSecretRef": {"name": "prod-db"}},
    "snapshot": {"persistentVolumeClaim": {"claimName": "snapshots"}},
    "targets": [
        {"name": "dev", "host": "dev-db.dev.svc", "database": "app", "credentialsSecretRef": {"name": "dev-db"}}
    ],
}
