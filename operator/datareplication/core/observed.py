"""What a Job looks like: raw Job and Pod dicts -> `ObservedJob`.

It owns how Kubernetes says that a Job is suspended, complete or failed. What follows from it is `plan.py`'s and
`steps.py`'s.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from datareplication.core import names, times
from datareplication.core.names import Step
from datareplication.core.pods import Ending, ObservedPod, Why, observe_pod
from datareplication.core.report import Progress, Report
from datareplication.errors import PERMANENT_EXIT_CODES

JobState = Literal["Absent", "Foreign", "Suspended", "Pending", "Running", "Succeeded", "Failed", "Stopping", "Stopped"]


@dataclass(frozen=True)
class ObservedJob:
    """One step's Job and its pods, at one moment.

    attempts counts pods that ran or run (disruptions are not counted); failed those that failed; active those that are
    there or still ending. delayed is how many failed attempts have already had their retry delay, retry_at when the
    current delay ends. waiting says why the pod that should run does not. why tells a failure.
    """

    step: Step
    state: JobState = "Absent"
    name: str = ""
    resource_version: str = ""
    attempts: int = 0
    failed: int = 0
    active: int = 0
    delayed: int = 0
    retry_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    waiting: Why | None = None
    why: Why = field(default_factory=Why)
    pods: tuple[ObservedPod, ...] = ()
    progress: Progress | None = None

    @property
    def waiting_pod(self) -> ObservedPod | None:
        """Return the pod that has not started."""
        return next((pod for pod in self.pods if pod.waiting), None)

    @property
    def quiet_since(self) -> datetime | None:
        """Return since when it waits for its controller to make a pod; None when it does not."""
        if self.state != "Pending" or self.active or any(pod.ending is None for pod in self.pods):
            return None
        moments = [self.started_at, *(pod.ending.ended_at for pod in self.pods if pod.ending)]
        return max(filter(None, moments), default=None)

    @property
    def running_pod(self) -> ObservedPod | None:
        """Return the pod that runs."""
        return next((pod for pod in self.pods if pod.phase == "Running"), None)

    @property
    def is_permanent_failure(self) -> bool:
        """Whether the last attempt ended in a way that is not tried again; the Job says so a moment later."""
        ending = _last_ending(self.pods)
        return ending is not None and ending.exit_code in PERMANENT_EXIT_CODES

    @property
    def report(self) -> Report | None:
        """Return what the last ended attempt said."""
        ending = _last_ending(self.pods)
        return ending.report if ending else None

    @property
    def node(self) -> str:
        """Return the node of the last pod that has one."""
        return next((pod.node for pod in reversed(self.pods) if pod.node), "")


def observe(
    step: Step, job: Mapping[str, Any] | None, pods: Iterable[Mapping[str, Any]], owner_uid: str | None, now: datetime
) -> ObservedJob:
    """Return what a step's Job shows; `pods` are those of the run, of any step. A Job of another owner is `Foreign`.

    owner_uid: None for a Job whose run is gone.
    """
    if job is None:
        return ObservedJob(step)
    metadata, status = job["metadata"], job.get("status") or {}
    if owner_uid is not None and not names.is_owned_by(dict(job), owner_uid):
        # That of a run which was deleted and made anew is on its way out.
        return ObservedJob(step, state="Absent" if names.is_of_a_run(dict(job)) else "Foreign", name=metadata["name"])
    own = [observe_pod(pod, now) for pod in pods if names.is_owned_by(dict(pod), metadata["uid"])]
    own.sort(key=lambda pod: (pod.created, pod.name))
    annotations = metadata.get("annotations") or {}
    return ObservedJob(
        step,
        state=_state(job, own),
        name=metadata["name"],
        resource_version=metadata["resourceVersion"],
        attempts=_attempts(status, own),
        failed=_count(status, "failed"),
        active=_active(status),
        delayed=int(annotations.get(names.DELAYED_ANNOTATION, "0")),
        retry_at=times.optional(annotations.get(names.RETRY_AT_ANNOTATION)),
        # The Job may have been read before its controller said so, and its pods after one has ended.
        started_at=times.optional(status.get("startTime")) or min((pod.created for pod in own), default=None),
        ended_at=_ended_at(job, own),
        waiting=next((why for pod in own if (why := pod.lost or pod.waiting)), None),
        why=_why(job, own),
        pods=tuple(own),
    )


def condition(raw: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    """Return an object's condition of that type if it is True."""
    conditions = (raw.get("status") or {}).get("conditions") or ()
    return next((c for c in conditions if c.get("type") == kind and c.get("status") == "True"), None)


def _state(job: Mapping[str, Any], pods: Sequence[ObservedPod]) -> JobState:
    """Return the state; a pod that has succeeded is the Job's success, which its controller says some seconds later."""
    status = job.get("status") or {}
    if condition(job, "Complete") or any(pod.phase == "Succeeded" for pod in pods):
        return "Succeeded"
    if condition(job, "Failed"):
        return "Failed"
    if names.STOPPED_ANNOTATION in (job["metadata"].get("annotations") or {}):
        # The Job's count lags behind its pods.
        is_at_work = _active(status) or any(pod.phase in ("Pending", "Running") for pod in pods)
        return "Stopping" if is_at_work else "Stopped"
    if job["spec"].get("suspend"):
        return "Suspended"
    uncounted = sum(pod.phase == "Failed" and not pod.is_disruption for pod in pods) > _count(status, "failed")
    return "Running" if uncounted or any(pod.phase == "Running" for pod in pods) else "Pending"


def _count(status: Mapping[str, Any], name: str) -> int:
    return int(status.get(name) or 0)


def _attempts(status: Mapping[str, Any], pods: Sequence[ObservedPod]) -> int:
    """Return how many there were: by the Job's count, which lags behind its pods, or by pods, which may be gone."""
    counted = sum(_count(status, name) for name in ("failed", "succeeded", "active"))
    return max(counted, sum(not pod.is_disruption for pod in pods))


def _active(status: Mapping[str, Any]) -> int:
    return _count(status, "active") + _count(status, "terminating")


def _last_ending(pods: Sequence[ObservedPod]) -> Ending | None:
    return next((pod.ending for pod in reversed(pods) if pod.ending), None)


def _ended_at(job: Mapping[str, Any], pods: Sequence[ObservedPod]) -> datetime | None:
    completion = (job.get("status") or {}).get("completionTime")
    if completion:
        return times.from_text(completion)
    if failure := condition(job, "Failed"):
        return times.from_text(failure["lastTransitionTime"])
    ending = _last_ending(pods)
    return ending.ended_at if ending else None


def _why(job: Mapping[str, Any], pods: Sequence[ObservedPod]) -> Why:
    """Prefer our own reason for stopping it, then the last attempt's end, then the Job's condition."""
    stopped = (job["metadata"].get("annotations") or {}).get(names.STOPPED_ANNOTATION)
    if stopped:
        reason, _, message = stopped.partition(": ")
        return Why(reason, message)
    failed = condition(job, "Failed")
    if failed and failed.get("reason") == "DeadlineExceeded":
        return Why("DeadlineExceeded", f"did not end within {job['spec']['activeDeadlineSeconds']} s (timeoutSeconds)")
    ending = _last_ending(pods)
    if ending is not None and ending.why.reason:
        return ending.why
    return Why(failed.get("reason", ""), failed.get("message", "")) if failed else Why()
