"""Deterministic names and labels. The name is the lock: the same slot or step always gets the same name.

No name is hashed or cut: the CRD's rule `size(metadata.name) + size(target name) <= 43` leaves room for the longest
form, `<name>-YYYYMMDDhhmm-load-<target>`, within the 63 characters of a label's value.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

GROUP = "datareplication.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
MANAGED_BY = "datareplication-operator"

DUMP, LOAD = "dump", "load"
PREVIOUS_SUFFIX = "__previous"
"""Of the name that a target's database gets when a load replaces it."""

NAME_LIMIT = 63

REPLICATION_LABEL = f"{GROUP}/replication"
RUN_LABEL = f"{GROUP}/run"
ROLE_LABEL = f"{GROUP}/role"
TARGET_LABEL = f"{GROUP}/target"

RETRY_AT_ANNOTATION = f"{GROUP}/retry-at"
DELAYED_ANNOTATION = f"{GROUP}/delayed-attempts"
BEGUN_ANNOTATION = f"{GROUP}/begun-at"
DEFAULT_CONTAINER_ANNOTATION = "kubectl.kubernetes.io/default-container"
STOPPED_ANNOTATION = f"{GROUP}/stopped"


@dataclass(frozen=True, order=True)
class Step:
    """One part of a run: the dump (target empty) or the load of one target."""

    role: str
    target: str = ""

    def __str__(self) -> str:
        """Return the step's part of its Job's name."""
        return f"{self.role}-{self.target}" if self.target else self.role


@dataclass(frozen=True, order=True)
class Key:
    """One DataReplication, whether it exists or not."""

    namespace: str
    name: str

    def __str__(self) -> str:
        """Return the usual `namespace/name`."""
        return f"{self.namespace}/{self.name}"


DUMP_STEP = Step(DUMP)


def load_step(target: str) -> Step:
    """Return the step that loads `target`."""
    return Step(LOAD, target)


def key_of(replication: dict[str, Any]) -> Key:
    """Return the key of a raw DataReplication."""
    return Key(replication["metadata"]["namespace"], replication["metadata"]["name"])


def run_name(replication: str, slot: datetime) -> str:
    """Return the name of the run of one slot; slots are whole minutes, so no two of them share it."""
    return f"{replication}-{slot.astimezone(UTC):%Y%m%d%H%M}"


def job_name(run: str, step: Step) -> str:
    """Return `<run>-dump` or `<run>-load-<target>`; with a dot after the run if another run's Job could have that name.

    Run `r` with target `load-t` and run `r-load` with target `t` would share a Job. No run has a dot in its name.
    """
    return f"{run}.{step}" if f"-{step.target}".endswith("-dump") or "-load-" in f"-{step.target}" else f"{run}-{step}"


def is_too_long(run: str, targets: Iterable[str]) -> bool:
    """Whether a run's Jobs would have names over Kubernetes' limit."""
    return any(len(job_name(run, step)) > NAME_LIMIT for step in (DUMP_STEP, *map(load_step, targets)))


def claim_name(replication: str) -> str:
    """Return the name of the claim made from `snapshot.volumeClaimTemplate`."""
    return f"{replication}-snapshots"


def variable_prefix(target: str) -> str:
    """Return the prefix of a target's variables: its name in capitals, `-` as `_`."""
    return target.upper().replace("-", "_")


def run_labels(replication: str) -> dict[str, str]:
    """Return the labels of a run."""
    return {"app.kubernetes.io/managed-by": MANAGED_BY, REPLICATION_LABEL: replication}


def job_labels(replication: str, run: str, step: Step) -> dict[str, str]:
    """Return the labels of a Job and its pods."""
    labels = {
        "app.kubernetes.io/name": "datareplication-job",
        "app.kubernetes.io/component": step.role,
        **run_labels(replication),
        RUN_LABEL: run,
        ROLE_LABEL: step.role,
    }
    return labels | ({TARGET_LABEL: step.target} if step.target else {})


def owner_reference(owner: dict[str, Any], kind: str) -> dict[str, Any]:
    """Return the owner reference (controller) to `owner`: Kubernetes deletes owned objects with their owner."""
    return {
        "apiVersion": API_VERSION,
        "kind": kind,
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def is_owned_by(child: dict[str, Any], owner_uid: str) -> bool:
    """Whether `owner_uid` is the child's controller; any other object with that name is foreign."""
    references = child.get("metadata", {}).get("ownerReferences", ())
    return any(reference.get("controller") and reference.get("uid") == owner_uid for reference in references)


def is_of_a_run(child: dict[str, Any]) -> bool:
    """Whether some run is the child's controller, or was until it was deleted."""
    references = child.get("metadata", {}).get("ownerReferences", ())
    return any(one.get("controller") and one.get("kind") == "DataReplicationRun" for one in references)
