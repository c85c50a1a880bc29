"""What there is to tell: (runs as told, runs as they are; old status, new status) -> notices. Pure.

A notice's id follows from what it tells, so it is the same whenever and wherever it is computed. `notifying.py` says
what becomes of notices.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from datareplication.core import events, plain, summary, times
from datareplication.core.choices import NoticeEvent
from datareplication.core.outbox import Notice, Notifications, RunStage, ToldRun, ToldTarget
from datareplication.core.phases import BAD_ENDS
from datareplication.core.reasons import Word
from datareplication.core.run import Run
from datareplication.core.schedule import Decision
from datareplication.core.state import Condition, ReplicationStatus, TargetStep

OURS = UUID("0e4f4c3c-52a3-5b0c-8ff0-6c1f6e7f0b5d")
"""The namespace of our name-based UUIDs; any fixed one will do."""

MESSAGE_LIMIT, TARGET_LIMIT = 1000, 200
"""Characters of a message and of a target's: fifty notices of 32 targets must fit into one object of the API."""


@dataclass(frozen=True)
class News:
    """What there is to tell, and what is told with it."""

    notices: tuple[Notice, ...]
    box: Notifications


def first(old: ReplicationStatus, runs: Iterable[Run], created: datetime, now: datetime) -> Notifications:
    """Return how a DataReplication begins to notify: what happened before is not told.

    Of a new DataReplication all is told. created: when it was created.
    """
    before = [run for run in runs if old.observed_generation or _moment(run, now) < created]
    told = [one for run in before if (one := _told(run))]
    last = summary.last_runs(old, (), now).ended
    return Notifications(runs=told, is_failing=last is not None and last.phase in BAD_ENDS)


def of_runs(box: Notifications, runs: Iterable[Run], beside: Iterable[Run], now: datetime) -> News:
    """Return what is new about runs. beside: runs that are being ended; only those that were told to have begun count.

    A success after a failure makes two notices, Succeeded and Recovered. A run that is gone before its end was seen has
    failed: its targets' status says so too.
    """
    runs, beside = tuple(runs), tuple(run for run in beside if run.uid)
    before = _Before(box)
    known = [run for run in runs if not run.is_left_alone]
    known += [run for run in beside if before.stage(run) == "Started"]
    there = {run.uid for run in (*runs, *beside)}
    found = [_of_gone(told, now) for told in box.runs if _is_open(told) and told.run_uid not in there]
    is_failing = box.is_failing or bool(found)
    for run in sorted(known, key=lambda run: (_moment(run, now), run.name)):
        for event in _new_events(run, before.stage(run)):
            found.append(_of_run(run, event, now))
            if event == "Succeeded" and is_failing:
                found.append(_of_run(run, "Recovered", now))
            is_failing = event in BAD_ENDS or (is_failing and event != "Succeeded")
    told = [one for run in known if (one := _told(run))]
    return News(tuple(found), box.having(runs=told, is_failing=is_failing))


def of_conditions(uid: str, old: ReplicationStatus, new: ReplicationStatus, now: datetime) -> tuple[Notice, ...]:
    """Return what the change of a DataReplication's conditions tells. uid: the DataReplication's."""
    found = (*_of_freshness(old, new), *_of_acceptance(old, new))
    return tuple(_of_condition(uid, event, condition, now) for event, condition in found)


def of_missed(uid: str, decision: Decision, now: datetime) -> tuple[Notice, ...]:
    """Return that slots are not run."""
    return tuple(
        Notice(
            id=_id(uid, "Missed", times.to_text(decision.missed_until or now)),
            event="Missed",
            time=now,
            reason=note.reason,
            message=plain.text(note.message, MESSAGE_LIMIT),
        )
        for note in events.of_missed(decision)
    )


def _id(*parts: str) -> str:
    return str(uuid5(OURS, "/".join(parts)))


class _Before:
    """What was told of runs until now. One without a uid was noted by an older operator."""

    def __init__(self, box: Notifications) -> None:
        self._told = {told.run: told for told in box.runs}

    def stage(self, run: Run) -> RunStage | None:
        """Return up to which stage a run is told; of another run of that name, nothing is."""
        told = self._told.get(run.name)
        return told.stage if told is not None and told.run_uid in ("", run.uid) else None


def _stage(run: Run) -> RunStage | None:
    if run.is_finished:
        return "Ended"
    return "Started" if run.is_admitted else None


def _told(run: Run) -> ToldRun | None:
    """Return up to which stage a run is told once its notices are written; None if it has not begun."""
    stage = _stage(run)
    return ToldRun(run=run.name, run_uid=run.uid, stage=stage, action=_action(run)) if stage else None


def _action(run: Run) -> str:
    return "" if run.request.action == "Replicate" else run.request.action


def _is_open(told: ToldRun) -> bool:
    """Whether a run's end is still to be told. Without its uid, which an older operator left out, it has no id."""
    return told.stage == "Started" and bool(told.run_uid)


def _of_gone(told: ToldRun, now: datetime) -> Notice:
    """Return the end of a run whose object is gone; what became of its targets is not known."""
    return Notice(
        id=_id(told.run_uid, "Failed"),
        event="Failed",
        time=now,
        run=told.run,
        run_uid=told.run_uid,
        action=told.action,
        reason="RunDeleted",
        message=f"run {told.run} was deleted before its end was seen",
    )


def _moment(run: Run, now: datetime) -> datetime:
    """Return when a run's stage began."""
    return run.status.completion_time or run.status.start_time or now


def _new_events(run: Run, before: RunStage | None) -> tuple[NoticeEvent, ...]:
    """Return what is to be told of a run that is told up to a stage."""
    stage, status = _stage(run), run.status
    if stage is None or stage == before:
        return ()
    has_begun = stage == "Started" or bool(status.dump or status.targets)
    start: tuple[NoticeEvent, ...] = ("Started",) if has_begun and before != "Started" else ()
    if stage == "Started":
        return start
    ends: dict[str, NoticeEvent] = {
        "Succeeded": "Succeeded",
        "PartiallyFailed": "PartiallyFailed",
        "Replaced": "Replaced",
    }
    return (*start, ends.get(status.phase, "Failed"))


def _of_run(run: Run, event: NoticeEvent, now: datetime) -> Notice:
    """Return a notice of a run. A start tells nothing that changes while the run goes on."""
    status = run.status
    notice = Notice(
        id=_id(run.uid, event),
        event=event,
        time=status.start_time or now,
        run=run.name,
        run_uid=run.uid,
        action=_action(run),
        start_time=status.start_time,
        targets=[ToldTarget(name=target.name) for target in status.targets],
    )
    if event == "Started":
        return notice
    return notice.having(
        time=status.completion_time or now,
        phase=status.phase,
        reason=_why(run),
        message=plain.text(status.message, MESSAGE_LIMIT),
        completion_time=status.completion_time,
        snapshot_time=status.snapshot_time,
        targets=[_of_target(target) for target in status.targets],
    )


def _why(run: Run) -> Word:
    return next((one.reason for one in run.status.conditions if one.type == "Finished"), "")


def _of_target(target: TargetStep) -> ToldTarget:
    message = plain.text(target.message, TARGET_LIMIT)
    return ToldTarget(name=target.name, phase=target.phase, reason=target.reason, message=message, rows=target.rows)


def _of_condition(uid: str, event: NoticeEvent, condition: Condition, now: datetime) -> Notice:
    message = plain.text(condition.message, MESSAGE_LIMIT)
    identity = _id(uid, event, times.to_text(now), message)
    return Notice(id=identity, event=event, time=now, reason=condition.reason, message=message)


def _of_freshness(old: ReplicationStatus, new: ReplicationStatus) -> Iterable[tuple[NoticeEvent, Condition]]:
    before, after = _condition(old, "Fresh"), _condition(new, "Fresh")
    if after is None:
        return
    if _is_stale(after) and not _is_stale(before):
        yield "Stale", after
    if before is not None and before.status == "False" and after.status == "True":
        yield "Fresh", after


def _of_acceptance(old: ReplicationStatus, new: ReplicationStatus) -> Iterable[tuple[NoticeEvent, Condition]]:
    before, after = _condition(old, "Stalled"), _condition(new, "Stalled")
    if after is None:
        return
    was_stalled = before is not None and before.status == "True"
    if after.status == "True" and not (was_stalled and before is not None and before.message == after.message):
        yield "Stalled", after
    if was_stalled and after.status == "False":
        yield "Accepted", after


def _condition(status: ReplicationStatus, kind: str) -> Condition | None:
    return next((one for one in status.conditions if one.type == kind), None)


def _is_stale(condition: Condition | None) -> bool:
    return condition is not None and condition.status == "False" and condition.reason == "Stale"
