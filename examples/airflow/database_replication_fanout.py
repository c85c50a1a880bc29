"""Airflow starts the refresh of the lower environments, and shows each target as a task of its own.

A DAG run has one DataReplicationRun, whose name follows from the DAG run's id: a retry, or another worker after the
first one was killed, finds the Run that is there and waits for it. Clearing a target's task loads that target again.
"""

import hashlib
from datetime import timedelta
from typing import Any

import pendulum
from airflow.providers.cncf.kubernetes.hooks.kubernetes import KubernetesHook
from airflow.sdk import CronDataIntervalTimetable, PokeReturnValue, dag, task
from airflow.sdk.exceptions import AirflowFailException
from kubernetes.client import ApiException

NAMESPACE = "data"
REPLICATION = "prod-fanout"  # it has no schedule of its own
TARGETS = ["dev", "staging", "qa"]
RETRY_DELAY = timedelta(minutes=5)
LOOK_EVERY_SECONDS = 30
GIVE_UP_SECONDS = 7 * 3600  # later than the DataReplication's timeoutSeconds

RUNS: dict[str, Any] = {
    "group": "datareplication.dev",
    "version": "v1alpha1",
    "namespace": NAMESPACE,
    "plural": "datareplicationruns",
}


def run_name(context: Any, *more: object) -> str:
    """Return the name of the DAG run's Run, short enough to become part of Jobs' names."""
    parts = (context["dag_run"].dag_id, context["run_id"], *more)
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()
    return f"{REPLICATION}-r{digest[:12]}"


def create_run(name: str, targets: list[str], context: Any) -> None:
    """Create the Run, unless it is there: then an earlier try has created it."""
    spec: dict[str, Any] = {"replicationName": REPLICATION, "targets": targets}
    start, end = context.get("data_interval_start"), context.get("data_interval_end")
    if start and end:  # a DAG run that somebody triggered may have no interval
        spec["dataInterval"] = {"start": start.isoformat(), "end": end.isoformat()}
    requested_by = f"airflow {context['dag_run'].dag_id} {context['run_id']}"
    body = {
        "apiVersion": "datareplication.dev/v1alpha1",
        "kind": "DataReplicationRun",
        "metadata": {"name": name, "annotations": {"requested-by": requested_by}},
        "spec": spec,
    }
    try:
        KubernetesHook().custom_object_client.create_namespaced_custom_object(**RUNS, body=body)
    except ApiException as error:
        if "AlreadyExists" not in str(error.body):
            raise


@dag(
    dag_display_name="Database Replication Fanout",
    description="Nightly refresh of the lower environments",
    tags=["nightly"],
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    start_date=pendulum.datetime(2024, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": RETRY_DELAY},
    doc_md=__doc__,
)
def database_replication_fanout() -> None:
    """One task starts the Run; one task for each target waits until that target is loaded."""

    @task
    def start_run(**context: Any) -> str:
        name = run_name(context)
        create_run(name, TARGETS, context)
        return name

    @task.sensor(mode="reschedule", poke_interval=LOOK_EVERY_SECONDS, timeout=GIVE_UP_SECONDS)
    def copy(target: str, **context: Any) -> PokeReturnValue:
        ti, name = context["ti"], run_name(context)
        if ti.max_tries > ti.task.retries:  # Somebody has cleared this task: a Run for this target alone.
            name = run_name(context, target, ti.max_tries)
            create_run(name, [target], context)
        run = KubernetesHook().custom_object_client.get_namespaced_custom_object(**RUNS, name=name)
        status = run.get("status", {})
        load: dict[str, Any] = next((one for one in status.get("targets", ()) if one["name"] == target), {})
        is_finished = any(one["type"] == "Finished" and one["status"] == "True" for one in status.get("conditions", ()))
        if load.get("phase") == "Succeeded":
            result = {key: load.get(key) for key in ("rows", "bytes", "snapshotTime")}
            return PokeReturnValue(is_done=True, xcom_value=result)
        if is_finished or load.get("phase") == "Failed":
            # The operator has retried what can be retried; Airflow's retries are for errors of the API.
            raise AirflowFailException(f"{name}: {target}: {load.get('message') or status.get('message')}")
        return PokeReturnValue(is_done=False)

    started = start_run()
    for target in TARGETS:
        started >> copy.override(task_id=f"copy_{target}")(target)


database_replication_fanout()
