"""What a look at a DataReplication leaves behind: when to look again, and what a resync finds changed. Pure.

An `Outcome` is all that the operator remembers of a resource. It only saves requests: without it every resource is
looked at anew.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from datareplication.core import summary
from datareplication.core.names import Key, key_of
from datareplication.core.run import Run
from datareplication.core.state import ReplicationStatus

CLOSING_SECONDS = 10
"""How often runs that are being ended are looked at: an event of their Jobs may be missed."""


@dataclass(frozen=True)
class Outcome:
    """What one reconcile asks for."""

    requeue_at: datetime | None = None
    """When to reconcile again at the latest."""
    is_gone: bool = False
    """Whether nothing is left to reconcile."""
    seen: int = 0
    """The `versions` that the reconcile has seen."""
    rests_until: datetime | None = None
    """The next slot, if the resource is in order and all its runs have ended."""


def without_replication(
    runs: Iterable[Run], beside: Iterable[Run], requeues: Iterable[datetime | None], now: datetime
) -> Outcome:
    """Return the outcome for a DataReplication that is gone.

    runs: runs that go on without it. beside: runs that are being ended.
    """
    beside = tuple(beside)
    again = min(filter(None, (*requeues, _until_closed(beside, now))), default=None)
    return Outcome(again, is_gone=all(one.is_finished for one in (*runs, *beside)))


def of_invalid(
    status: ReplicationStatus, beside: Iterable[Run], requeues: Iterable[datetime | None], now: datetime
) -> Outcome:
    """Return when to look again at a DataReplication with an invalid spec. beside: runs that are being ended."""
    moments = (summary.looked_at_again(status, now), *requeues, _until_closed(beside, now))
    return Outcome(min(filter(None, moments), default=None))


def of_valid(
    status: ReplicationStatus,
    runs: Iterable[Run],
    beside: Iterable[Run],
    requeues: Iterable[datetime | None],
    now: datetime,
) -> Outcome:
    """Return when to look again at a valid DataReplication: at its next slot at the latest.

    beside: runs that are being ended.
    """
    beside = tuple(beside)
    slot = status.next_schedule_time
    moments = (slot, summary.looked_at_again(status, now), *requeues, _until_closed(beside, now))
    again = min((moment for moment in moments if moment and moment > now), default=None)
    rests = all(one.is_finished for one in (*runs, *beside))
    return Outcome(again, rests_until=slot if rests else None)


def _until_closed(beside: Iterable[Run], now: datetime) -> datetime | None:
    is_open = any(not one.is_finished for one in beside)
    return now + timedelta(seconds=CLOSING_SECONDS) if is_open else None


def is_slot_of_rest(left: Outcome | None, now: datetime) -> bool:
    """Whether a DataReplication rested until a slot that is due. left: its last outcome, None without one."""
    return left is not None and left.rests_until is not None and left.rests_until <= now


def kept(one: dict[str, Any]) -> dict[str, Any]:
    """Return what a resync needs of a DataReplication or a run: there may be many, and large ones."""
    metadata = {name: one["metadata"].get(name) for name in ("name", "namespace", "uid", "resourceVersion")}
    name, end = (one.get("spec") or {}).get("replicationName"), (one.get("status") or {}).get("completionTime")
    return {"metadata": metadata, "spec": {"replicationName": name}, "status": {"completionTime": end}}


def versions(replication: Mapping[str, Any], runs: Iterable[Mapping[str, Any]]) -> int:
    """Return a number that changes when the DataReplication or one of its runs does; valid in this process only."""
    found = [(one["metadata"]["uid"], one["metadata"]["resourceVersion"]) for one in (replication, *runs)]
    return hash(tuple(sorted(found)))


def to_look_at(
    left: Mapping[Key, Outcome], namespace: str, replications: list[dict[str, Any]], runs: list[dict[str, Any]]
) -> tuple[Key, ...]:
    """Return what a resync has to look at: what has changed since the last look, has an unfinished run, or is gone.

    namespace: of the objects; empty for all namespaces. An unfinished run may have a Job or a claim of which no event
    came.
    """
    by_key: dict[Key, list[dict[str, Any]]] = {}
    for run in runs:
        if name := (run.get("spec") or {}).get("replicationName"):
            by_key.setdefault(Key(run["metadata"]["namespace"], name), []).append(run)
    there = {key_of(item): item for item in replications}
    changed = [key for key, item in there.items() if _has_changed(left.get(key), item, by_key.get(key, []))]
    going_on = [key for key, found in by_key.items() if not all(map(_has_ended, found))]
    gone = [key for key in left if namespace in ("", key.namespace) and key not in there]
    return tuple(dict.fromkeys((*changed, *going_on, *gone)))


def _has_changed(left: Outcome | None, replication: Mapping[str, Any], runs: list[dict[str, Any]]) -> bool:
    return left is None or left.seen != versions(replication, runs)


def _has_ended(run: Mapping[str, Any]) -> bool:
    return bool((run.get("status") or {}).get("completionTime"))
