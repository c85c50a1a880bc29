"""The objects that the operator creates or completes, other than Jobs: runs and the claim for the snapshots."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from datareplication.core import names, times
from datareplication.core.claim import ClaimTemplate
from datareplication.core.run import Run


def run_of_slot(
    owner: Mapping[str, Any],
    spec: Mapping[str, Any],
    slot: datetime,
    interval: tuple[datetime, datetime],
    begun: datetime | None = None,
) -> dict[str, Any]:
    """Return the DataReplicationRun of one slot of `owner` (a DataReplication object), with a copy of its spec.

    begun: now, if the run's Job is made before its status says that the run has begun.
    """
    metadata = owner["metadata"]
    annotations = {"annotations": {names.BEGUN_ANNOTATION: times.to_text(begun)}} if begun else {}
    return {
        "apiVersion": names.API_VERSION,
        "kind": "DataReplicationRun",
        "metadata": {
            "name": names.run_name(metadata["name"], slot),
            "namespace": metadata["namespace"],
            "labels": names.run_labels(metadata["name"]),
            "ownerReferences": [names.owner_reference(dict(owner), "DataReplication")],
            **annotations,
        },
        "spec": {
            "replicationName": metadata["name"],
            "slot": times.to_text(slot),
            "dataInterval": interval_spec(interval),
            "action": "Replicate",
            "replication": dict(spec),
        },
    }


def completion(
    owner: Mapping[str, Any], raw_run: Mapping[str, Any], interval: tuple[datetime, datetime]
) -> dict[str, Any]:
    """Return the merge patch that completes a run that has not begun: owner, labels, data interval, copied spec."""
    spec = raw_run["spec"]
    return adoption(owner, raw_run) | {
        # An interval that the run's creator has set stays as it is: the schema refuses a change.
        "spec": {
            "dataInterval": spec.get("dataInterval") or interval_spec(interval),
            "replication": _replacing(spec.get("replication"), owner["spec"]),
        },
    }


def adoption(owner: Mapping[str, Any], raw_run: Mapping[str, Any]) -> dict[str, Any]:
    """Return the merge patch that makes `owner` the run's owner, if the run has not changed since it was read."""
    return {
        "metadata": {
            "resourceVersion": raw_run["metadata"]["resourceVersion"],
            "labels": names.run_labels(owner["metadata"]["name"]),
            "ownerReferences": [names.owner_reference(dict(owner), "DataReplication")],
        },
    }


def _replacing(old: Any, new: Any) -> Any:
    """Return the merge patch that turns `old` into `new`: null removes the fields that only `old` has."""
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return new
    return dict.fromkeys(old) | {name: _replacing(old.get(name), value) for name, value in new.items()}


def interval_spec(interval: tuple[datetime, datetime]) -> dict[str, str]:
    """Return a data interval in the form of the resource."""
    return {"start": times.to_text(interval[0]), "end": times.to_text(interval[1])}


def claim(run: Run, template: ClaimTemplate) -> dict[str, Any]:
    """Return the claim made from `snapshot.volumeClaimTemplate`. It has no owner: snapshots outlive the resource."""
    replication = run.request.replication_name
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": names.claim_name(replication),
            "namespace": run.namespace,
            "labels": names.run_labels(replication),
        },
        "spec": template.claim_spec,
    }
