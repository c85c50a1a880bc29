"""What the status says: (run or replication, what is observed, now) -> status models. Pure.

A step or run that has ended is carried over as it is: its Jobs may be gone, its result may not change.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

from datareplication.core import manifests, plan, times
from datareplication.core.names import DUMP_STEP, load_step
from datareplication.core.observed import ObservedJob
from datareplication.core.paths import snapshot_path
from datareplication.core.plan import Seen, Volume
from datareplication.core.pods import ObservedPod, Why
from datareplication.core.report import ROLLED_BACK, Report
from datareplication.core.run import Run
from datareplication.core.state import (
    ROLLING_BACK,
    AttemptStatus,
    Condition,
    ProgressStatus,
    RunStatus,
    StepPhase,
    StepStatus,
    TargetStep,
    with_conditions,
)

S = TypeVar("S", bound=StepStatus)

STEP_PHASES: dict[str, StepPhase] = {
    "Absent": "Waiting",
    "Foreign": "Failed",
    "Suspended": "Retrying",
    "Pending": "Pending",
    "Running": "Running",
    "Succeeded": "Succeeded",
    "Failed": "Failed",
    "Stopping": "Running",
    "Stopped": "Failed",
}
"""A Job's state as the phase of its step. A foreign Job is never overwritten, so the step cannot be carried out."""

PROGRESS_SECONDS = 10
"""How often a running step's progress is read: often enough to watch, one status write per ten seconds."""

BAD_ENDS = ("Failed", "PartiallyFailed")

REMEDIES = {
    "CreateContainerConfigError": "create the Secret in the resource's own namespace or correct credentialsSecretRef",
    "FailedMount": "create the object in the resource's own namespace or correct the field that names it",
    "Unschedulable": "make room on a node, or correct the claim, resources, nodeSelector or tolerations",
    "ErrImagePull": "make the job image reachable from the nodes (chart value jobImage)",
    "ImagePullBackOff": "make the job image reachable from the nodes (chart value jobImage)",
    "ErrImageNeverPull": "load the job image into the nodes or allow pulling it (chart value jobImage)",
}


def run_status(seen: Seen, now: datetime) -> RunStatus:
    """Return the status of an admitted run."""
    run, observed, old = seen.run, seen.observed, seen.run.status
    dump = _step(old.dump or StepStatus(), observed.get(DUMP_STEP), now) if run.has_dump else None
    before = {target.name: target for target in old.targets}
    targets = [
        _step(before.get(name, TargetStep(name=name)), observed.get(load_step(name)), now) for name in run.targets
    ]
    if dump is None or dump.phase == "Succeeded":
        targets = [_waiting_its_turn(target, seen.ahead) for target in targets]
    report = job.report if (job := observed.get(DUMP_STEP)) and job.state == "Succeeded" else None
    status = old.model_copy(
        update={
            "start_time": old.start_time or now,
            "dump": dump,
            "targets": targets,
            "snapshot": snapshot_path(run),
            "node": _node(seen) or old.node,
            **({"snapshot_time": times.optional(report.snapshot_time), "lsn": report.lsn} if report else {}),
        }
    )
    if seen.ending is not None:
        status = _without_open_steps(status, seen.ending, now)
    is_overdue = now >= (status.start_time or now) + timedelta(seconds=run.spec.start_timeout_seconds)
    status = _with_phase(status, seen, now, is_overdue=is_overdue)
    is_replaced = seen.ending is not None and seen.ending.reason == plan.REPLACED and status.phase in BAD_ENDS
    return _replaced(status, seen.ending, now) if seen.ending and is_replaced else status


def _node(seen: Seen) -> str:
    """Return the node beside which the run's loads have to be: the dump's, or the first load's when there is none."""
    if seen.run.has_dump:
        return job.node if (job := seen.observed.get(DUMP_STEP)) else ""
    return next((job.node for job in seen.observed.values() if job.node), "")


def failed_run(run: Run, why: Why, now: datetime) -> RunStatus:
    """Return the status of a run that cannot be carried out at all."""
    status = run.status.model_copy(
        update={
            "phase": "Failed",
            "message": why.message,
            "completion_time": now,
            "start_time": run.status.start_time or now,
        }
    )
    return _with_run_conditions(status, why.reason, now)


def replaced_run(run: Run, why: Why, now: datetime) -> RunStatus:
    """Return the status of a run that gave its place away before it began."""
    return _replaced(failed_run(run, why, now), why, now)


def _replaced(status: RunStatus, why: Why, now: datetime) -> RunStatus:
    words = {"phase": "Replaced", "message": why.message}
    return _with_run_conditions(status.model_copy(update=words), why.reason, now)


def waiting_run(run: Run, message: str, now: datetime) -> RunStatus:
    """Return the status of a run that has not been admitted."""
    status = run.status.model_copy(update={"phase": "Pending", "message": message})
    return _with_run_conditions(status, "Waiting", now)


def _step(old: S, job: ObservedJob | None, now: datetime) -> S:
    """Return a step's status after what its Job shows; without a Job in view it stays as it was."""
    if job is None or old.is_finished:
        return old
    phase = _phase(job)
    has_ended = phase in ("Succeeded", "Failed")
    progress = _progress(job, old.progress, now)
    why = _why(job, progress)
    return old.model_copy(
        update={
            "phase": phase,
            "attempts": job.attempts,
            "ended_attempts": _ended_attempts(old.ended_attempts, job.pods),
            "reason": why.reason,
            "message": why.message,
            "start_time": old.start_time or job.started_at,
            "completion_time": (job.ended_at or now) if has_ended else None,
            "retry_time": job.retry_at if job.state == "Suspended" else None,
            "progress": progress,
            **(_result(old, job.report) if phase == "Succeeded" and job.report else {}),
        }
    )


def _waiting_its_turn(target: TargetStep, ahead: Mapping[str, str]) -> TargetStep:
    if target.phase != "Waiting" or target.name not in ahead:
        return target
    message = f"waits until run {ahead[target.name]} has loaded it"
    return target.model_copy(update={"reason": "Waiting", "message": message})


def _ended_attempts(old: list[AttemptStatus], pods: tuple[ObservedPod, ...]) -> list[AttemptStatus]:
    """Return every attempt that has ended; one whose pod is gone is kept as it was seen."""
    seen = {attempt.pod: attempt for attempt in old}
    for pod in pods:
        if (end := pod.ending) is not None:
            seen[pod.name] = AttemptStatus(
                pod=pod.name,
                start_time=end.started_at,
                completion_time=end.ended_at,
                exit_code=end.exit_code,
                reason=end.why.reason,
                message=end.why.message,
                is_disruption=pod.is_disruption,
            )
    return list(seen.values())


def _phase(job: ObservedJob) -> StepPhase:
    if job.state == "Pending" and job.failed and job.active == 0:
        return "Retrying"
    return STEP_PHASES[job.state]


def _result(step: StepStatus, report: Report) -> dict[str, Any]:
    figures = {name: getattr(report, name) for name in ("rows", "bytes", "tables", "duration_seconds")}
    found = {**figures, "not_carried": list(report.not_carried)}
    if not isinstance(step, TargetStep):
        return found
    told = {"reason": report.reason, "message": report.message} if report.reason == ROLLED_BACK else {}
    path, moment = report.snapshot.removeprefix(f"{manifests.SNAPSHOTS_MOUNT}/"), times.optional(report.snapshot_time)
    return found | told | {"snapshot": path, "snapshot_time": moment, "lsn": report.lsn}


def is_progress_due(status: RunStatus, now: datetime) -> bool:
    """Whether progress may be read again; whatever else happens, it causes one write of the status in ten seconds."""
    steps = [step for step in (status.dump, *status.targets) if step and step.progress]
    times_seen = [step.progress.time for step in steps if step.progress and step.progress.time]
    return not times_seen or now - max(times_seen) >= timedelta(seconds=PROGRESS_SECONDS)


def _progress(job: ObservedJob, old: ProgressStatus | None, now: datetime) -> ProgressStatus | None:
    """Return how far a running step is: as it was before when it was not read, or reads the same."""
    if job.state != "Running" or job.progress is None:
        return old if job.state == "Running" else None
    # Times are kept in whole seconds; rounded up, ten of them are never less.
    seen = now.replace(microsecond=0) + timedelta(seconds=bool(now.microsecond))
    new = ProgressStatus(**vars(job.progress), time=seen)
    is_same = old is not None and old.model_copy(update={"time": seen}) == new
    return old if is_same else new


def _why(job: ObservedJob, progress: ProgressStatus | None) -> Why:
    """Return why a step is not running or is held up, with the remedy where one is known."""
    if job.state == "Foreign":
        message = f"Job {job.name} exists and belongs to somebody else; delete or rename it"
        return Why("ForeignJob", message)
    if job.state in ("Pending", "Running") and job.waiting is not None:
        remedy = REMEDIES.get(job.waiting.reason)
        return Why(job.waiting.reason, "; ".join(filter(None, (job.waiting.message, remedy))))
    if job.state == "Running" and progress is not None:
        return Why(progress.note_reason, progress.note)
    return Why() if job.state in ("Succeeded", "Running", "Absent") else job.why


def _without_open_steps(status: RunStatus, why: Why, now: datetime) -> RunStatus:
    """Fail what never began or was not even created when the run's time was over."""
    failed = {"phase": "Failed", "reason": why.reason, "message": why.message, "completion_time": now}
    targets = [t.model_copy(update=failed) if t.phase == "Waiting" else t for t in status.targets]
    dump = status.dump.model_copy(update=failed) if status.dump and status.dump.phase == "Waiting" else status.dump
    return status.model_copy(update={"dump": dump, "targets": targets})


def _with_phase(status: RunStatus, seen: Seen, now: datetime, *, is_overdue: bool) -> RunStatus:
    done = [target for target in status.targets if target.phase == "Succeeded"]
    status = status.model_copy(update={"targets_summary": f"{len(done)}/{len(status.targets)}"})
    dump, volume = status.dump, seen.volume
    if dump is not None and dump.phase == "Failed":
        return _ended(status, "Failed", f"dump: {dump.message}", dump.reason, now)
    if is_overdue and not volume.exists and _has_not_begun(status):
        return _ended(status, "Failed", _missing(volume), "ClaimNotFound", now)
    if dump is not None and dump.phase != "Succeeded":
        message = _waits("dump", dump) if volume.exists else _missing(volume)
        return _active(status, "Dumping", message, now)
    if not all(target.is_finished for target in status.targets):
        return _active(status, "Loading", _while_loading(status, seen), now)
    if len(done) == len(status.targets):
        return _all_done(status, seen, now)
    failed = [target for target in status.targets if target.phase == "Failed"]
    message = "; ".join(f"{target.name}: {target.message}" for target in failed)
    return _ended(status, "PartiallyFailed" if done else "Failed", message, failed[0].reason or "LoadFailed", now)


def _has_not_begun(status: RunStatus) -> bool:
    """Whether its first Jobs have not been made: the dump's, or the loads' when there is no dump."""
    first = [status.dump] if status.dump else status.targets
    return all(step.phase == "Waiting" for step in first)


def _while_loading(status: RunStatus, seen: Seen) -> str:
    what = "rollback" if seen.run.is_rollback else "load"
    waits = [_waits(f"{what} of {one.name}", one) for one in status.targets if one.phase != "Succeeded"]
    if not seen.volume.exists and not seen.run.has_dump:
        waits.insert(0, _missing(seen.volume))
    return "; ".join(filter(None, waits)) or (ROLLING_BACK if seen.run.is_rollback else "")


def _all_done(status: RunStatus, seen: Seen, now: datetime) -> RunStatus:
    if not seen.run.is_rollback:
        return _ended(status, "Succeeded", "", "AllTargetsLoaded", now)
    message = f"rolled back: {', '.join(target.name for target in status.targets)}"
    return _ended(status, "Succeeded", message, "AllTargetsRolledBack", now)


def _missing(volume: Volume) -> str:
    """Return why there is no claim to write to, and the remedy."""
    return volume.problem or (
        f"spec.snapshot: PersistentVolumeClaim {volume.name!r} is not in the resource's namespace; create it"
    )


def _waits(name: str, step: StepStatus) -> str:
    again = f"; tried again at {times.to_text(step.retry_time)}" if step.retry_time else ""
    return f"{name}: {step.message}{again}" if step.message else ""


def _active(status: RunStatus, phase: str, message: str, now: datetime) -> RunStatus:
    return _with_run_conditions(status.model_copy(update={"phase": phase, "message": message}), phase, now)


def _ended(status: RunStatus, phase: str, message: str, reason: str, now: datetime) -> RunStatus:
    ends = [step.completion_time for step in (status.dump, *status.targets) if step and step.completion_time]
    end = max(ends, default=now)
    update = {
        "phase": phase,
        "message": message,
        "completion_time": end,
        "duration": duration_text(end, status.start_time or end),
    }
    return _with_run_conditions(status.model_copy(update=update), reason, now)


def duration_text(end: datetime, start: datetime) -> str:
    """Return a duration for people: `42s`, `3m5s`, `2h10m`."""
    seconds = max(0, int((end - start).total_seconds()))
    minutes, hours = seconds // 60, seconds // 3600
    if hours:
        return f"{hours}h{minutes % 60}m"
    return f"{minutes}m{seconds % 60}s" if minutes else f"{seconds}s"


def _with_run_conditions(status: RunStatus, reason: str, now: datetime) -> RunStatus:
    is_finished = status.completion_time is not None
    values = {
        "Complete": status.phase == "Succeeded",
        "Failed": is_finished and status.phase != "Succeeded",
        "Finished": is_finished,
    }
    new = [
        Condition(type=kind, status="True" if value else "False", reason=reason or status.phase, message=status.message)
        for kind, value in values.items()
    ]
    return status.model_copy(update={"conditions": with_conditions(status.conditions, new, now)})
