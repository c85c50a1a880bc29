"""kopf's decorators and nothing else: each handler turns an event into a key. The event's content is not used."""

from collections.abc import Mapping
from typing import Any

import kopf

from datareplication.controller.queue import WorkQueue
from datareplication.core import names
from datareplication.core.names import Key


def register(registry: kopf.OperatorRegistry, queue: WorkQueue) -> None:
    """Register how kopf logs in, and the handlers that feed `queue`."""

    @kopf.on.login(registry=registry)
    def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
        return kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)

    register_watches(registry, queue)


def register_watches(registry: kopf.OperatorRegistry, queue: WorkQueue) -> None:
    """Register the handlers that feed `queue`. `watching.py` sets the same label selector for Jobs and pods."""

    @kopf.on.event(names.GROUP, names.VERSION, "datareplications", registry=registry)
    async def replication_changed(namespace: str | None, name: str, **_: Any) -> None:
        queue.add(Key(namespace or "", name))

    @kopf.on.event(names.GROUP, names.VERSION, "datareplicationruns", registry=registry)
    async def run_changed(namespace: str | None, spec: Mapping[str, Any], **_: Any) -> None:
        if replication := spec.get("replicationName"):
            queue.add(Key(namespace or "", replication))

    @kopf.on.event("batch", "v1", "jobs", labels={names.REPLICATION_LABEL: kopf.PRESENT}, registry=registry)
    @kopf.on.event("", "v1", "pods", labels={names.REPLICATION_LABEL: kopf.PRESENT}, registry=registry)
    async def job_or_pod_changed(namespace: str | None, labels: Mapping[str, str], **_: Any) -> None:
        queue.add(Key(namespace or "", labels[names.REPLICATION_LABEL]))
