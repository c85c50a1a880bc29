"""Whether to read a pod's log or Events for a step: (what its Job shows, now) -> `Inquiry`. Pure.

Each read costs a request; a log also needs the pod's node. Neither is read where the Job and its pods tell enough.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from datareplication.core.observed import ObservedJob
from datareplication.core.pods import why_from_events
from datareplication.core.report import Progress

QUIET_SECONDS = 10
"""After this long the Events are read: of a pod that is still being set up, or of a Job that still has no pod."""


@dataclass(frozen=True)
class LogOf:
    """The end of a container's log, for the step's progress."""

    pod: str
    container: str


@dataclass(frozen=True)
class EventsOf:
    """The Events of a pod or a Job, for why it does not start. since: older Events belong to an earlier attempt."""

    name: str
    since: datetime


Inquiry = LogOf | EventsOf | None


def inquiry(job: ObservedJob, now: datetime, *, is_progress_due: bool) -> Inquiry:
    """Return what to read beside a step's Job and pods; None where they tell enough."""
    if job.state == "Running" and (running := job.running_pod) is not None:
        # The node of a lost pod does not answer; waiting for it would hold up everything else.
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
    """Return a Job with why it waits, if one of the Events after `since` tells it."""
    why = why_from_events(events, since)
    return replace(job, waiting=why) if why else job
