"""What follows from how Kubernetes answered an action: (action, answer) -> `Done`, and when to look again. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from datareplication.core import steps
from datareplication.core.names import Step
from datareplication.core.observed import ObservedJob
from datareplication.core.plan import JobAction, PatchJob, Plan, SeenRun, run_deadline
from datareplication.core.pods import Why
from datareplication.core.run import Run

REFUSED_SECONDS = 30
"""After a refusal the Job's request is repeated this much later."""

CONFLICT_SECONDS = 1
"""After a conflict everything is looked at again this much later."""

Answer = Literal["Accepted", "Conflict", "Refused", "Invalid"]
"""Conflict: the object has changed since it was read. Refused: not accepted for now. Invalid: never accepted."""


@dataclass(frozen=True)
class Done:
    """The result of an action."""

    again_seconds: int = 0
    """After a failure: in how many seconds to look again."""
    refused: ObservedJob | None = None
    """A Job that Kubernetes refused to create."""


def done(action: JobAction, answer: Answer, message: str = "") -> Done:
    """Return the result of an action; message: why Kubernetes refused it."""
    if answer == "Accepted":
        return Done()
    if answer == "Conflict":
        return Done(CONFLICT_SECONDS)
    # A Job whose patch is refused stays as it is and goes on.
    is_patch = isinstance(action, PatchJob)
    return Done(REFUSED_SECONDS, None if is_patch else _refused(action.step, message, is_final=answer == "Invalid"))


def _refused(step: Step, message: str, *, is_final: bool) -> ObservedJob:
    """Return a Job that Kubernetes refused to create: failed if the Job itself is invalid, otherwise waiting."""
    if is_final:
        why = Why("JobRejected", f"Kubernetes finds the Job invalid: {message}")
        return ObservedJob(step, state="Failed", why=why)
    why = Why(steps.REFUSED, f"Kubernetes refused the Job; the operator tries again: {message}")
    return ObservedJob(step, state="Refused", why=why)


def refused_again(now: datetime) -> datetime:
    """Return when to repeat a request that Kubernetes refused for now."""
    return now + timedelta(seconds=REFUSED_SECONDS)


def look_after_refusal(run: Run, now: datetime) -> datetime:
    """Return when to look again at a run that could not be looked at: at its deadline at the latest."""
    deadline = run_deadline(run)
    again = refused_again(now)
    return min(again, deadline) if deadline is not None and deadline > now else again


def look_again(seen: SeenRun, planned: Plan, results: Iterable[Done], now: datetime) -> datetime | None:
    """Return when to look at a run again if nothing happens before; None when there is nothing to wait for."""
    again = [now + timedelta(seconds=one.again_seconds) for one in results if one.again_seconds]
    if planned.requeue_at is not None:
        again.append(planned.requeue_at)
    if not seen.volume.exists or any(job.state in ("Running", "Pending", "Taken") for job in seen.observed.values()):
        again.append(now + timedelta(seconds=steps.PROGRESS_SECONDS + 1))
    return min(again, default=None)
