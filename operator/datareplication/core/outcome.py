"""What a look at a DataReplication leaves behind: when to look again, and what a resync finds changed. Pure.

It is all that the operator remembers of a resource, and only saves looks: without it everything is looked at anew.
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
"""How often is looked at what is being ended: an event of its Jobs may be missed."""


@dataclass(frozen=True)
class Outcome:
    """What one reconcile asks for: when to come again at the latest; `is_gone` when there is nothing to come for.

    seen: the `versions` it was decided by. rests_until: its next slot, where the resource is in order and all its runs
    have ended.
    """

    requeue_at: datetime | None = None
    is_gone: bool = False
    seen: int = 0
    rests_until: datetime | None = None


def without_replication(
    runs: Iterable[Run], beside: Iterable[Run], requeues: Iterable[datetime | None], now: datetime
) -> Outcome:
    """Return what is left of a DataReplication that is gone.

    runs: those that go on without it. beside: those that are being ended.
    """
    beside = tuple(beside)
    again = min(filter(None, (*requeues, _until_closed(beside, now))), default=None)
    return Outcome(again, is_gone=all(one.is_finished for one in (*runs, *beside)))


def of_invalid(
    status: ReplicationStatus, beside: Iterable[Run], requeues: Iterable[datetime | None], now: datetime
) -> Outcome:
    """Return when to look again at one whose spec is invalid. beside: runs that are being ended."""
    moments = (summary.looked_at_again(status, now), *requeues, _until_closed(beside, now))
    return Outcome(min(filter(None, moments), default=None))


def of_valid(
    status: ReplicationStatus,
    runs: Iterable[Run],
    beside: Iterable[Run],
    requeues: Iterable[datetime | None],
    now: datetime,
) -> Outcome:
    """Return when to look again at one in order: at its next slot at the latest. beside: runs that are being ended."""
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
    """Whether a DataReplication rested until a slot that is due. left: how it was left, None when nobody looked."""
    return left is not None and left.rests_until is not None and left.rests_until <= now


def kept(one: dict[str, Any]) -> dict[str, Any]:
    """Return what a resync needs of a DataReplication or a run: there may be many, and large ones."""
    metadata = {name: one["metadata"].get(name) for name in ("name", "namespace", "uid", "resourceVersion")}
    name, end = (one.get("spec") or {}).get("replicationName"), (one.get("status") or {}).get("completionTime")
    return {"metadata": metadata, "spec": {"replicationName": name}, "status": {"completionTime": end}}


def versions(replication: Mapping[str, Any], runs: Iterable[Mapping[str, Any]]) -> int:
    """Return a number that changes when the DataReplication or one of its runs does; of use in this process only."""
    found = [(one["metadata"]["uid"], one["metadata"]["resourceVersion"]) for one in (replication, *runs)]
    return hash(tuple(sorted(found)))


def to_look_at(
    left: Mapping[Key, Outcome], namespace: str, replications: list[dict[str, Any]], runs: list[dict[str, Any]]
) -> tuple[Key, ...]:
    """Return what a resync has to look at: what has changed since it was left, has a run that goes on, or is gone.

    namespace: of the objects, empty for all of them. A run that has not ended may have a Job or a claim of which no
    event came.
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
