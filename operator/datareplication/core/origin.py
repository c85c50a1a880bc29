"""Whether a run may be carried out, without trusting the run itself: (run, its DataReplication, now) -> Origin. Pure.

Whoever may create runs can write all of a run except its status: its owner, its name, its annotations, its copy of the
spec. Only the operator writes the status. So the copy counts once the status says that the run has begun; until then
the copy is compared with the DataReplication's spec, and overwritten where it differs.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from datareplication.core import concurrency, names, schedule, summary, times
from datareplication.core.pods import Why
from datareplication.core.run import Run, read
from datareplication.core.spec import ReplicationSpec
from datareplication.core.state import ReplicationStatus, read_status
from datareplication.errors import SpecError

Origin = Literal["Ours", "Early", "Restored"]
"""Ours: to be carried out. Early: the run has the name of a slot that is not due yet; it is ignored. Restored: the run
has begun before, or pretends to; it is ended and never carried out."""

RESTORED = Why(
    "RestoredWithoutStatus",
    "the run has the fields that the operator fills in, but no status: it has begun before, or was copied from a run "
    "that has, and is not carried out again; make a new run with spec.replicationName and the other fields that you "
    "want, without dataInterval and replication",
)


@dataclass(frozen=True)
class Known:
    """A DataReplication at one moment."""

    replication: Mapping[str, Any]
    parsed: ReplicationSpec | None
    """Its spec; None when that is invalid."""
    old: ReplicationStatus
    now: datetime

    @property
    def handled(self) -> datetime:
        """Return up to when slots are handled: the last slot that was run, or since when slots count."""
        since = self.old.schedule.since if self.old.schedule else None
        since = since if since and times.is_believed(since, self.now) else None
        created = times.from_text(self.replication["metadata"]["creationTimestamp"])
        return max(filter(None, (summary.last_slot(self.old, (), self.now), since or created)))


def judged_by(replication: Mapping[str, Any], parsed: ReplicationSpec | None, now: datetime) -> Known:
    """Return the facts by which runs are judged; parsed is None for a spec that is invalid."""
    return Known(replication, parsed, read_status(ReplicationStatus, dict(replication)), now)


def verdict(run: Run, known: Known) -> Origin:
    """Return whether a run may be carried out."""
    if run.raw.get("status"):
        return "Restored" if _is_set_aside(run) else "Ours"
    request = run.request
    if request.slot is None:
        # The operator writes a status before it fills in both.
        return "Restored" if request.replication and request.data_interval else "Ours"
    if request.slot > known.now:
        return "Early"
    return "Ours" if _is_new_slots(run, request.slot, known) else "Restored"


@dataclass(frozen=True)
class SortedRuns:
    """Runs of one DataReplication: `ours` are carried out, `restored` are ended; early runs are in neither."""

    ours: tuple[Run, ...]
    restored: tuple[Run, ...]


def sort_runs(runs: Iterable[Run], known: Known) -> SortedRuns:
    """Return which runs of one DataReplication are carried out and which are ended, in their order."""
    judged = [(one, verdict(one, known)) for one in runs]
    ours = _begun_in_turn(tuple(one for one, origin in judged if origin == "Ours"), known)
    return SortedRuns(ours, tuple(one for one, origin in judged if origin == "Restored"))


def is_run_of_slot(raw: dict[str, Any], slot: datetime, known: Known) -> bool:
    """Whether a run with a slot's name was made for that slot of this DataReplication."""
    is_owned = names.is_owned_by(raw, known.replication["metadata"]["uid"])
    if not is_owned or raw["spec"].get("slot") != times.to_text(slot):
        return False
    try:
        return verdict(read(raw), known) == "Ours"
    except SpecError:
        return False


Completion = Literal["AsItIs", "Adopt", "Complete"]
"""Adopt: the run has lost its owner and gets it back. Complete: the run also gets the fields that the operator fills
in."""


def completion(run: Run, replication: Mapping[str, Any], parsed: ReplicationSpec) -> Completion:
    """Return what a run lacks. A run that has begun keeps its copy, and its owner if it has one.

    A run that another object owns is deleted with that object.
    """
    is_owned = names.is_owned_by(run.raw, replication["metadata"]["uid"])
    if run.is_finished or run.is_admitted:
        return "AsItIs" if is_owned or run.raw["metadata"].get("ownerReferences") else "Adopt"
    return "AsItIs" if is_owned and run.request.replication == parsed else "Complete"


def _is_new_slots(run: Run, slot: datetime, known: Known) -> bool:
    """Whether a run without a status can be one that the operator has made for a slot.

    The DataReplication's status counts a slot as run only after the status of its run was written. A run that began at
    its creation has a Job made from its copy of the spec, so the copy is not overwritten: it must equal the spec.
    """
    owner = known.replication["metadata"]["uid"]
    is_like_ours = names.is_owned_by(run.raw, owner) and run.request.targets is None
    is_unchanged = not run.is_admitted or run.request.replication == known.parsed
    return is_like_ours and is_unchanged and slot > known.handled and _is_of_schedule(slot, known.parsed)


def _is_of_schedule(slot: datetime, parsed: ReplicationSpec | None) -> bool:
    """Whether there is such a slot. Under an invalid spec any slot passes: no run begins then."""
    return parsed is None or (parsed.schedule is not None and schedule.has_slot(parsed.schedule, slot))


def _begun_in_turn(runs: tuple[Run, ...], known: Known) -> tuple[Run, ...]:
    """Return runs as begun only if their status says so, or if they could have begun at their creation."""
    begun = [one for one in runs if one.raw.get("status") and one.is_admitted and not one.is_finished]
    is_full = known.parsed is not None and len(begun) >= concurrency.limit(known.parsed)
    return tuple(one if one.raw.get("status") else _begun_if(one, known, is_full=is_full) for one in runs)


def _begun_if(run: Run, known: Known, *, is_full: bool) -> Run:
    slot, begun = run.request.slot, run.status.start_time
    if slot is None or begun is None or (slot <= begun <= known.now and not is_full):
        return run
    return replace(run, status=run.status.having(start_time=None))


def _is_set_aside(run: Run) -> bool:
    return any(one.type == "Finished" and one.reason == RESTORED.reason for one in run.status.conditions)
