"""What one pod of a Job looks like: raw Pod dict -> `ObservedPod`.

This module knows how Kubernetes says that a pod waits, runs, has ended or was evicted. `observed.py` decides what that
means for the Job. A pod may have more containers than ours (a mesh's sidecar, an agent, init containers). Only our
container, which is known by its name, decides the result of the step.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from datareplication.core import plain, times
from datareplication.core.reasons import Reason, Theirs, Word
from datareplication.core.report import Report

QUIET_REASONS = {"ContainerCreating", "PodInitializing", ""}
"""Reasons that every pod goes through. If the pod stays there, only its Events say why."""

TELLING_REASONS = {"FailedMount", "FailedAttachVolume", "FailedScheduling", "FailedCreatePodSandBox", "FailedCreate"}

LOST_SECONDS = 60
"""If a pod still exists this long after it should have ended, its node does not answer."""

ENDED = ("Succeeded", "Failed")


@dataclass(frozen=True)
class Why:
    """A reason for programs and a message for people. Text that others wrote goes through `shown_why`."""

    reason: Word = ""
    message: str = ""


@dataclass(frozen=True)
class Ending:
    """How a pod's container ended. exit_code: None when it never ran, because the pod failed before."""

    exit_code: int | None
    started_at: datetime | None
    ended_at: datetime | None
    why: Why
    report: Report | None


@dataclass(frozen=True)
class ObservedPod:
    """One pod, from the view of our container."""

    name: str
    created: datetime
    phase: str
    """Of our container: Pending, Running, Succeeded or Failed."""
    node: str = ""
    waiting: Why | None = None
    """Why our container does not run yet."""
    beside: Why | None = None
    """Why another container does not run, while ours does."""
    ending: Ending | None = None
    """How our container ended."""
    lost: Why | None = None
    """Why the end of our container cannot be seen."""
    is_disruption: bool = False
    is_outlived: bool = False
    """Our container has ended but the pod has not, or another container has failed while ours succeeded."""
    is_terminating: bool = False


def shown_why(reason: object, message: object) -> Why:
    """Return what Kubernetes or somebody else tells, made safe to show."""
    return Why(Theirs(plain.word(reason)), plain.text(message))


def observe_pod(pod: Mapping[str, Any], container: str, now: datetime) -> ObservedPod:
    """Return what a pod shows of our container, whose name is `container`."""
    metadata, status = pod["metadata"], pod.get("status") or {}
    disruption = _condition_of(status, "DisruptionTarget", "True")
    phase = _phase(status, container)
    is_terminating = bool(metadata.get("deletionTimestamp"))
    is_waiting = phase == "Pending" and not is_terminating
    beside = _waiting_beside(status, container)
    return ObservedPod(
        name=metadata["name"],
        created=times.from_text(metadata["creationTimestamp"]),
        phase=phase,
        node=(pod.get("spec") or {}).get("nodeName", ""),
        waiting=(_waiting(status, container) or beside or _starting(pod)) if is_waiting else None,
        beside=beside if phase == "Running" else None,
        ending=_in_time(_ending(status, container, disruption), now),
        lost=_lost(pod, now),
        is_disruption=disruption is not None,
        is_outlived=_is_outlived(status, container),
        is_terminating=is_terminating,
    )


def _in_time(ending: Ending | None, now: datetime) -> Ending | None:
    """Return an ending without a time in the future: a node's clock may be ahead."""
    if ending is None:
        return None
    return replace(ending, started_at=times.past(ending.started_at, now), ended_at=times.past(ending.ended_at, now))


def is_at_work(pod: Mapping[str, Any]) -> bool:
    """Whether a pod has not ended."""
    return (pod.get("status") or {}).get("phase") not in ENDED


def why_from_events(events: Iterable[Mapping[str, Any]], since: datetime) -> Why | None:
    """Return what the latest Event of a pod or a Job with one of TELLING_REASONS says: only Events tell that.

    since: older Events belong to an earlier attempt.
    """

    def at(event: Mapping[str, Any]) -> datetime:
        return times.optional(event.get("lastTimestamp") or event.get("eventTime")) or since

    telling = [event for event in events if event.get("reason") in TELLING_REASONS and at(event) >= since]
    telling.sort(key=at)
    return shown_why(telling[-1]["reason"], telling[-1].get("message")) if telling else None


def _statuses(status: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(status.get("containerStatuses") or ())


def _state(container: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    """Return a container's state if it is `waiting`, `running` or `terminated`, as asked."""
    state = container.get("state") or {}
    return state.get(kind) or {} if kind in state else None


def _ours(status: Mapping[str, Any], container: str) -> Mapping[str, Any]:
    return next((one for one in _statuses(status) if one.get("name") == container), {})


def _others(status: Mapping[str, Any], container: str) -> list[Mapping[str, Any]]:
    return [one for one in _statuses(status) if one.get("name") != container]


def _phase(status: Mapping[str, Any], container: str) -> str:
    ours, of_pod = _ours(status, container), str(status.get("phase", "Pending"))
    end = _state(ours, "terminated")
    if end is not None:
        return "Failed" if end.get("exitCode") else "Succeeded"
    if not ours or of_pod in ENDED:
        return of_pod
    return "Pending" if _state(ours, "running") is None else "Running"


def _is_outlived(status: Mapping[str, Any], container: str) -> bool:
    """Whether our container has ended but others go on, or ours succeeded but another has failed.

    Containers that Kubernetes ends itself (init containers with restartPolicy Always) do not count.
    """
    end = _state(_ours(status, container), "terminated")
    if end is None:
        return False
    others = [_state(one, "terminated") for one in _others(status, container)]
    has_failed_beside = not end.get("exitCode") and any(other and other.get("exitCode") for other in others)
    return has_failed_beside or any(other is None for other in others)


def _waiting(status: Mapping[str, Any], container: str) -> Why | None:
    waiting = _state(_ours(status, container), "waiting") or {}
    return None if waiting.get("reason", "") in QUIET_REASONS else shown_why(waiting["reason"], waiting.get("message"))


def _waiting_beside(status: Mapping[str, Any], container: str) -> Why | None:
    """Return why another container of the pod does not start, for example an image that cannot be pulled."""
    groups: list[tuple[Reason, str, Iterable[Mapping[str, Any]]]] = [
        ("InitContainerWaiting", "init container", status.get("initContainerStatuses") or ()),
        ("SidecarWaiting", "container", _others(status, container)),
    ]
    for reason, kind, statuses in groups:
        for one in statuses:
            waiting = _state(one, "waiting") or {}
            if waiting.get("reason", "") not in QUIET_REASONS:
                words = (f"{kind} {one.get('name')} of the pod", waiting["reason"], waiting.get("message"))
                return Why(reason, plain.text(": ".join(filter(None, words))))
    return None


def _starting(pod: Mapping[str, Any]) -> Why:
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    unscheduled = _condition_of(status, "PodScheduled", "False")
    if unscheduled:
        return shown_why(unscheduled.get("reason"), unscheduled.get("message"))
    go_on = {one.get("name") for one in spec.get("initContainers") or () if one.get("restartPolicy") == "Always"}
    inits = [one for one in status.get("initContainerStatuses") or () if one.get("name") not in go_on]
    is_held = any(_state(one, "running") is not None for one in inits)
    return Why("InitContainerRunning" if is_held else "ContainerCreating")


def _ending(status: Mapping[str, Any], container: str, disruption: Mapping[str, Any] | None) -> Ending | None:
    end = _state(_ours(status, container), "terminated")
    if end is None:
        return _ending_before(status, disruption) if status.get("phase") == "Failed" else None
    report = Report.from_json(end.get("message") or "")
    return Ending(
        exit_code=int(end.get("exitCode") or 0),
        started_at=times.optional(end.get("startedAt")),
        ended_at=times.optional(end.get("finishedAt")),  # null where nobody knows: ContainerStatusUnknown
        why=_why(end, report, disruption),
        report=report,
    )


def _ending_before(status: Mapping[str, Any], disruption: Mapping[str, Any] | None) -> Ending:
    """Return how a pod failed before our container ran: an init container failed, or its node refused or evicted it."""
    for one in status.get("initContainerStatuses") or ():
        end = _state(one, "terminated") or {}
        if end.get("exitCode"):
            text = f"init container {one.get('name')} of the pod ended with exit code {end['exitCode']}"
            why = Why("InitContainerFailed", plain.text(": ".join(filter(None, (text, end.get("message"))))))
            break
    else:
        end = {}
        why = shown_why(
            status.get("reason") or "PodFailed",
            status.get("message") or "the pod failed, and no end of its program was seen",
        )
    why = _disrupted(disruption) if disruption is not None else why
    return Ending(None, times.optional(end.get("startedAt")), times.optional(end.get("finishedAt")), why, None)


def _why(end: Mapping[str, Any], report: Report | None, disruption: Mapping[str, Any] | None) -> Why:
    """Return why our container failed: a disruption, else the program's report, else the container's end."""
    if not end.get("exitCode"):
        return Why()
    if disruption is not None:
        return _disrupted(disruption)
    if report is not None and report.outcome == "Failed":
        return shown_why(report.reason, report.message)
    if end.get("reason") == "OOMKilled":
        return shown_why("OOMKilled", "the pod used more memory than its limit; raise resources.limits.memory")
    text = plain.text((end.get("message") or "").strip(), limit=500)
    return Why("PodFailed", f"the pod ended with exit code {end['exitCode']}" + (f": {text}" if text else ""))


def _disrupted(disruption: Mapping[str, Any]) -> Why:
    text = f"the pod was taken away ({disruption.get('message') or 'disrupted'}); this costs no attempt"
    return shown_why(disruption.get("reason") or "Disruption", text)


def _lost(pod: Mapping[str, Any], now: datetime) -> Why | None:
    gone_at = times.optional(pod["metadata"].get("deletionTimestamp"))
    if gone_at is None or not is_at_work(pod) or now - gone_at < timedelta(seconds=LOST_SECONDS):
        return None
    node = (pod.get("spec") or {}).get("nodeName", "")
    text = f"node {node} does not answer, so its pod {pod['metadata']['name']} stays Terminating and no other may start"
    return Why("NodeLost", f"{text}; delete the node or taint it node.kubernetes.io/out-of-service")


def _condition_of(status: Mapping[str, Any], kind: str, value: str) -> Mapping[str, Any] | None:
    conditions = status.get("conditions") or ()
    return next((c for c in conditions if c.get("type") == kind and c.get("status") == value), None)
