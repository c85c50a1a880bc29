"""What to do next: (run, what is observed, now) -> `Plan`. Pure; `controller/reconcile.py` carries it out.

A plan holds only the next actions. The operator may die between any two of them: planning again gives the rest.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from datareplication.core import names, times, words
from datareplication.core.manifests import JobDefaults, dump_job, load_job
from datareplication.core.names import DUMP_STEP, Step
from datareplication.core.observed import ObservedJob
from datareplication.core.pods import Why
from datareplication.core.reasons import Reason
from datareplication.core.run import Run
from datareplication.core.state import StepStatus
from datareplication.core.volume import Volume


@dataclass(frozen=True)
class CreateJob:
    """Create the Job of a step."""

    step: Step
    manifest: dict[str, Any]


@dataclass(frozen=True)
class PatchJob:
    """Change a Job if it is still at the resourceVersion that `patch` carries."""

    step: Step
    name: str
    patch: dict[str, Any]
    why: str


JobAction = CreateJob | PatchJob

REPLACED: Reason = "Replaced"


@dataclass(frozen=True)
class Plan:
    """Next actions, and when to plan again if nothing happens before."""

    actions: tuple[JobAction, ...] = ()
    requeue_at: datetime | None = None


@dataclass(frozen=True)
class SeenRun:
    """An admitted run with what is observed of it."""

    run: Run
    observed: Mapping[Step, ObservedJob]
    volume: Volume
    ending: Why | None = None
    """Why the run has to end now; None when it may go on."""
    ahead: Mapping[str, str] = field(default_factory=dict)
    """Target -> the run that has to load it first."""
    in_use: tuple[str, ...] = ()
    """Run directories on the volume that open runs of the same DataReplication use."""


def why_ending(run: Run, replaced_by: str, now: datetime) -> Why | None:
    """Return why an active run has to end now: its time is over, or the run of a later slot takes its place."""
    if replaced_by:
        return Why(REPLACED, f"run {replaced_by} took its place (spec.concurrencyPolicy: Replace)")
    deadline = run_deadline(run)
    return run_timeout(run) if deadline is not None and now >= deadline else None


def steps_to_observe(run: Run) -> tuple[Step, ...]:
    """Return the steps whose Jobs matter now: the dump, if any, until it has ended, then the loads that have not."""
    if run.has_dump and not _is_finished(run.status.dump):
        return (DUMP_STEP,)
    ended = {target.name for target in run.status.targets if target.is_finished}
    return tuple(names.load_step(target) for target in run.targets if target not in ended)


def plan_run(seen: SeenRun, defaults: JobDefaults, now: datetime) -> Plan:
    """Return the next actions of one admitted, unfinished run."""
    run, observed, volume = seen.run, seen.observed, seen.volume
    if seen.ending is not None:
        return Plan(tuple(stop(job, seen.ending) for job in observed.values() if _can_stop(job)))
    deadline = run_deadline(run)
    wanted = [step for step in steps_to_start(run, observed, volume) if step.target not in seen.ahead]
    plans = [_plan_step(run, observed[step], now) for step in sorted(observed)]
    created = tuple(CreateJob(step, _manifest(seen, step, defaults)) for step in wanted)
    requeues = [moment for plan in plans if (moment := plan.requeue_at)] + ([deadline] if deadline else [])
    return Plan(created + tuple(action for plan in plans for action in plan.actions), min(requeues, default=None))


def steps_to_start(run: Run, observed: Mapping[Step, ObservedJob], volume: Volume) -> tuple[Step, ...]:
    """Return the steps whose Jobs do not exist and should: the dump first, the loads once the snapshot is published."""
    if not volume.exists:
        return ()
    dump = observed.get(DUMP_STEP)
    if dump is not None and dump.state != "Succeeded":
        return (DUMP_STEP,) if dump.state == "Absent" else ()
    if run.status.dump is not None and run.status.dump.phase == "Failed":
        return ()
    ended = {target.name for target in run.status.targets if target.is_finished}
    open_steps = [names.load_step(target) for target in run.targets if target not in ended]
    absent = [step for step in open_steps if step not in observed or observed[step].state == "Absent"]
    limit = run.spec.max_parallel_loads or len(open_steps)
    # If only one node can mount the volume, the node of the first load becomes the node of all loads.
    if volume.is_single_pod or (volume.is_single_node and not run.has_dump and not run.status.node):
        limit = 1
    at_work = [step for step in open_steps if step in observed and observed[step].state not in ("Absent", "Taken")]
    return tuple(absent[: max(0, limit - len(at_work))])


def run_deadline(run: Run) -> datetime | None:
    """Return the run's deadline. A Job's own deadline starts anew when the Job is resumed; the run's does not."""
    started = run.status.start_time
    return started + timedelta(seconds=run.spec.timeout_seconds) if started else None


def run_timeout(run: Run) -> Why:
    """Return why a run failed: it did not end before its deadline."""
    timeout = words.duration(run.spec.timeout_seconds)
    return Why("RunTimeout", f"the run did not end within {timeout} (spec.timeoutSeconds)")


def start_timeout(run: Run, waiting: Why) -> Why:
    """Return why a step failed: its pod did not start in time."""
    cause = ": ".join(filter(None, (waiting.reason, waiting.message)))
    timeout = words.duration(run.spec.start_timeout_seconds)
    return Why("StartTimeout", f"the pod did not start within {timeout} (spec.startTimeoutSeconds): {cause}")


def stop(job: ObservedJob, why: Why) -> PatchJob:
    """Return the patch that ends a Job for good: suspending ends its pods, the annotation keeps the reason.

    With a deadline of 0 s, a Job that somebody resumes (a queue that has admitted it) fails before it has a pod.
    """
    spec = {"suspend": True, "activeDeadlineSeconds": 0}
    patch = _patch(job, spec, {names.STOPPED_ANNOTATION: f"{why.reason}: {why.message}"})
    return PatchJob(job.step, job.name, patch, why.reason)


def _plan_step(run: Run, job: ObservedJob, now: datetime) -> Plan:
    if job.state == "Suspended":
        return _resume(job, now)
    if job.state == "Outlived":
        return _end_outlived(run, job, now)
    return _plan_attempt(run, job, now) if job.state in ("Pending", "Running") else Plan()


def _plan_attempt(run: Run, job: ObservedJob, now: datetime) -> Plan:
    """Return what to do with a Job that is about to make an attempt: let it go on, hold it back, or end it."""
    if job.retry_at is not None:  # somebody resumed it within the delay: a later suspension is not the operator's
        return Plan((PatchJob(job.step, job.name, _patch(job, {}, {names.RETRY_AT_ANNOTATION: None}), "Resumed"),))
    is_over = _is_over(run, job)
    if is_over and job.is_miscounted:
        return Plan((stop(job, job.why),))
    if job.failed > job.delayed and job.active == 0 and not is_over:
        return _delay(run, job, now)
    return _limit_start(run, job, now)


def _is_over(run: Run, job: ObservedJob) -> bool:
    """Whether no attempt follows. Kubernetes ends the Job itself if it has counted the same failures."""
    return job.failed > run.spec.retry_policy.retries or job.is_permanent_failure


def _limit_start(run: Run, job: ObservedJob, now: datetime) -> Plan:
    since = pod.created if (pod := job.waiting_pod) else job.quiet_since
    if since is None or job.waiting is None:
        return Plan()
    limit = since + timedelta(seconds=run.spec.start_timeout_seconds)
    return Plan((stop(job, start_timeout(run, job.waiting)),)) if now >= limit else Plan(requeue_at=limit)


def _delay(run: Run, job: ObservedJob, now: datetime) -> Plan:
    """Hold the next attempt back. Kubernetes would start it after 10 s, 20 s, …; users ask for `delaySeconds`."""
    retry_at = _retry_at(run, job, now)
    return Plan((_hold_back(job, job.failed, retry_at),), retry_at) if retry_at > now else Plan()


def _end_outlived(run: Run, job: ObservedJob, now: datetime) -> Plan:
    """End the pod whose program has ended: other containers may run for ever, and no attempt follows before they end.

    By now the status has recorded how the program ended.
    """
    if job.has_won:
        return Plan((stop(job, Why("Succeeded", "the program has ended; other containers of its pod went on")),))
    if _is_over(run, job):
        return Plan((stop(job, job.why),))
    retry_at = _retry_at(run, job, now)
    return Plan((_hold_back(job, job.failed, retry_at),), retry_at)


def _retry_at(run: Run, job: ObservedJob, now: datetime) -> datetime:
    return (job.ended_at or now) + timedelta(seconds=run.spec.retry_policy.delay_seconds)


def _hold_back(job: ObservedJob, failed: int, until: datetime) -> PatchJob:
    annotations = {names.DELAYED_ANNOTATION: str(failed), names.RETRY_AT_ANNOTATION: times.to_text(until)}
    return PatchJob(job.step, job.name, _patch(job, {"suspend": True}, annotations), "RetryDelay")


def _resume(job: ObservedJob, now: datetime) -> Plan:
    if job.retry_at is not None and now < job.retry_at:
        return Plan(requeue_at=job.retry_at)
    patch = _patch(job, {"suspend": False}, {names.RETRY_AT_ANNOTATION: None})
    return Plan((PatchJob(job.step, job.name, patch, "Retry"),))


def _patch(job: ObservedJob, spec: dict[str, Any], annotations: Mapping[str, str | None]) -> dict[str, Any]:
    metadata = {"resourceVersion": job.resource_version, "annotations": annotations}
    return {"metadata": metadata} | ({"spec": spec} if spec else {})


def _manifest(seen: SeenRun, step: Step, defaults: JobDefaults) -> dict[str, Any]:
    run = seen.run
    if step == DUMP_STEP:
        return dump_job(run, defaults, seen.in_use)
    return load_job(run, defaults, step.target, node=run.status.node if seen.volume.is_single_node else "")


def _can_stop(job: ObservedJob) -> bool:
    # Failing as well: the Job's deadline may pass just before the run's, and the status must tell the run's.
    return job.state in ("Pending", "Running", "Suspended", "Held", "Outlived", "Failing")


def _is_finished(step: StepStatus | None) -> bool:
    return step is not None and step.is_finished


def expired_beside(runs: Iterable[Run], failed: int) -> tuple[Run, ...]:
    """Return the finished runs beyond the limit among those that cannot be carried out (unreadable or restored).

    Runs that are being deleted or are gone do not count.
    """
    there = [run for run in runs if run.uid and "deletionTimestamp" not in run.raw["metadata"]]
    return expired_runs(there, failed, failed)


def expired_runs(runs: Iterable[Run], successful: int, failed: int) -> tuple[Run, ...]:
    """Return the finished runs beyond the history limits, oldest first."""
    finished = (run for run in runs if run.is_finished and not run.is_left_alone)
    ended = sorted(finished, key=lambda run: (run.created, run.name))
    good = [run for run in ended if run.status.phase == "Succeeded"]
    bad = [run for run in ended if run.status.phase != "Succeeded"]
    return tuple(good[: len(good) - successful] if len(good) > successful else ()) + tuple(
        bad[: len(bad) - failed] if len(bad) > failed else ()
    )
