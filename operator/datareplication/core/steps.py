"""What the status says of a step: (its old status, its Job, now) -> StepStatus. Pure.

The status of a step that has ended stays as it is: the Job may be gone, but the result must not change.
"""

from datetime import datetime, timedelta
from typing import TypeVar

from datareplication.core import paths, times
from datareplication.core.observed import HELD, ObservedJob
from datareplication.core.phases import JobState, StepPhase
from datareplication.core.pods import ObservedPod, Why
from datareplication.core.reasons import Reason
from datareplication.core.report import ROLLED_BACK, Report
from datareplication.core.state import AttemptStatus, ProgressStatus, RunStatus, StepStatus, TargetStep

S = TypeVar("S", bound=StepStatus)

STEP_PHASES: dict[JobState, StepPhase] = {
    "Absent": "Waiting",
    "Taken": "Waiting",
    "Refused": "Waiting",
    "Gone": "Failed",
    "Foreign": "Failed",
    "Held": "Pending",
    "Suspended": "Retrying",
    "Pending": "Pending",
    "Running": "Running",
    "Outlived": "Running",
    "Failing": "Running",
    "Succeeded": "Succeeded",
    "Failed": "Failed",
    "Stopping": "Running",
    "Stopped": "Failed",
}
"""A Job's state as the phase of its step. A foreign Job is never overwritten, so the step cannot be carried out."""

REFUSED: Reason = "JobRefused"
"""Reason of a step whose Job Kubernetes refuses for now: because of a quota, a webhook, a policy, a missing right."""

REPORT_LOST = Why(
    "ReportLost",
    "succeeded; its report cannot be read (its pod was removed, or another program wrote the report): rows and times "
    "are not known",
)

ATTEMPTS_LIMIT = 32
ATTEMPT_MESSAGE_LIMIT = 500
"""Characters of an attempt's message. Both limits keep the object small: at most eleven attempts can fail, but the
number of disruptions has no limit."""

PROGRESS_SECONDS = 10
"""How often a running step's progress is read: often enough to watch, one status write per ten seconds."""

REMEDIES = {
    "CreateContainerConfigError": "create the Secret in the resource's own namespace or correct credentialsSecretRef",
    "FailedMount": "create the object in the resource's own namespace or correct the field that names it",
    "Unschedulable": "make room on a node, or correct the claim, resources, nodeSelector or tolerations",
    "FailedCreate": "make room in the namespace's quota, or correct resources, podLabels or podSecurityContext",
    "ErrImagePull": "make the job image reachable from the nodes (chart value jobImage)",
    "ImagePullBackOff": "make the job image reachable from the nodes (chart value jobImage)",
    "ErrImageNeverPull": "load the job image into the nodes or allow pulling it (chart value jobImage)",
}


def step_status(old: S, job: ObservedJob | None, now: datetime) -> S:
    """Return a step's status after what its Job shows; if the Job was not looked at, the status stays as it was."""
    if job is None or old.is_finished:
        return old
    phase = _phase(job)
    has_ended = phase in ("Succeeded", "Failed")
    progress = _progress(job, old.progress, now)
    why = Why(old.reason, old.message) if _is_still_so(old, job) else _why(job, progress)
    seen = old.having(
        phase=phase,
        attempts=job.attempts,
        ended_attempts=_ended_attempts(old.ended_attempts, job.pods),
        reason=why.reason,
        message=why.message,
        start_time=old.start_time or job.started_at,
        completion_time=(job.ended_at or now) if has_ended else None,
        retry_time=job.retry_at if job.state == "Suspended" else None,
        progress=progress,
    )
    if phase == "Succeeded" and _is_report_lost(old, job):
        seen = seen.having(reason=REPORT_LOST.reason, message=REPORT_LOST.message)
    return _with_result(seen, job.report) if job.report else seen


def _is_report_lost(old: StepStatus, job: ObservedJob) -> bool:
    """Whether the report of a successful program was never read and cannot be read any more."""
    return job.report is None and not any(attempt.exit_code == 0 for attempt in old.ended_attempts)


def _ended_attempts(old: list[AttemptStatus], pods: tuple[ObservedPod, ...]) -> list[AttemptStatus]:
    """Return every attempt that has ended; an attempt whose pod is gone is kept as it was seen."""
    seen = {attempt.pod: attempt for attempt in old}
    for pod in pods:
        if (end := pod.ending) is not None:
            before = seen.get(pod.name)  # times are kept as first seen: those of a clock that is ahead would move
            seen[pod.name] = AttemptStatus(
                pod=pod.name,
                start_time=(before and before.start_time) or end.started_at,
                completion_time=(before and before.completion_time) or end.ended_at,
                exit_code=end.exit_code,
                reason=end.why.reason,
                message=end.why.message[:ATTEMPT_MESSAGE_LIMIT],
                is_disruption=pod.is_disruption,
            )
    kept = list(seen.values())
    if len(kept) > ATTEMPTS_LIMIT:
        kept.sort(key=_worth)
    return kept[-ATTEMPTS_LIMIT:]


def _worth(one: AttemptStatus) -> tuple[bool, bool, datetime, str]:
    """Return the sort key of attempts. The first are dropped: disruptions, then the oldest failures."""
    return one.exit_code == 0, not one.is_disruption, one.completion_time or times.EARLIEST, one.pod


def _phase(job: ObservedJob) -> StepPhase:
    if job.state == "Pending" and job.failed and job.active == 0:
        return "Retrying"
    return STEP_PHASES[job.state]


def _with_result(step: S, report: Report) -> S:
    """Return a step with what its program reports of its success."""
    step = step.having(
        rows=report.rows,
        bytes=report.bytes,
        tables=report.tables,
        duration_seconds=report.duration_seconds,
        not_carried=list(report.not_carried),
        masked=report.masked,
    )
    if not isinstance(step, TargetStep):
        return step
    if report.reason == ROLLED_BACK:
        step = step.having(reason=report.reason, message=report.message)
    path, moment = report.snapshot.removeprefix(f"{paths.SNAPSHOTS_MOUNT}/"), times.optional(report.snapshot_time)
    return step.having(snapshot=path, snapshot_time=moment, lsn=report.lsn)


def _progress(job: ObservedJob, old: ProgressStatus | None, now: datetime) -> ProgressStatus | None:
    """Return how far a running step is: the old progress if none was read, or if it has not changed."""
    if job.state != "Running" or job.progress is None:
        return old if job.state == "Running" else None
    # Times are kept in whole seconds, rounded up: so the ten seconds between two reads are never less.
    seen = now.replace(microsecond=0) + timedelta(seconds=bool(now.microsecond))
    new = ProgressStatus(**vars(job.progress), time=seen)
    is_same = old is not None and old.having(time=seen) == new
    return old if is_same else new


def _why(job: ObservedJob, progress: ProgressStatus | None) -> Why:
    """Return why a step is not running or is held up, with the remedy where one is known."""
    if job.state == "Foreign":
        message = f"Job {job.name} exists and belongs to somebody else; delete or rename it"
        return Why("ForeignJob", message)
    if job.state == "Held":
        return HELD
    if job.state in ("Pending", "Running") and job.waiting is not None:
        remedy = REMEDIES.get(job.waiting.reason)
        return Why(job.waiting.reason, "; ".join(filter(None, (job.waiting.message, remedy))))
    if job.state == "Running" and progress is not None:
        return Why(progress.note_reason, progress.note)
    return Why() if job.state in ("Succeeded", "Running", "Outlived", "Failing", "Absent") else job.why


def _is_still_so(old: StepStatus, job: ObservedJob) -> bool:
    """Whether the old reason stays: of a refused Job until it is made, of a rollback even when its pod is gone."""
    return (job.state == "Absent" and old.reason == REFUSED) or (job.has_won and old.reason == ROLLED_BACK)


def is_progress_due(status: RunStatus, now: datetime) -> bool:
    """Whether progress may be read again: progress alone causes at most one write of the status in ten seconds."""
    steps = [step for step in (status.dump, *status.targets) if step and step.progress]
    times_seen = [step.progress.time for step in steps if step.progress and step.progress.time]
    return not times_seen or now - max(times_seen) >= timedelta(seconds=PROGRESS_SECONDS)
