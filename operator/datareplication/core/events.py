"""Which Events a change of status causes: (old status, new status) -> tuple of `Note`. Pure."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from datareplication.core import names, plain, times, words
from datareplication.core.outbox import Delivery, Notice
from datareplication.core.phases import RunPhase
from datareplication.core.reasons import Reason, Word
from datareplication.core.report import ROLLED_BACK
from datareplication.core.run import Run
from datareplication.core.schedule import CATCHUP_LIMIT, LOOK_BACK, Decision
from datareplication.core.state import ROLLING_BACK, ReplicationStatus, RunStatus, TargetStep


@dataclass(frozen=True)
class Note:
    """One Event: its type, its reason, and a message for people."""

    type: Literal["Normal", "Warning"]
    reason: Word
    message: str


ENDED: dict[RunPhase, Reason] = {
    "Succeeded": "RunSucceeded",
    "PartiallyFailed": "RunPartiallyFailed",
    "Failed": "RunFailed",
    "Replaced": "RunReplaced",
}
"""Phase of an ended run -> reason of its Event."""


def of_run(old: RunStatus, new: RunStatus) -> tuple[Note, ...]:
    """Return the Events of a run's change."""
    notes = []
    before = {target.name: target.phase for target in old.targets}
    if new.dump and new.dump.phase == "Succeeded" and not (old.dump and old.dump.phase == "Succeeded"):
        text = new.dump.message or f"{new.dump.tables} tables, {words.count(new.dump.rows)} rows"
        notes.append(Note("Normal", "SnapshotPublished", f"{new.snapshot}: {text}"))
    ended = [target for target in new.targets if target.is_finished and target.phase != before.get(target.name)]
    notes.extend(map(_of_target, ended))
    if new.completion_time and not old.completion_time:
        is_good = new.phase == "Succeeded"
        message = new.message or f"{new.targets_summary} targets loaded in {new.duration}"
        notes.append(Note("Normal" if is_good else "Warning", ENDED[new.phase], message))
    elif new.phase != "Pending" and new.message not in ("", ROLLING_BACK, old.message):
        notes.append(Note("Warning", "RunWaiting", new.message))
    return tuple(notes)


def _of_target(target: TargetStep) -> Note:
    if target.phase == "Succeeded":
        text = target.message or f"{words.count(target.rows)} rows"
        reason = ROLLED_BACK if target.reason == ROLLED_BACK else "LoadSucceeded"
        return Note("Normal", reason, f"{target.name}: {text}")
    return Note("Warning", "LoadFailed", f"{target.name}: {target.reason}: {target.message}")


def of_replication(old: ReplicationStatus, new: ReplicationStatus) -> tuple[Note, ...]:
    """Return the Events of a DataReplication's change; its runs have Events of their own."""
    if new.phase == "Invalid" and (old.phase, old.message) != (new.phase, new.message):
        return (Note("Warning", "InvalidSpec", new.message),)
    if old.phase == "Invalid" and new.phase != "Invalid":
        return (Note("Normal", "Accepted", "the spec is valid again"),)
    held = next((c for c in new.conditions if c.type == "Held" and c.reason == "DependsOnPast"), None)
    was_held = any(c.type == "Held" and c.reason == "DependsOnPast" for c in old.conditions)
    return (Note("Warning", "Held", held.message),) if held and not was_held else ()


def of_deliveries(deliveries: Iterable[tuple[Notice, Delivery]]) -> tuple[Note, ...]:
    """Return the Events of notifications that are not tried any more and did not arrive."""
    return tuple(
        Note("Warning", "NotDelivered", f"{notice.event} {notice.run} to sink {one.sink}: {one.message}")
        for notice, one in deliveries
        if one.state != "Delivered"
    )


def of_made_runs(old: ReplicationStatus, runs: Iterable[Run]) -> tuple[Note, ...]:
    """Return the Events of slots that became runs and that the status does not name yet."""
    known = old.last_schedule_time
    slots = [(one.name, one.request.slot) for one in runs if one.request.slot is not None]
    return tuple(
        Note("Normal", "RunCreated", f"run {name} of the slot of {times.to_text(slot)}")
        for name, slot in slots
        if known is None or slot > known
    )


def of_missed(decision: Decision) -> tuple[Note, ...]:
    """Return the Event of slots that will never run."""
    if decision.missed_until is None:
        return ()
    count = f"at least {decision.missed}" if decision.missed >= LOOK_BACK - CATCHUP_LIMIT else str(decision.missed)
    until = times.to_text(decision.missed_until)
    text = f"{count} slots up to {until} are not run: later slots came, or their deadline passed"
    return (Note("Warning", "MissedSchedule", text),)


def of_taken_name(run: str) -> Note:
    """Return the Event of a slot whose run name is taken."""
    text = f"run {run} exists and was not made for this resource's slot; the slot is skipped"
    return Note("Warning", "RunNameTaken", text)


def repetition(existing: Mapping[str, Any], again: Mapping[str, Any]) -> dict[str, Any]:
    """Return the merge patch that increases the count of an existing Event. again: its repetition."""
    return {"count": int(existing.get("count") or 1) + 1, "lastTimestamp": again["lastTimestamp"]}


def manifest(involved: dict[str, Any], note: Note, instance: str, now: datetime) -> dict[str, Any]:
    """Return the Event object. Its name is a hash of its content, so that a repetition finds the same object."""
    metadata, message = involved["metadata"], plain.text(note.message)
    digest = hashlib.sha256(f"{metadata['uid']} {note.reason} {message}".encode()).hexdigest()[:16]
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{metadata['name']}.{digest}", "namespace": metadata["namespace"]},
        "involvedObject": {
            "apiVersion": involved["apiVersion"],
            "kind": involved["kind"],
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata["uid"],
        },
        "type": note.type,
        "reason": note.reason,
        "message": message[:1000],
        "source": {"component": names.MANAGED_BY},
        "reportingComponent": names.MANAGED_BY,
        "reportingInstance": instance,
        "firstTimestamp": times.to_text(now),
        "lastTimestamp": times.to_text(now),
        "count": 1,
    }
