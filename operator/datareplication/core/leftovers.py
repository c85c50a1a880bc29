"""Jobs that outlive their run: raw Jobs and Pods -> what they still do, and what they have done. Pure.

A run may be deleted without its Jobs (`--cascade=orphan`), or become unreadable. Such a run counts as ended once its
Jobs are no longer at work. What the Jobs did to a target is reported as usual.
"""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from datareplication.core import names, plan, times
from datareplication.core.names import DUMP, LOAD, Key, Step
from datareplication.core.observed import ObservedJob, observe
from datareplication.core.phases import JobState
from datareplication.core.plan import PatchJob
from datareplication.core.pods import Why
from datareplication.core.reasons import Reason
from datareplication.core.run import Run, RunSpec
from datareplication.core.state import ReplicationStatus, RunStatus, TargetStep
from datareplication.core.status import failed_run
from datareplication.core.steps import step_status

RESTING: tuple[JobState, ...] = ("Absent", "Taken", "Foreign", "Succeeded", "Failed", "Stopped")
"""States of a Job that does nothing and will do nothing."""

ORPHANS_REASON: Reason = "ForeignJob"
"""Reason of a run whose Job's name was taken, perhaps by a Job of a deleted run of the same name."""


@dataclass(frozen=True)
class Leftover:
    """A Job whose run was deleted or cannot go on, and the name of that run."""

    run: str
    job: ObservedJob
    created: datetime

    @property
    def is_at_work(self) -> bool:
        """Whether the Job still does something, or could."""
        return self.job.state not in RESTING


def of_run(
    run: Run, jobs: Iterable[Mapping[str, Any]], pods: Iterable[Mapping[str, Any]], now: datetime
) -> tuple[Leftover, ...]:
    """Return a run's own Jobs; `jobs` and `pods` are those of its label.

    A run that is deleted with `--cascade=orphan` loses its Jobs one by one before it is gone; they count as its own.
    """
    pods = tuple(pods)
    is_going = "deletionTimestamp" in run.raw["metadata"]
    own = [job for job in jobs if names.is_owned_by(dict(job), run.uid) or (is_going and is_orphan(job))]
    return tuple(found for job in own if (found := _leftover(job, pods, now)))


def orphans(
    jobs: Iterable[Mapping[str, Any]], pods: Iterable[Mapping[str, Any]], now: datetime
) -> tuple[Leftover, ...]:
    """Return our Jobs without an owner. A Job that is deleted with its run has its owner until it is gone."""
    pods = tuple(pods)
    return tuple(found for job in jobs if is_orphan(job) and (found := _leftover(job, pods, now)))


def is_orphan(job: Mapping[str, Any]) -> bool:
    """Whether the operator made a Job and the Job has lost its run."""
    metadata = job["metadata"]
    is_ours = (metadata.get("labels") or {}).get("app.kubernetes.io/managed-by") == names.MANAGED_BY
    return is_ours and not metadata.get("ownerReferences") and not metadata.get("deletionTimestamp")


def may_have_orphans(old: ReplicationStatus, runs: Iterable[Mapping[str, Any]]) -> bool:
    """Whether there may be Jobs without an owner; `runs` are the DataReplication's raw runs.

    There may be if the DataReplication is new (perhaps deleted and created again), if an active run is gone, or if a
    run found its Job's name taken.
    """
    there = {run["metadata"]["name"] for run in runs}
    found = [reason for run in runs for reason in _reasons(run.get("status") or {})]
    return not old.observed_generation or not there.issuperset(old.active_runs) or ORPHANS_REASON in found


def runs_without_owner(runs: Iterable[Run]) -> tuple[Run, ...]:
    """Return the runs that outlive their DataReplication. Runs with an owner are deleted with the owner."""
    return tuple(one for one in runs if not one.raw["metadata"].get("ownerReferences"))


def why_without_replication(key: Key) -> Why:
    """Return why a run fails: it has not begun, and its DataReplication does not exist."""
    message = f"spec.replicationName: there is no DataReplication {key.name!r} in namespace {key.namespace}"
    return Why("ReplicationNotFound", message)


DELETED = Why("RunDeleted", "the run was deleted, and a finalizer holds its object")
"""Why a run that is being deleted is ended: its Jobs must not work beside those of the next run."""


def why_orphan(one: Leftover) -> Why:
    """Return why the Job of a deleted run is ended."""
    return Why("RunDeleted", f"run {one.run} was deleted without its Jobs")


def ends(found: Iterable[Leftover], why: Why) -> tuple[PatchJob, ...]:
    """Return the patches that end the Jobs that are still at work."""
    return tuple(plan.stop(one.job, why) for one in found if one.is_at_work and one.job.state != "Stopping")


def as_runs(found: Iterable[Leftover], replication: str, active: Container[str], now: datetime) -> tuple[Run, ...]:
    """Return the runs that are gone, as far as their Jobs tell; a run is finished if none of its Jobs is at work.

    active: runs that were active at the last look. Of other runs no targets are reported: anybody who may create Jobs
    can create one with any name and labels.
    """
    by_run: dict[str, list[Leftover]] = {}
    for one in found:
        by_run.setdefault(one.run, []).append(one)
    told = [_as_run(name, replication, of_it, now) for name, of_it in sorted(by_run.items())]
    return tuple(one if one.name in active else replace(one, status=one.status.having(targets=[])) for one in told)


def closing(run: Run, found: Iterable[Leftover], why: Why, now: datetime) -> RunStatus:
    """Return the status of a run that cannot go on: failed once none of its Jobs is at work."""
    found = tuple(found)
    seen = {one.job.step: one.job for one in found}
    targets = [step_status(target, seen.get(names.load_step(target.name)), now) for target in run.status.targets]
    done = sum(target.phase == "Succeeded" for target in targets)
    dump = run.status.dump
    status = run.status.having(
        message=f"is being ended: {why.message}",
        dump=step_status(dump, seen.get(names.DUMP_STEP), now) if dump else None,
        targets=targets,
        targets_summary=f"{done}/{len(targets)}" if targets else "",
    )
    return status if any(one.is_at_work for one in found) else failed_run(replace(run, status=status), why, now)


def _leftover(job: Mapping[str, Any], pods: tuple[Mapping[str, Any], ...], now: datetime) -> Leftover | None:
    metadata = job["metadata"]
    labels = metadata.get("labels") or {}
    run, role, target = (labels.get(key, "") for key in (names.RUN_LABEL, names.ROLE_LABEL, names.TARGET_LABEL))
    step = Step(role, target)
    if not run or role not in (DUMP, LOAD) or (role == LOAD) != bool(target):
        return None
    if metadata["name"] != names.job_name(run, step):  # somebody made it up: the real one has this name
        return None
    seen = observe(step, job, pods, None, now)
    return Leftover(run, seen, times.from_text(metadata["creationTimestamp"]))


def _as_run(name: str, replication: str, found: list[Leftover], now: datetime) -> Run:
    """Return a run that is gone. Its action is Load, so that each load's own report counts and no dump's."""
    loads = [one.job for one in found if one.job.step.role == LOAD]
    steps = [step_status(TargetStep(name=job.step.target), job, now) for job in loads]
    end = None if any(one.is_at_work for one in found) else now
    request = RunSpec(replication_name=replication, action="Load", snapshot=f"{replication}/{name}")
    return Run(
        name, "", "", min(one.created for one in found), request, RunStatus(targets=steps, completion_time=end), {}
    )


def _reasons(status: Mapping[str, Any]) -> Iterable[str]:
    steps: list[Any] = [status.get("dump"), *(status.get("targets") or ())]
    return [str(step.get("reason")) for step in steps if isinstance(step, Mapping)]
