"""The runs that are there, each read by itself: one that cannot be read holds up no other."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from datareplication.core import plain, run
from datareplication.core.pods import Why
from datareplication.core.run import Run
from datareplication.errors import SpecError


@dataclass(frozen=True)
class FoundRuns:
    """The runs of one DataReplication.

    going: those that are being deleted, as far as they can be read. unreadable: the others that cannot be read, with
    nothing but their status, and why.
    """

    readable: tuple[Run, ...] = ()
    going: tuple[Run, ...] = ()
    unreadable: tuple[tuple[Run, Why], ...] = ()


def read_all(found: Iterable[dict[str, Any]]) -> FoundRuns:
    """Return the runs of DataReplicationRun objects, in their order; one that cannot be read holds up no other."""
    readable, going, unreadable = [], [], []
    for raw in found:
        try:
            one, fault = run.read(raw), None
        except Exception as error:  # noqa: BLE001 - whoever may create runs must not stop those of others by a defect
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
    return Why(
        "OperatorDefect", f"the operator met a defect of its own: {type(error).__name__}: {plain.text(str(error))}"
    )


def _without_spec(raw: dict[str, Any]) -> Run:
    return run.read({**raw, "spec": {"replicationName": "unreadable"}})


def together(parts: Iterable[FoundRuns]) -> FoundRuns:
    """Return the runs of several lists as those of one."""
    parts = tuple(parts)
    return FoundRuns(
        tuple(one for part in parts for one in part.readable),
        tuple(one for part in parts for one in part.going),
        tuple(one for part in parts for one in part.unreadable),
    )
