"""What data a target holds: (its old status, the runs that exist) -> TargetStatus. Pure.

The status keeps this after the run that loaded the target is gone from the history.
"""

from collections.abc import Container
from datetime import datetime

from datareplication.core import times
from datareplication.core.judgement import health
from datareplication.core.run import Run
from datareplication.core.state import TargetStatus, TargetStep


def with_freshness(target: TargetStatus, seconds: int, now: datetime) -> TargetStatus:
    """Return the target's status with the time when its data becomes too old."""
    return aged(target.having(fresh_until=health.limit(target.data_time, seconds)), now)


def aged(target: TargetStatus, now: datetime) -> TargetStatus:
    """Return the target's status with whether its data is fresh now."""
    return target.having(fresh=health.is_young(target.fresh_until, now))


def after(old: TargetStatus, runs: list[Run], now: datetime) -> TargetStatus:
    """Return the target's status after runs, oldest first. The target's own step counts, not the run's phase.

    A load time in the future comes from a wrong clock; it does not hide the loads after it.
    """
    for run in runs:
        step = next((step for step in run.status.targets if step.name == old.name), None)
        if step is None:
            continue
        ended = _ended(run, step)
        is_known = old.loaded_time is not None and times.is_believed(old.loaded_time, now)
        if is_known and ended and old.loaded_time and ended < old.loaded_time:
            continue
        old = _after_step(old, run, step)
    return old


def without_its_run(target: TargetStatus, there: Container[str]) -> TargetStatus:
    """Return the target's status: failed if its run vanished before its load ended. there: the runs that exist."""
    if not target.run or target.run in there or target.phase in ("Succeeded", "Failed"):
        return target
    return target.having(phase="Failed", message=f"run {target.run} is gone, and the end of its load was not seen")


def _after_step(old: TargetStatus, run: Run, step: TargetStep) -> TargetStatus:
    is_never_reached = run.is_finished and not step.is_finished
    seen = old.having(
        phase="Failed" if is_never_reached else step.phase,
        run=run.name,
        message=run.status.message if is_never_reached else step.message,
    )
    if step.phase != "Succeeded":
        return seen
    known = run.status if run.has_dump else step
    return seen.having(
        snapshot=known.snapshot,
        data_time=run.status.snapshot_time or step.snapshot_time or _time_before(old, run),
        loaded_time=_ended(run, step),
        rows=step.rows,
        bytes=step.bytes,
        duration_seconds=step.duration_seconds,
    )


def _ended(run: Run, step: TargetStep) -> datetime | None:
    """Return when a step ended, but no time before its run began: a node's clock may be behind."""
    ended = step.completion_time or run.status.completion_time  # a step that was never reached has no time
    return max(ended, run.status.start_time or ended) if ended else None


def _time_before(old: TargetStatus, run: Run) -> datetime | None:
    """Return the data time of a load that no report tells: the old one, so that the data never looks too young.

    After a rollback there is none: the target may hold data that came from no snapshot.
    """
    return None if run.is_rollback else old.data_time
