"""What a run's status says: (run, what is observed, now) -> RunStatus. Pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from datareplication.core import plan, times, words
from datareplication.core.names import DUMP_STEP, load_step
from datareplication.core.paths import snapshot_path
from datareplication.core.phases import BAD_ENDS, RunPhase
from datareplication.core.plan import SeenRun
from datareplication.core.pods import Why
from datareplication.core.reasons import Word
from datareplication.core.run import Run
from datareplication.core.state import ROLLING_BACK, Condition, RunStatus, StepStatus, TargetStep, with_conditions
from datareplication.core.steps import S, step_status
from datareplication.core.volume import Volume

SHARE_LIMIT = 500
"""Characters of each failed target's message within the run's message; status.targets has all of it."""


def run_status(seen: SeenRun, now: datetime) -> RunStatus:
    """Return the status of an admitted run."""
    run, observed, old = seen.run, seen.observed, seen.run.status
    dump = step_status(old.dump or StepStatus(), observed.get(DUMP_STEP), now) if run.has_dump else None
    before = {target.name: target for target in old.targets}
    targets = [
        step_status(before.get(name, TargetStep(name=name)), observed.get(load_step(name)), now) for name in run.targets
    ]
    if dump is None or dump.phase == "Succeeded":
        targets = [_waiting_its_turn(target, seen.ahead) for target in targets]
    report = job.report if (job := observed.get(DUMP_STEP)) else None
    status = old.having(
        start_time=old.start_time or now,
        dump=dump,
        targets=targets,
        snapshot=snapshot_path(run),
        node=_node(seen) or old.node,
    )
    if report:
        status = status.having(snapshot_time=times.optional(report.snapshot_time), lsn=report.lsn)
    if seen.ending is not None:
        status = _without_open_steps(status, seen.ending, now)
    is_overdue = now >= (status.start_time or now) + timedelta(seconds=run.spec.start_timeout_seconds)
    status = _with_phase(status, seen, now, is_overdue=is_overdue)
    is_replaced = seen.ending is not None and seen.ending.reason == plan.REPLACED and status.phase in BAD_ENDS
    return _replaced(status, seen.ending, now) if seen.ending and is_replaced else status


def _node(seen: SeenRun) -> str:
    """Return the node on which the run's loads have to run: the dump's, or without a dump the first load's."""
    if seen.run.has_dump:
        return job.node if (job := seen.observed.get(DUMP_STEP)) else ""
    return next((job.node for job in seen.observed.values() if job.node), "")


def failed_run(run: Run, why: Why, now: datetime) -> RunStatus:
    """Return the status of a run that cannot be carried out at all."""
    status = run.status.having(
        phase="Failed",
        message=why.message,
        completion_time=now,
        start_time=run.status.start_time or now,
    )
    return _with_run_conditions(status, why.reason, now)


def replaced_run(run: Run, why: Why, now: datetime) -> RunStatus:
    """Return the status of a run that was replaced before it began."""
    return _replaced(failed_run(run, why, now), why, now)


def _replaced(status: RunStatus, why: Why, now: datetime) -> RunStatus:
    return _with_run_conditions(status.having(phase="Replaced", message=why.message), why.reason, now)


def unseen_run(run: Run, message: str, now: datetime) -> RunStatus:
    """Return the status of a run that Kubernetes does not let us look at; its progress stays as last seen."""
    told = f"cannot be looked at; the operator tries again: {message}"
    return _with_run_conditions(run.status.having(message=told), "NotObserved", now)


def waiting_run(run: Run, message: str, now: datetime) -> RunStatus:
    """Return the status of a run that has not been admitted."""
    status = run.status.having(phase="Pending", message=message)
    return _with_run_conditions(status, "Waiting", now)


def _waiting_its_turn(target: TargetStep, ahead: Mapping[str, str]) -> TargetStep:
    if target.phase != "Waiting" or target.name not in ahead:
        return target
    message = f"waits until run {ahead[target.name]} has loaded it"
    return target.having(reason="Waiting", message=message)


def _without_open_steps(status: RunStatus, why: Why, now: datetime) -> RunStatus:
    """Fail the steps that had not begun when the run had to end."""
    targets = [_failed_if_open(target, why, now) for target in status.targets]
    dump = _failed_if_open(status.dump, why, now) if status.dump else None
    return status.having(dump=dump, targets=targets)


def _failed_if_open(step: S, why: Why, now: datetime) -> S:
    if step.phase != "Waiting":
        return step
    message = "; ".join(filter(None, (why.message, step.message)))  # and what it waited for
    return step.having(phase="Failed", reason=why.reason, message=message, completion_time=now)


def _with_phase(status: RunStatus, seen: SeenRun, now: datetime, *, is_overdue: bool) -> RunStatus:
    done = [target for target in status.targets if target.phase == "Succeeded"]
    status = status.having(targets_summary=f"{len(done)}/{len(status.targets)}")
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
    message = "; ".join(f"{target.name}: {target.message[:SHARE_LIMIT]}" for target in failed)
    return _ended(status, "PartiallyFailed" if done else "Failed", message, failed[0].reason or "LoadFailed", now)


def _has_not_begun(status: RunStatus) -> bool:
    """Whether the run's first Jobs have not been made: the dump's, or without a dump the loads'."""
    first = [status.dump] if status.dump else status.targets
    return all(step.phase == "Waiting" for step in first)


def _while_loading(status: RunStatus, seen: SeenRun) -> str:
    what = "rollback" if seen.run.is_rollback else "load"
    waits = [_waits(f"{what} of {one.name}", one) for one in status.targets if one.phase != "Succeeded"]
    if not seen.volume.exists and not seen.run.has_dump:
        waits.insert(0, _missing(seen.volume))
    return "; ".join(filter(None, waits)) or (ROLLING_BACK if seen.run.is_rollback else "")


def _all_done(status: RunStatus, seen: SeenRun, now: datetime) -> RunStatus:
    if not seen.run.is_rollback:
        return _ended(status, "Succeeded", "", "AllTargetsLoaded", now)
    message = f"rolled back: {', '.join(target.name for target in status.targets)}"
    return _ended(status, "Succeeded", message, "AllTargetsRolledBack", now)


def _missing(volume: Volume) -> str:
    """Return why there is no claim for the snapshot, and the remedy."""
    return volume.problem or (
        f"spec.snapshot: PersistentVolumeClaim {volume.name!r} is not in the resource's namespace; create it"
    )


def _waits(name: str, step: StepStatus) -> str:
    again = f"; tried again at {times.to_text(step.retry_time)}" if step.retry_time else ""
    return f"{name}: {step.message}{again}" if step.message else ""


def _active(status: RunStatus, phase: RunPhase, message: str, now: datetime) -> RunStatus:
    return _with_run_conditions(status.having(phase=phase, message=message), phase, now)


def _ended(status: RunStatus, phase: RunPhase, message: str, reason: Word, now: datetime) -> RunStatus:
    ends = [step.completion_time for step in (status.dump, *status.targets) if step and step.completion_time]
    end = max(ends, default=now)
    duration = words.between(status.start_time or end, end)
    ended = status.having(phase=phase, message=message, completion_time=end, duration=duration)
    return _with_run_conditions(ended, reason, now)


def _with_run_conditions(status: RunStatus, reason: Word, now: datetime) -> RunStatus:
    """Set a run's conditions.

    Ready, Reconciling and Stalled are those of kstatus (sigs.k8s.io/cli-utils), by which Flux and others tell of any
    resource whether it is in progress, failed, or as wanted.
    """
    is_finished, is_complete = status.completion_time is not None, status.phase == "Succeeded"
    values = {
        "Complete": is_complete,
        "Failed": is_finished and not is_complete,
        "Finished": is_finished,
        "Ready": is_complete,
        "Reconciling": not is_finished,
        "Stalled": is_finished and not is_complete,
    }
    new = [
        Condition(
            type=kind,
            status="True" if value else "False",
            reason=reason or status.phase,
            message=status.message,
            observed_generation=status.observed_generation,
        )
        for kind, value in values.items()
    ]
    return status.having(conditions=with_conditions(status.conditions, new, now))
