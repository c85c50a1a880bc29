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
"""How long after a refusal a Job is asked for again."""

CONFLICT_SECONDS = 1
"""How long after a conflict all is looked at again."""

Answer = Literal["Accepted", "Conflict", "Refused", "Invalid"]
"""Conflict: the object is not as it was seen. Refused: not accepted as things are. Invalid: it never will be."""


@dataclass(frozen=True)
class Done:
    """What came of an action. again_seconds: when to look again if it failed; refused: what came of a Job's making."""

    again_seconds: int = 0
    refused: ObservedJob | None = None


def done(action: JobAction, answer: Answer, message: str = "") -> Done:
    """Return what came of an action; message: why Kubernetes refused it."""
    if answer == "Accepted":
        return Done()
    if answer == "Conflict":
        return Done(CONFLICT_SECONDS)
    # A Job that is not changed is there and goes on.
    is_patch = isinstance(action, PatchJob)
    return Done(REFUSED_SECONDS, None if is_patch else _refused(action.step, message, is_final=answer == "Invalid"))


def _refused(step: Step, message: str, *, is_final: bool) -> ObservedJob:
    """Return a step's Job that Kubernetes does not make: for good where the Job itself is invalid, else it waits."""
    if is_final:
        why = Why("JobRejected", f"Kubernetes will never take the Job: {message}")
        return ObservedJob(step, state="Failed", why=why)
    why = Why(steps.REFUSED, f"Kubernetes refused the Job, which is asked for again: {message}")
    return ObservedJob(step, state="Refused", why=why)


def refused_again(now: datetime) -> datetime:
    """Return when to ask again for what Kubernetes refused as things are."""
    return now + timedelta(seconds=REFUSED_SECONDS)


def look_after_refusal(run: Run, now: datetime) -> datetime:
    """Return when to look again at a run that could not be looked at: when its time is over at the latest."""
    deadline = run_deadline(run)
    again = refused_again(now)
    return min(again, deadline) if deadline is not None and deadline > now else again


def look_again(seen: SeenRun, planned: Plan, results: Iterable[Done], now: datetime) -> datetime | None:
    """Return when to look at a run again if nothing happens before; None when nothing is to be waited for."""
    again = [now + timedelta(seconds=one.again_seconds) for one in results if one.again_seconds]
    if planned.requeue_at is not None:
        again.append(planned.requeue_at)
    if not seen.volume.exists or any(job.state in ("Running", "Pending", "Taken") for job in seen.observed.values()):
        again.append(now + timedelta(seconds=steps.PROGRESS_SECONDS + 1))
    return min(again, default=None)
