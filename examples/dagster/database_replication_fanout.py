"""Dagster starts the refresh of the lower environments; each target is an asset.

A Dagster run has one DataReplicationRun, for the assets that the run materializes. Its name follows from the Dagster
run's id: whichever step comes first creates it, the others find it, and so does a retry. A run that Dagster has started
in place of one that was killed goes on with the first one's.
"""

import hashlib
import time
from datetime import datetime
from typing import Any

import dagster as dg
from kubernetes import client, config

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


class Cluster(dg.ConfigurableResource[Any]):
    """The cluster that Dagster runs in; outside of one, the cluster of the kubeconfig."""

    def api(self) -> client.CustomObjectsApi:
        """Return the part of the API that knows custom resources."""
        try:
            config.load_incluster_config()
        except config.ConfigException:
            config.load_kube_config()
        return client.CustomObjectsApi()


def key_of(target: str) -> dg.AssetKey:
    """Return the key of a target's asset."""
    return dg.AssetKey([REPLICATION.replace("-", "_"), target])


def run_name(context: dg.AssetExecutionContext) -> str:
    """Return the name that belongs to the Dagster run, short enough to become part of Jobs' names."""
    run = context.run
    while "dagster/retry_number" in run.tags and run.parent_run_id:  # Dagster's own retry of a run
        run = context.instance.get_run_by_id(run.parent_run_id) or run
    digest = hashlib.sha256(run.run_id.encode()).hexdigest()
    return f"{REPLICATION}-r{digest[:12]}"


def chosen_targets(run: dg.DagsterRun) -> list[str]:
    """Return the targets whose assets the Dagster run materializes."""
    assets, steps = run.asset_selection, run.step_keys_to_execute
    chosen = [one for one in TARGETS if assets is None or key_of(one) in assets]
    return [one for one in chosen if steps is None or key_of(one).to_python_identifier() in steps]


def create_run(api: client.CustomObjectsApi, name: str, run: dg.DagsterRun) -> None:
    """Create the Run, unless it is there: then another step or an earlier try has created it."""
    body = {
        "apiVersion": "datareplication.dev/v1alpha1",
        "kind": "DataReplicationRun",
        "metadata": {"name": name, "annotations": {"requested-by": f"dagster {run.run_id}"}},
        "spec": {"replicationName": REPLICATION, "targets": chosen_targets(run)},
    }
    try:
        api.create_namespaced_custom_object(**RUNS, body=body)
    except client.ApiException as error:
        if "AlreadyExists" not in str(error.body):
            raise


def wait_for_load(api: client.CustomObjectsApi, name: str, target: str) -> dict[str, Any]:
    """Return what the Run says of a target that it has loaded. Failure says why it was not."""
    while True:
        run: Any = api.get_namespaced_custom_object(**RUNS, name=name)
        status = run.get("status", {})
        load: dict[str, Any] = next((one for one in status.get("targets", ()) if one["name"] == target), {})
        is_finished = any(one["type"] == "Finished" and one["status"] == "True" for one in status.get("conditions", ()))
        if load.get("phase") == "Succeeded":
            return load
        if is_finished or load.get("phase") == "Failed":
            # The operator has retried what can be retried; Dagster's retries are for errors of the API.
            message = f"{name}: {target}: {load.get('message') or status.get('message')}"
            raise dg.Failure(message, allow_retries=False)
        time.sleep(LOOK_EVERY_SECONDS)


def asset_of(target: str) -> dg.AssetsDefinition:
    """Return the asset that a target is."""

    @dg.asset(
        key=key_of(target),
        group_name="environments",
        description=f"The database of {target}: production's, as of the snapshot's time",
        tags={"nightly": ""},
        kinds={"postgres"},
        retry_policy=dg.RetryPolicy(max_retries=2, delay=RETRY_DELAY_SECONDS),
    )
    def copy(context: dg.AssetExecutionContext, cluster: Cluster) -> dg.MaterializeResult[None]:
        api, name = cluster.api(), run_name(context)
        create_run(api, name, context.run)
        load = wait_for_load(api, name, target)
        metadata = {
            "dagster/row_count": load["rows"],
            "bytes": load["bytes"],
            "snapshot_time": dg.MetadataValue.timestamp(datetime.fromisoformat(load["snapshotTime"])),
            "snapshot": load["snapshot"],
            "run": name,
        }
        return dg.MaterializeResult(metadata=metadata)

    return copy


assets = [asset_of(target) for target in TARGETS]
refresh = dg.define_asset_job(
    "database_replication_fanout",
    selection=dg.AssetSelection.assets(*assets),
    description="Nightly refresh of the lower environments",
    tags={"nightly": "true"},
)
defs = dg.Definitions(
    assets=assets,
    jobs=[refresh],
    schedules=[dg.ScheduleDefinition(job=refresh, cron_schedule="@daily", execution_timezone="UTC")],
    resources={"cluster": Cluster()},
)
