"""What one pod of a Job looks like: raw Pod dict -> `ObservedPod`.

It owns how Kubernetes says that a pod waits, runs, has ended or was evicted. What that means for the Job is
`observed.py`'s.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from datareplication.core import times
from datareplication.core.report import Report

QUIET_REASONS = {"ContainerCreating", "PodInitializing", ""}
"""Reasons that every pod goes through; what holds one up then stands only in its Events."""

TELLING_REASONS = {"FailedMount", "FailedAttachVolume", "FailedScheduling", "FailedCreatePodSandBox", "FailedCreate"}

LOST_SECONDS = 60
"""A pod that is still there this long after it should have ended is on a node that nobody hears from."""


@dataclass(frozen=True)
class Why:
    """A reason for programs and a message for people."""

    reason: str = ""
    message: str = ""


@dataclass(frozen=True)
class Ending:
    """How a pod's container ended."""

    exit_code: int
    started_at: datetime | None
    ended_at: datetime | None
    why: Why
    report: Report | None


@dataclass(frozen=True)
class ObservedPod:
    """One pod. waiting: why it does not run yet; ending: how it ended; lost: why its end cannot be seen."""

    name: str
    created: datetime
    phase: str
    node: str = ""
    waiting: Why | None = None
    ending: Ending | None = None
    lost: Why | None = None
    is_disruption: bool = False


def observe_pod(pod: Mapping[str, Any], now: datetime) -> ObservedPod:
    """Return what a pod shows."""
    metadata, status = pod["metadata"], pod.get("status") or {}
    phase = str(status.get("phase", "Pending"))
    disruption = _condition(status, "DisruptionTarget", "True")
    is_waiting = phase == "Pending" and not metadata.get("deletionTimestamp")
    return ObservedPod(
        name=metadata["name"],
        created=times.from_text(metadata["creationTimestamp"]),
        phase=phase,
        node=(pod.get("spec") or {}).get("nodeName", ""),
        waiting=_waiting(status) if is_waiting else None,
        ending=_ending(status, disruption),
        lost=_lost(pod, phase, now),
        is_disruption=disruption is not None,
    )


def why_from_events(events: Iterable[Mapping[str, Any]], since: datetime) -> Why | None:
    """Return what the latest telling Event of a pod or a Job says: what it says is told nowhere else.

    since: older ones are of an attempt before.
    """

    def at(event: Mapping[str, Any]) -> datetime:
        return times.optional(event.get("lastTimestamp") or event.get("eventTime")) or since

    telling = [event for event in events if event.get("reason") in TELLING_REASONS and at(event) >= since]
    telling.sort(key=at)
    return Why(telling[-1]["reason"], telling[-1].get("message", "")) if telling else None


def _waiting(status: Mapping[str, Any]) -> Why:
    for container in status.get("containerStatuses") or ():
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason", "") not in QUIET_REASONS:
            return Why(waiting["reason"], waiting.get("message", ""))
    unscheduled = _condition(status, "PodScheduled", "False")
    if unscheduled:
        return Why(unscheduled.get("reason", ""), unscheduled.get("message", ""))
    return Why("ContainerCreating", "")


def _ending(status: Mapping[str, Any], disruption: Mapping[str, Any] | None) -> Ending | None:
    containers = status.get("containerStatuses") or ()
    end = next((c["state"]["terminated"] for c in containers if (c.get("state") or {}).get("terminated")), None)
    if end is None:
        return None
    report = Report.from_json(end.get("message") or "")
    return Ending(
        exit_code=int(end.get("exitCode") or 0),
        started_at=times.optional(end.get("startedAt")),
        ended_at=times.optional(end.get("finishedAt")),  # null where nobody knows: ContainerStatusUnknown
        why=_why(end, report, disruption),
        report=report,
    )


def _why(end: Mapping[str, Any], report: Report | None, disruption: Mapping[str, Any] | None) -> Why:
    """Prefer who took the pod away, then the program's own words, then the container's end."""
    if not end.get("exitCode"):
        return Why()
    if disruption is not None:
        text = f"the pod was taken away ({disruption.get('message') or 'disrupted'}); this costs no attempt"
        return Why(disruption.get("reason") or "Disruption", text)
    if report is not None and report.outcome == "Failed":
        return Why(report.reason, report.message)
    if end.get("reason") == "OOMKilled":
        return Why("OOMKilled", "the pod used more memory than its limit; raise resources.limits.memory")
    text = (end.get("message") or "").strip()
    return Why("PodFailed", f"the pod ended with exit code {end['exitCode']}" + (f": {text[:500]}" if text else ""))


def _lost(pod: Mapping[str, Any], phase: str, now: datetime) -> Why | None:
    gone_at = times.optional(pod["metadata"].get("deletionTimestamp"))
    if gone_at is None or phase in ("Succeeded", "Failed") or now - gone_at < timedelta(seconds=LOST_SECONDS):
        return None
    node = (pod.get("spec") or {}).get("nodeName", "")
    text = f"node {node} does not answer, so its pod {pod['metadata']['name']} stays Terminating and no other may start"
    return Why("NodeLost", f"{text}; delete the node or taint it node.kubernetes.io/out-of-service")


def _condition(status: Mapping[str, Any], kind: str, value: str) -> Mapping[str, Any] | None:
    conditions = status.get("conditions") or ()
    return next((c for c in conditions if c.get("type") == kind and c.get("status") == value), None)
