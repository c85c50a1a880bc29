"""The snapshots' claim as a run meets it: (run, raw claim) -> `Volume`, or the claim that has to be made. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from datareplication.core import manifests, objects
from datareplication.core.run import Run


@dataclass(frozen=True)
class Volume:
    """What is known of the snapshots' claim.

    exists: whether there is nothing to wait for, also when the run needs no claim. is_single_node: only pods of one
    node can mount it together. is_single_pod: only one pod can mount it. problem: why it could not be made from its
    template.
    """

    name: str
    exists: bool
    is_single_node: bool = False
    is_single_pod: bool = False
    problem: str = ""


NOT_NEEDED = Volume("", exists=True)
"""What a rollback has: it reads no snapshot."""


def claim_name(run: Run) -> str:
    """Return the name of the claim of a run, whether it is there or not."""
    return manifests.volume_claim(run.spec, run.request.replication_name)


def from_claim(name: str, claim: Mapping[str, Any] | None) -> Volume:
    """Return what the claim of that name shows; None where there is none."""
    if claim is None:
        return Volume(name, exists=False)
    modes = (claim.get("spec") or {}).get("accessModes") or ()
    is_single_node = bool(modes) and "ReadWriteMany" not in modes
    return Volume(name, exists=True, is_single_node=is_single_node, is_single_pod=modes == ["ReadWriteOncePod"])


def is_usable(seen: Volume, run: Run) -> bool:
    """Whether what was seen before is a claim that was there, and the one that a run needs."""
    return seen.exists and seen.name == claim_name(run)


def claim_to_make(run: Run, seen: Volume) -> dict[str, Any] | None:
    """Return the claim to make from the template: for a dump, where it is not there."""
    template = run.spec.snapshot.volume_claim_template
    return None if seen.exists or template is None or not run.has_dump else objects.claim(run, template)


def refused(name: str, message: str) -> Volume:
    """Return what is known of a claim that Kubernetes did not make, with its words."""
    return Volume(name, exists=False, problem=f"spec.snapshot.volumeClaimTemplate: {message}")
