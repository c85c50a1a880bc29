"""The snapshots' claim as a run finds it: (run, raw claim) -> `Volume`, or the claim that has to be made. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from datareplication.core import manifests, objects
from datareplication.core.run import Run


@dataclass(frozen=True)
class Volume:
    """What is known of the snapshots' claim."""

    name: str
    exists: bool
    """Whether there is nothing to wait for: the claim exists, or the run needs none."""
    is_single_node: bool = False
    """Whether only pods of one node can mount the volume together."""
    is_single_pod: bool = False
    """Whether only one pod can mount the volume."""
    problem: str = ""
    """Why the claim could not be made from its template."""


NOT_NEEDED = Volume("", exists=True)
"""For a rollback, which reads no snapshot."""


def claim_name(run: Run) -> str:
    """Return the name of a run's claim, whether the claim exists or not."""
    return manifests.volume_claim(run.spec, run.request.replication_name)


def from_claim(name: str, claim: Mapping[str, Any] | None) -> Volume:
    """Return what the claim of that name shows; claim: None if it does not exist."""
    if claim is None:
        return Volume(name, exists=False)
    modes = (claim.get("spec") or {}).get("accessModes") or ()
    is_single_node = bool(modes) and "ReadWriteMany" not in modes
    return Volume(name, exists=True, is_single_node=is_single_node, is_single_pod=modes == ["ReadWriteOncePod"])


def is_usable(seen: Volume, run: Run) -> bool:
    """Whether the claim that was seen before existed, and is the one that a run needs."""
    return seen.exists and seen.name == claim_name(run)


def claim_to_make(run: Run, seen: Volume) -> dict[str, Any] | None:
    """Return the claim to make from the template if a dump needs it and it does not exist."""
    template = run.spec.snapshot.volume_claim_template
    return None if seen.exists or template is None or not run.has_dump else objects.claim(run, template)


def refused(name: str, message: str) -> Volume:
    """Return what is known of a claim that Kubernetes refused to create; message: Kubernetes' own."""
    return Volume(name, exists=False, problem=f"spec.snapshot.volumeClaimTemplate: {message}")
