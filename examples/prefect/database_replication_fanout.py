"""Prefect starts the refresh of the lower environments, and shows each target as a task of its own.

A flow run has one DataReplicationRun, whose name follows from the flow run's id: when the flow run is retried, also
after its process was killed, it finds the Run that is there and waits for it.
"""

import asyncio
import hashlib
from typing import Any

from kubernetes_asyncio.client import ApiException
from prefect import State, Task, flow, runtime, task
from prefect.client.schemas.objects import TaskRun
from prefect.futures import PrefectFuture
from prefect_kubernetes.credentials import KubernetesCredentials

NAMESPACE = "data"
REPLICATION = "prod-fanout"  # it has no schedule of its own
TARGETS = ["dev", "staging", "qa"]
RETRY_DELAY_SECONDS = 300
LOOK_EVERY_SECONDS = 30

RUNS: dict[str, Any] = {
    "group": "datareplication.dev",
    "version": "v1alpha1",
    "namespace": NAMESPACE,
    "plural": "datareplicationruns",
}


class TargetFailedError(RuntimeError):
    """A target has the same data as before. The operator has retried what can be retried."""


async def is_worth_a_retry(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether Prefect should try again: after an error of the API, not after a target's failure."""
    return not isinstance(await state.aresult(raise_on_failure=False), TargetFailedError)


@task(retries=2, retry_delay_seconds=RETRY_DELAY_SECONDS)
async def create_run(name: str, targets: list[str], requested_by: str) -> None:
    """Create the Run, unless it is there: then an earlier try has created it."""
    body = {
        "apiVersion": "datareplication.dev/v1alpha1",
        "kind": "DataReplicationRun",
        "metadata": {"name": name, "annotations": {"requested-by": requested_by}},
        "spec": {"replicationName": REPLICATION, "targets": targets},
    }
    async with KubernetesCredentials().get_client("custom_objects") as api:
        try:
            await api.create_namespaced_custom_object(**RUNS, body=body)
        except ApiException as error:
            if "AlreadyExists" not in str(error.body):
                raise


@task(
    task_run_name="copy {target}",
    retries=2,
    retry_delay_seconds=RETRY_DELAY_SECONDS,
    retry_condition_fn=is_worth_a_retry,
)
async def copy(name: str, target: str) -> dict[str, Any]:
    """Wait until the target is loaded; return its rows, bytes and the time of its data."""
    while True:
        async with KubernetesCredentials().get_client("custom_objects") as api:
            status = (await api.get_namespaced_custom_object(**RUNS, name=name)).get("status", {})
        load: dict[str, Any] = next((one for one in status.get("targets", ()) if one["name"] == target), {})
        is_finished = any(one["type"] == "Finished" and one["status"] == "True" for one in status.get("conditions", ()))
        if load.get("phase") == "Succeeded":
            return {key: load.get(key) for key in ("rows", "bytes", "snapshotTime")}
        if is_finished or load.get("phase") == "Failed":
            raise TargetFailedError(f"{name}: {target}: {load.get('message') or status.get('message')}")
        await asyncio.sleep(LOOK_EVERY_SECONDS)


@flow(name="Database Replication Fanout", description="Nightly refresh of the lower environments")
async def database_replication_fanout(targets: list[str] = TARGETS) -> list[PrefectFuture[Any]]:
    """Start the Run and wait for all its targets; the flow fails when one of them does."""
    digest = hashlib.sha256(runtime.flow_run.id.encode()).hexdigest()
    name = f"{REPLICATION}-r{digest[:12]}"  # short enough to become part of Jobs' names
    await create_run(name, targets, f"prefect {runtime.flow_run.id}")
    return [copy.submit(name, target) for target in targets]


if __name__ == "__main__":
    database_replication_fanout.serve(name="nightly", tags=["nightly"], cron="0 0 * * *", limit=1)
