"""What a Job looks like: raw Job and Pod dicts -> `ObservedJob`.

This module knows how Kubernetes says that a Job is suspended, complete or failed. `plan.py` and `steps.py` decide what
follows.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from datareplication.core import names, times, words
from datareplication.core.names import Step
from datareplication.core.phases import JobState
from datareplication.core.pods import Ending, ObservedPod, Why, observe_pod, shown_why
from datareplication.core.report import Progress, Report
from datareplication.errors import PERMANENT_EXIT_CODES

HELD = Why(
    "JobHeld", "its Job is suspended by somebody else (a queue such as Kueue, a person) and goes on when resumed"
)


@dataclass(frozen=True)
class ObservedJob:
    """One step's Job and its pods, at one moment."""

    step: Step
    state: JobState = "Absent"
    name: str = ""
    resource_version: str = ""
    attempts: int = 0
    """Pods that ran or run; disruptions do not count."""
    counted: int = 0
    """Pods that Kubernetes has counted."""
    failed: int = 0
    """Pods that failed."""
    active: int = 0
    """Pods that exist or are still ending."""
    delayed: int = 0
    """Failed attempts that have already had their retry delay."""
    retry_at: datetime | None = None
    """When the current retry delay ends."""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    waiting: Why | None = None
    """Why the pod that should run does not."""
    why: Why = field(default_factory=Why)
    """Why the Job failed."""
    pods: tuple[ObservedPod, ...] = ()
    progress: Progress | None = None
    has_won: bool = False
    """Whether the program has succeeded, whatever becomes of the rest of its pod."""
    is_miscounted: bool = False
    """Whether attempts have failed that Kubernetes' own count, and so its backoffLimit, does not include."""
    deleted_at: datetime | None = None

    @property
    def waiting_pod(self) -> ObservedPod | None:
        """Return the pod that has not started."""
        return next((pod for pod in self.pods if pod.waiting), None)

    @property
    def quiet_since(self) -> datetime | None:
        """Return since when the Job waits for its controller to make a pod; None when it does not wait."""
        if self.state != "Pending" or self.active or any(pod.ending is None for pod in self.pods):
            return None
        moments = [self.started_at, self.deleted_at, *(pod.ending.ended_at for pod in self.pods if pod.ending)]
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
        """Return what the attempt that succeeded said."""
        found = [pod.ending.report for pod in self.pods if pod.ending and pod.ending.exit_code == 0]
        return next((report for report in found if report and report.outcome == "Succeeded"), None)

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
        if not names.is_of_a_run(dict(job)):
            return ObservedJob(step, state="Foreign", name=metadata["name"])
        # The Job of a deleted run of the same name is about to go; the Job of another run may stay.
        name = metadata["name"]
        told = f"Job {name} belongs to another run, or to one that was deleted; the step waits until the Job is gone"
        return ObservedJob(step, state="Taken", name=name, why=Why("JobNameTaken", told))
    own = [observe_pod(pod, step.role, now) for pod in pods if names.is_owned_by(dict(pod), metadata["uid"])]
    own.sort(key=lambda pod: (pod.created, pod.name))
    annotations = metadata.get("annotations") or {}
    return ObservedJob(
        step,
        state=_state(job, own),
        name=metadata["name"],
        resource_version=metadata["resourceVersion"],
        # The Job's count lags behind its pods, which may be gone.
        attempts=max(_counted(status), sum(not pod.is_disruption for pod in own)),
        counted=_counted(status),
        failed=_failed(status),
        active=_pods_at_work(job, own),
        delayed=_number(annotations.get(names.DELAYED_ANNOTATION)),
        retry_at=times.optional(annotations.get(names.RETRY_AT_ANNOTATION)),
        # The Job may have been read before its controller set startTime, and the pods after one of them has ended.
        started_at=times.past(
            times.optional(status.get("startTime")) or min((pod.created for pod in own), default=None), now
        ),
        ended_at=times.past(_ended_at(job, own), now),
        waiting=next((why for pod in own if (why := pod.lost or pod.waiting or pod.beside)), _hindered(job)),
        deleted_at=times.optional(metadata.get("deletionTimestamp")),
        why=_why(job, own),
        pods=tuple(own),
        has_won=_has_won(own),
    )


def condition(raw: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    """Return an object's condition of that type if it is True."""
    conditions = (raw.get("status") or {}).get("conditions") or ()
    return next((c for c in conditions if c.get("type") == kind and c.get("status") == "True"), None)


def _state(job: Mapping[str, Any], pods: Sequence[ObservedPod]) -> JobState:
    """Return the Job's state. If the program succeeded, so did the Job, whatever the Job controller says later."""
    status = job.get("status") or {}
    ended_before = _state_of_ended(job, pods)
    if ended_before is not None:
        return ended_before
    if condition(job, "FailureTarget"):
        return "Failing"
    if job["spec"].get("suspend"):
        return "Suspended" if _is_our_delay(job) else "Held"
    if any(pod.is_outlived and not pod.is_terminating for pod in pods):
        return "Outlived"
    uncounted = sum(pod.phase == "Failed" and not pod.is_disruption for pod in pods) > _count(status, "failed")
    return "Running" if uncounted or any(pod.phase == "Running" for pod in pods) else "Pending"


def _state_of_ended(job: Mapping[str, Any], pods: Sequence[ObservedPod]) -> JobState | None:
    """Return the state of a Job that has ended or is being ended; None for one that goes on."""
    is_failed, is_stopped = condition(job, "Failed") is not None, _is_stopped(job)
    if condition(job, "Complete"):
        return "Succeeded"
    if _has_won(pods):
        makes_none = is_failed or is_stopped or condition(job, "FailureTarget") is not None
        is_over = makes_none or not any(pod.is_outlived for pod in pods)
        return "Succeeded" if is_over else "Outlived"
    if is_failed:
        return "Failed"
    if is_stopped:
        # The Job's count lags behind its pods.
        is_at_work = _pods_at_work(job, pods) or any(pod.phase in ("Pending", "Running") for pod in pods)
        return "Stopping" if is_at_work else "Stopped"
    return None


def _has_won(pods: Iterable[ObservedPod]) -> bool:
    return any(pod.phase == "Succeeded" for pod in pods)


def _is_stopped(job: Mapping[str, Any]) -> bool:
    """Whether the operator has ended the Job. The annotation alone proves nothing: anybody may have set it."""
    annotations, spec = job["metadata"].get("annotations") or {}, job["spec"]
    return names.STOPPED_ANNOTATION in annotations and bool(
        spec.get("suspend") or spec.get("activeDeadlineSeconds") == 0
    )


def _is_our_delay(job: Mapping[str, Any]) -> bool:
    """Whether the operator has suspended the Job. Resuming removes the retry time, so others' suspensions have none."""
    annotations = job["metadata"].get("annotations") or {}
    failed = _count(job.get("status") or {}, "failed")
    has_time = times.optional(annotations.get(names.RETRY_AT_ANNOTATION)) is not None
    return has_time and _number(annotations.get(names.DELAYED_ANNOTATION)) >= max(1, failed)


def _number(text: str | None) -> int:
    """Return the number in an annotation, which anybody may have written; 0 if it is no number."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < len("1000000000") else 0


def _count(status: Mapping[str, Any], name: str) -> int:
    return int(status.get(name) or 0)


def _failed(status: Mapping[str, Any]) -> int:
    """Return how many pods have failed; a pod may be gone a moment before it is counted."""
    return _count(status, "failed") + len((status.get("uncountedTerminatedPods") or {}).get("failed") or ())


def _counted(status: Mapping[str, Any]) -> int:
    return sum(_count(status, name) for name in ("failed", "succeeded", "active"))


def _active(status: Mapping[str, Any]) -> int:
    return _count(status, "active") + _count(status, "terminating")


def _pods_at_work(job: Mapping[str, Any], pods: Iterable[ObservedPod]) -> int:
    """Return how many pods exist or are still ending. Kubernetes stops counting when a Job is being deleted."""
    if job["metadata"].get("deletionTimestamp"):
        return sum(pod.phase in ("Pending", "Running") for pod in pods)
    return _active(job.get("status") or {})


def _hindered(job: Mapping[str, Any]) -> Why | None:
    """Return why a Job makes no pod, if somebody has changed or deleted the Job."""
    if job["metadata"].get("deletionTimestamp"):
        return Why("JobTerminating", "its Job was deleted, and a finalizer holds its object")
    if job["spec"].get("parallelism") == 0:
        return Why("JobParallelism", "somebody has set spec.parallelism of its Job to 0, so that it makes no pod")
    return None


def _last_ending(pods: Sequence[ObservedPod]) -> Ending | None:
    return next((pod.ending for pod in reversed(pods) if pod.ending), None)


def _ended_at(job: Mapping[str, Any], pods: Sequence[ObservedPod]) -> datetime | None:
    failure = condition(job, "Failed") or {}
    told_at = (job.get("status") or {}).get("completionTime") or failure.get("lastTransitionTime")
    ending = _last_ending(pods)
    return times.optional(told_at) or (ending.ended_at if ending else None)


def _why(job: Mapping[str, Any], pods: Sequence[ObservedPod]) -> Why:
    """Return why the Job failed: why the operator ended it, else the last attempt's end, else the Job's condition."""
    if _is_stopped(job):
        reason, _, message = str(job["metadata"]["annotations"][names.STOPPED_ANNOTATION]).partition(": ")
        return shown_why(reason, message)
    failed = condition(job, "Failed")
    if failed and failed.get("reason") == "DeadlineExceeded":
        timeout = words.duration(job["spec"].get("activeDeadlineSeconds") or 0)
        return Why("DeadlineExceeded", f"did not end within {timeout} (timeoutSeconds)")
    ending = _last_ending(pods)
    if ending is not None and ending.why.reason:
        return ending.why
    return shown_why(failed.get("reason"), failed.get("message")) if failed else Why()
