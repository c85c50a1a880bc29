"""What a Job looks like: raw Job and Pod dicts -> `ObservedJob`.

It owns how Kubernetes says things (conditions, container states). What follows from them is `plan.py`'s and
`status.py`'s.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from datareplication.core import names, times
from datareplication.core.names import Step
from datareplication.core.report import Progress, Report

JobState = Literal["Absent", "Foreign", "Suspended", "Pending", "Running", "Succeeded", "Failed", "Stopping", "Stopped"]

QUIET_REASONS = {"ContainerCreating", "PodInitializing", ""}
"""Reasons that every pod goes through; what holds one up then stands only in its Events."""

POD_EVENT_REASONS = {"FailedMount", "FailedAttachVolume", "FailedScheduling", "FailedCreatePodSandBox"}


@dataclass(frozen=True)
class Why:
    """A reason for programs and a message for people."""

    reason: str = ""
    message: str = ""


@dataclass(frozen=True)
class ObservedJob:
    """One step's Job and its pods, at one moment.

    attempts counts pods that ran or run (disruptions are not counted); failed those that failed. delayed is how many
    failed attempts have already had their retry delay, retry_at when the current delay ends. waiting says why a pod
    that exists does not run, since waiting_since. report is what the last ended attempt said. why tells a failure.
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
    waiting: Why | None = None
    waiting_since: datetime | None = None
    waiting_pod: str = ""
    running_pod: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    report: Report | None = None
    why: Why = field(default_factory=Why)
    node: str = ""
    progress: Progress | None = None


def observe(
    step: Step, job: Mapping[str, Any] | None, pods: Iterable[Mapping[str, Any]], owner_uid: str
) -> ObservedJob:
    """Return what a step's Job shows; `pods` are those of the run, of any step. A Job of another owner is `Foreign`."""
    if job is None:
        return ObservedJob(step)
    if not names.is_owned_by(dict(job), owner_uid):
        return ObservedJob(step, state="Foreign", name=job["metadata"]["name"])
    own = sorted((pod for pod in pods if names.is_owned_by(dict(pod), job["metadata"]["uid"])), key=_created)
    status = job.get("status") or {}
    annotations = job["metadata"].get("annotations") or {}
    pending = next((pod for pod in own if _is_waiting(pod)), None)
    ended = [pod for pod in own if _terminated(pod)]
    report = _report(ended[-1]) if ended else None
    return ObservedJob(
        step,
        state=_state(job, own),
        name=job["metadata"]["name"],
        resource_version=job["metadata"]["resourceVersion"],
        attempts=sum(int(status.get(count) or 0) for count in ("failed", "succeeded", "active")),
        failed=int(status.get("failed") or 0),
        active=_active(job),
        delayed=int(annotations.get(names.DELAYED_ANNOTATION, "0")),
        retry_at=times.optional(annotations.get(names.RETRY_AT_ANNOTATION)),
        waiting=_waiting(pending) if pending else None,
        waiting_since=times.optional(pending["metadata"]["creationTimestamp"]) if pending else None,
        waiting_pod=pending["metadata"]["name"] if pending else "",
        running_pod=next((pod["metadata"]["name"] for pod in own if _phase(pod) == "Running"), ""),
        started_at=times.optional(status.get("startTime")),
        ended_at=_ended_at(job, ended),
        report=report,
        why=_why(job, ended[-1] if ended else None, report),
        node=next((pod["spec"]["nodeName"] for pod in reversed(own) if pod.get("spec", {}).get("nodeName")), ""),
    )


def why_from_events(events: Iterable[Mapping[str, Any]]) -> Why | None:
    """Return what the latest telling Event of a pod says; a volume that cannot be mounted is told nowhere else."""
    telling = [event for event in events if event.get("reason") in POD_EVENT_REASONS]
    telling.sort(key=lambda event: str(event.get("lastTimestamp") or event.get("eventTime") or ""))
    return Why(telling[-1]["reason"], telling[-1].get("message", "")) if telling else None


def condition(raw: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    """Return an object's condition of that type if it is True."""
    conditions = (raw.get("status") or {}).get("conditions") or ()
    return next((c for c in conditions if c.get("type") == kind and c.get("status") == "True"), None)


def _state(job: Mapping[str, Any], pods: list[Mapping[str, Any]]) -> JobState:
    """Return the state; a pod that has succeeded is the Job's success, which its controller says some seconds later."""
    if condition(job, "Complete") or any(_phase(pod) == "Succeeded" for pod in pods):
        return "Succeeded"
    if condition(job, "Failed"):
        return "Failed"
    if names.STOPPED_ANNOTATION in (job["metadata"].get("annotations") or {}):
        return "Stopping" if _active(job) else "Stopped"
    if job["spec"].get("suspend"):
        return "Suspended"
    uncounted = sum(_phase(pod) == "Failed" for pod in pods) > int((job.get("status") or {}).get("failed") or 0)
    return "Running" if uncounted or any(_phase(pod) == "Running" for pod in pods) else "Pending"


def _active(job: Mapping[str, Any]) -> int:
    status = job.get("status") or {}
    return int(status.get("active") or 0) + int(status.get("terminating") or 0)


def _ended_at(job: Mapping[str, Any], ended: list[Mapping[str, Any]]) -> datetime | None:
    completion = (job.get("status") or {}).get("completionTime")
    failure = condition(job, "Failed")
    if completion or failure:
        return times.from_text(completion or failure["lastTransitionTime"])  # type: ignore[index]
    return times.optional(_terminated(ended[-1])["finishedAt"]) if ended else None


def _why(job: Mapping[str, Any], last: Mapping[str, Any] | None, report: Report | None) -> Why:
    """Prefer the program's own words, then the container's end, then the Job's condition."""
    stopped = (job["metadata"].get("annotations") or {}).get(names.STOPPED_ANNOTATION)
    if stopped:
        reason, _, message = stopped.partition(": ")
        return Why(reason, message)
    failed = condition(job, "Failed")
    if failed and failed.get("reason") == "DeadlineExceeded":
        return Why("DeadlineExceeded", f"did not end within {job['spec']['activeDeadlineSeconds']} s (timeoutSeconds)")
    if report is not None and report.outcome == "Failed":
        return Why(report.reason, report.message)
    if last is not None and (end := _terminated(last)).get("exitCode"):
        return _killed(end)
    return Why(failed.get("reason", ""), failed.get("message", "")) if failed else Why()


def _killed(end: Mapping[str, Any]) -> Why:
    if end.get("reason") == "OOMKilled":
        return Why("OOMKilled", "the pod used more memory than its limit; raise resources.limits.memory")
    text = (end.get("message") or "").strip()
    return Why("PodFailed", f"the pod ended with exit code {end['exitCode']}" + (f": {text[:500]}" if text else ""))


def _report(pod: Mapping[str, Any]) -> Report | None:
    return Report.from_json(_terminated(pod).get("message") or "")


def _terminated(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    return next((s["state"]["terminated"] for s in statuses if (s.get("state") or {}).get("terminated")), {})


def _is_waiting(pod: Mapping[str, Any]) -> bool:
    return _phase(pod) == "Pending" and not pod["metadata"].get("deletionTimestamp")


def _waiting(pod: Mapping[str, Any]) -> Why:
    status = pod.get("status") or {}
    for container in status.get("containerStatuses") or ():
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason", "") not in QUIET_REASONS:
            return Why(waiting["reason"], waiting.get("message", ""))
    for entry in status.get("conditions") or ():
        if entry.get("type") == "PodScheduled" and entry.get("status") == "False":
            return Why(entry.get("reason", ""), entry.get("message", ""))
    return Why("ContainerCreating", "")


def _phase(pod: Mapping[str, Any]) -> str:
    return str((pod.get("status") or {}).get("phase", "Pending"))


def _created(pod: Mapping[str, Any]) -> str:
    return str(pod["metadata"]["creationTimestamp"])
