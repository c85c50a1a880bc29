"""A volumeClaimTemplate larger than its claim: whether to look at the claim, its patch, what to report. Pure."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from datareplication.core import names
from datareplication.core.claim import ClaimTemplate
from datareplication.core.pods import Why
from datareplication.core.quantity import QUANTITY_PATTERN, amount
from datareplication.core.run import Run
from datareplication.core.state import NOT_GROWN, ReplicationStatus


def is_due(old: ReplicationStatus, generation: int, runs: Iterable[Run]) -> bool:
    """Whether to look at the claim: the spec has changed, or there is a dump that may need the room.

    A reported refusal is retried only until the dump runs: the answer seldom changes.
    """
    is_told = any(one.type == NOT_GROWN and one.status == "True" for one in old.conditions)
    dumps = [one.status.dump for one in runs if one.has_dump and not one.is_finished]
    is_about_to_run = any(dump is None or dump.phase in ("Waiting", "Pending") for dump in dumps)
    return old.observed_generation != generation or is_about_to_run or (bool(dumps) and not is_told)


def patch(claim: Mapping[str, Any], template: ClaimTemplate) -> dict[str, Any] | None:
    """Return the merge patch that grows the claim; None when it is large enough or not ours. A claim never shrinks."""
    has, wanted = _storage(claim), _wanted(template)
    is_ours = (claim["metadata"].get("labels") or {}).get("app.kubernetes.io/managed-by") == names.MANAGED_BY
    if not is_ours or not re.match(QUANTITY_PATTERN, has) or amount(wanted) <= amount(has):
        return None
    version = {"resourceVersion": claim["metadata"]["resourceVersion"]}
    return {"metadata": version, "spec": {"resources": {"requests": {"storage": wanted}}}}


def refused(claim: Mapping[str, Any], template: ClaimTemplate, message: str) -> Why:
    """Return what is reported of a claim that Kubernetes refused to grow."""
    wanted, name, has = _wanted(template), claim["metadata"]["name"], _storage(claim)
    return Why(
        "ExpansionRefused",
        f"spec.snapshot.volumeClaimTemplate asks for {wanted} and claim {name} has {has}: Kubernetes refused to grow "
        f"it ({message}); let its StorageClass allow it (allowVolumeExpansion: true), or bring the snapshots to a "
        "larger claim and name that in spec.snapshot.persistentVolumeClaim",
    )


def _storage(claim: Mapping[str, Any]) -> str:
    requests = ((claim.get("spec") or {}).get("resources") or {}).get("requests") or {}
    return str(requests.get("storage", ""))


def _wanted(template: ClaimTemplate) -> str:
    wanted: str = template.claim_spec["resources"]["requests"]["storage"]
    return wanted
