"""What a step's Job shows, given what the run's status has recorded of it: (run, Job, pods) -> `ObservedJob`. Pure.

A Job and its pods may vanish at any time: a queue or a person suspends the Job, its time to live ends, a node is lost.
What was recorded stays: a success, a failed attempt, and that the Job existed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from datareplication.core import names, plan
from datareplication.core.names import DUMP_STEP, Step
from datareplication.core.observed import ObservedJob, observe
from datareplication.core.phases import JobState
from datareplication.core.pods import ObservedPod, Why, is_at_work
from datareplication.core.run import Run
from datareplication.core.state import AttemptStatus, StepStatus

GONE = Why(
    "JobGone",
    "its Job was deleted before its end was seen, by somebody or after its time to live; start a run by hand",
)
SUSPENDED: tuple[JobState, ...] = ("Held", "Suspended", "Stopping", "Stopped")
ENDED: tuple[JobState, ...] = (
    "Absent",
    "Taken",
    "Foreign",
    "Succeeded",
    "Failing",
    "Failed",
    "Stopping",
    "Stopped",
)


def has_pods(run: Run, jobs: Mapping[Step, Mapping[str, Any] | None]) -> bool:
    """Whether a run may have pods. jobs: the Jobs of its steps, None where there is none now."""
    return any(job is not None or was_made(run, step) for step, job in jobs.items())


def was_made(run: Run, step: Step) -> bool:
    """Whether the status has seen a step's Job."""
    before = _before(run, step)
    return before is not None and before.phase != "Waiting"


def observe_step(
    run: Run, step: Step, job: Mapping[str, Any] | None, pods: Iterable[Mapping[str, Any]], now: datetime
) -> ObservedJob:
    """Return what a step's Job and the run's pods show, given what the status has recorded."""
    pods = list(pods)
    deadline = plan.run_deadline(run)
    # After the run's deadline no pod is waited for: anybody may create one with our labels.
    is_at_work = _has_pods_at_work(step, pods) and (deadline is None or now < deadline)
    seen = _as_recorded(
        observe(step, job, pods, run.uid, now), _before(run, step) or StepStatus(), is_at_work=is_at_work
    )
    return _over_time(run, seen, now) if seen.state == "Taken" else seen


def _over_time(run: Run, job: ObservedJob, now: datetime) -> ObservedJob:
    """Return a Job whose name is taken; as failed if the step has waited for as long as a pod may take to start."""
    dump = run.status.dump
    since = (dump.completion_time if dump else None) or run.status.start_time or now
    is_over = now >= since + timedelta(seconds=run.spec.start_timeout_seconds)
    return replace(job, state="Failed", why=plan.start_timeout(run, job.why)) if is_over else job


def _before(run: Run, step: Step) -> StepStatus | None:
    """Return what the status says of a step; None before it says anything."""
    if step == DUMP_STEP:
        return run.status.dump
    return next((target for target in run.status.targets if target.name == step.target), None)


def _as_recorded(job: ObservedJob, old: StepStatus, *, is_at_work: bool) -> ObservedJob:
    """Return what a step's Job shows, given what its status has recorded.

    A recorded success stays a success, even if other containers of its pod failed the Job, or the Job is gone. A
    recorded Job that is gone was deleted; it is not made again, or the step would run a second time. is_at_work:
    whether pods of the step are still at work.
    """
    job = _counted(job, old)
    if won := next((attempt for attempt in old.ended_attempts if attempt.exit_code == 0), None):
        state: JobState = "Succeeded" if job.state in ENDED else "Outlived"
        return replace(job, state=state, has_won=True, ended_at=won.completion_time or job.ended_at)
    if job.state in ("Absent", "Taken") and old.phase in ("Pending", "Running", "Retrying"):
        attempts = max(job.attempts, old.attempts)
        return replace(job, state="Stopping" if is_at_work else "Gone", why=GONE, attempts=attempts)
    return job


def _counted(job: ObservedJob, old: StepStatus) -> ObservedJob:
    """Return a Job with the attempts that the status has recorded.

    Seen on Kubernetes 1.35: a pod that is ended by suspending its Job is never counted, whatever its containers did. So
    the pod costs no attempt, unless the status has recorded that its program had ended before.
    """
    before = {attempt.pod: attempt for attempt in old.ended_attempts}
    pods = tuple(replace(pod, is_disruption=_is_disruption(pod, job, before)) for pod in job.pods)
    recorded = [attempt for attempt in old.ended_attempts if not attempt.is_disruption]
    visible = [pod for pod in pods if not pod.is_disruption]
    failed = {one.pod for one in recorded if one.exit_code != 0} | {
        one.name for one in visible if one.phase == "Failed"
    }
    attempts = {one.pod for one in recorded} | {one.name for one in visible}
    last = next((Why(one.reason, one.message) for one in reversed(recorded)), Why())
    return replace(
        job,
        pods=pods,
        why=job.why if job.why.reason else last,
        failed=max(job.failed, len(failed)),
        attempts=max(job.counted, len(attempts)),
        is_miscounted=len(failed) > job.failed and not failed <= {one.name for one in visible},
    )


def _is_disruption(pod: ObservedPod, job: ObservedJob, before: Mapping[str, AttemptStatus]) -> bool:
    """Whether a pod was taken away: by an eviction, or because its Job was suspended while its program ran."""
    if pod.name in before:
        return pod.is_disruption or before[pod.name].is_disruption
    return pod.is_disruption or (pod.is_terminating and job.state in SUSPENDED)


def _has_pods_at_work(step: Step, pods: Iterable[Mapping[str, Any]]) -> bool:
    """Whether one of a run's pods belongs to the step and has not ended; the Job may be gone."""
    wanted = (step.role, step.target)
    labels = [pod["metadata"].get("labels") or {} for pod in pods if is_at_work(pod)]
    return any((one.get(names.ROLE_LABEL), one.get(names.TARGET_LABEL, "")) == wanted for one in labels)
