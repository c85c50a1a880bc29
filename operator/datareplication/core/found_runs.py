"""The runs that exist, each read by itself: one that cannot be read does not hold up the others."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from datareplication.core import plain, run
from datareplication.core.pods import Why
from datareplication.core.run import Run
from datareplication.errors import SpecError


@dataclass(frozen=True)
class FoundRuns:
    """The runs of one DataReplication."""

    readable: tuple[Run, ...] = ()
    going: tuple[Run, ...] = ()
    """Runs that are being deleted; of an unreadable one only the status."""
    unreadable: tuple[tuple[Run, Why], ...] = ()
    """Other runs that cannot be read: only their status, and why."""


def read_all(found: Iterable[dict[str, Any]]) -> FoundRuns:
    """Return the runs of DataReplicationRun objects, in their order."""
    readable, going, unreadable = [], [], []
    for raw in found:
        try:
            one, fault = run.read(raw), None
        except Exception as error:  # noqa: BLE001 - a run that triggers a defect must not stop the others
            one, fault = _without_spec(raw), why_unreadable(error)
        if "deletionTimestamp" in raw["metadata"]:
            going.append(one)
        elif fault is None:
            readable.append(one)
        else:
            unreadable.append((one, fault))
    return FoundRuns(tuple(readable), tuple(going), tuple(unreadable))


def why_unreadable(error: Exception) -> Why:
    """Return why a run cannot be read or carried out."""
    if isinstance(error, SpecError):
        return Why(error.reason, error.message)
    return Why("OperatorDefect", f"the operator has a defect: {type(error).__name__}: {plain.text(str(error))}")


def _without_spec(raw: dict[str, Any]) -> Run:
    return run.read({**raw, "spec": {"replicationName": "unreadable"}})


def together(parts: Iterable[FoundRuns]) -> FoundRuns:
    """Return several lists of runs as one."""
    parts = tuple(parts)
    return FoundRuns(
        tuple(one for part in parts for one in part.readable),
        tuple(one for part in parts for one in part.going),
        tuple(one for part in parts for one in part.unreadable),
    )
