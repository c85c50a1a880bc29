"""What only a pod's log or Events tell of a step, and whether to ask: (what its Job shows, now) -> `Inquiry`. Pure.

Each of them costs a request, a log also its node's; neither is asked for where the Job and its pods tell enough.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from datareplication.core.observed import ObservedJob
from datareplication.core.pods import why_from_events
from datareplication.core.report import Progress

QUIET_SECONDS = 10
"""A pod that is still being set up after this long is asked for its Events, and a Job that has none for its own."""


@dataclass(frozen=True)
class LogOf:
    """The end of a container's log, for the step's progress."""

    pod: str
    container: str


@dataclass(frozen=True)
class EventsOf:
    """The Events of a pod or a Job, for why it does not start. since: older ones are of an attempt before."""

    name: str
    since: datetime


Inquiry = LogOf | EventsOf | None


def inquiry(job: ObservedJob, now: datetime, *, is_progress_due: bool) -> Inquiry:
    """Return what to ask for beside a step's Job and pods; None where they tell enough."""
    if job.state == "Running" and (running := job.running_pod) is not None:
        # The node of a lost pod does not answer, which must not hold up all the rest.
        return LogOf(running.name, job.step.role) if is_progress_due and not running.lost else None
    pod = job.waiting_pod
    if pod is not None and (pod.waiting is None or pod.waiting.message):
        return None
    name, since = (pod.name, pod.created) if pod else (job.name, job.quiet_since)
    is_quiet = since is not None and now - since > timedelta(seconds=QUIET_SECONDS)
    return EventsOf(name, since) if since and is_quiet else None


def with_log(job: ObservedJob, lines: Iterable[str]) -> ObservedJob:
    """Return a Job with the last progress that the lines of its pod's log tell, if any."""
    found = [progress for line in lines if (progress := Progress.from_log_line(line))]
    return replace(job, progress=found[-1]) if found else job


def with_events(job: ObservedJob, events: Iterable[Mapping[str, Any]], since: datetime) -> ObservedJob:
    """Return a Job with why it waits, as far as one of the Events since then tells it."""
    why = why_from_events(events, since)
    return replace(job, waiting=why) if why else job
