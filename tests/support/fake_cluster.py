"""An API server in memory: the other implementation of `controller.cluster.Cluster`.

It keeps what matters to an operator: names as locks, uids, resourceVersions as preconditions, the status subresource,
merge patches, garbage collection by owner. It can die before or after any call, as the operator's process can.
"""

import marshal
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from datareplication.controller.cluster import AlreadyExistsError, ConflictError, Keep, Kind, Object
from datareplication.core import names, times
from datareplication.core.report import Report

T = TypeVar("T")


class CrashError(BaseException):
    """The operator's process was killed."""


def copied(item: T) -> T:
    """Return a copy of plain values that shares nothing; ValueError for what could not come from an API."""
    plain: Any = item
    copy: T = marshal.loads(marshal.dumps(plain))  # noqa: S302 - it was dumped just now
    return copy


@dataclass
class Clock:
    """A clock that tests move."""

    moment: datetime = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def advance(self, **delta: float) -> None:
        self.moment += timedelta(**delta)


@dataclass
class FakeCluster:
    """Objects by (kind, namespace, name); `calls` counts API calls, `writes` lists those that changed something."""

    clock: Clock
    objects: dict[tuple[str, str, str], Object] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)
    logs: dict[str, list[str]] = field(default_factory=dict)
    calls: int = 0
    crash_before: int = 0
    crash_after: int = 0
    on_call: Callable[[str, Kind, str], None] | None = None
    _version: int = 0

    def put(self, kind: Kind, manifest: Object) -> Object:
        """Store an object as `kubectl create` would, without counting a call."""
        stored = copied(manifest)
        metadata = stored["metadata"]
        stored.setdefault("apiVersion", kind.api_version)
        stored.setdefault("kind", kind.name)
        self._version += 1
        metadata.setdefault("uid", f"uid-{self._version}")
        metadata.setdefault("generation", 1)
        metadata.setdefault("creationTimestamp", times.to_text(self.clock()))
        metadata["resourceVersion"] = str(self._version)
        self.objects[kind.name, metadata["namespace"], metadata["name"]] = stored
        return copied(stored)

    def peek(self, kind: Kind, namespace: str, name: str) -> Object:
        """Return a live object for a test to look at or change."""
        return self.objects[kind.name, namespace, name]

    def of_kind(self, kind: Kind) -> list[Object]:
        return [item for (name, _, _), item in sorted(self.objects.items()) if name == kind.name]

    async def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        with self._call("get", kind, name):
            return copied(self.objects.get((kind.name, namespace, name)))

    async def list_all(
        self, kind: Kind, namespace: str, *, labels: str = "", fields: str = "", keep: Keep = dict
    ) -> list[Object]:
        with self._call("list", kind, namespace):
            found = [item for item in self.of_kind(kind) if namespace in ("", item["metadata"]["namespace"])]
            chosen = [item for item in found if _has_labels(item, labels) and _has_field(item, fields)]
            return [keep(copied(item)) for item in chosen]

    async def create(self, kind: Kind, manifest: Object) -> Object:
        metadata = manifest["metadata"]
        with self._call("create", kind, metadata["name"]):
            if (kind.name, metadata["namespace"], metadata["name"]) in self.objects:
                raise AlreadyExistsError(f"{kind.plural} {metadata['name']!r} already exists", 409)
            self.writes.append(f"create {kind.name} {metadata['name']}")
            return self.put(kind, {key: value for key, value in manifest.items() if key != "status"})

    async def patch(self, kind: Kind, namespace: str, name: str, patch: Object) -> Object:
        with self._call("patch", kind, name):
            stored = self._current(kind, namespace, name, patch.get("metadata", {}).get("resourceVersion"))
            changed = _merged(stored, patch)
            if changed == stored:
                return stored
            self.writes.append(f"patch {kind.name} {name}")
            return self.put(kind, changed)

    async def write_status(self, kind: Kind, manifest: Object) -> Object:
        metadata = manifest["metadata"]
        with self._call("status", kind, metadata["name"]):
            stored = self._current(kind, metadata["namespace"], metadata["name"], metadata["resourceVersion"])
            if stored.get("status") == manifest.get("status"):
                return copied(stored)
            self.writes.append(f"status {kind.name} {metadata['name']}")
            return self.put(kind, {**stored, "status": copied(manifest["status"])})

    async def confirmed(self, kind: Kind, namespace: str, name: str) -> Object | None:
        with self._call("confirmed", kind, name):
            return copied(self.objects.get((kind.name, namespace, name)))

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        with self._call("delete", kind, name):
            stored = self.objects.get((kind.name, namespace, name))
            if stored is None or stored["metadata"]["uid"] != uid:
                return
            self.writes.append(f"delete {kind.name} {name}")
            self.remove(kind, namespace, name)

    async def log_tail(self, namespace: str, pod: str, container: str, lines: int) -> list[str]:
        with self._call("log", Kind("Pod", "v1", "pods"), f"{namespace}/{pod}"):
            names_ = [one["name"] for one in self.peek(_POD, namespace, pod)["status"]["containerStatuses"]]
            return self.logs.get(pod, [])[-lines:] if container in names_ else []

    def remove(self, kind: Kind, namespace: str, name: str) -> None:
        """Delete an object and, as the garbage collector does, what it owns."""
        removed = self.objects.pop((kind.name, namespace, name))
        for (child_kind, space, child_name), child in list(self.objects.items()):
            if names.is_owned_by(child, removed["metadata"]["uid"]) and (child_kind, space, child_name) in self.objects:
                self.remove(Kind(child_kind, child["apiVersion"], ""), space, child_name)

    def _current(self, kind: Kind, namespace: str, name: str, version: str | None) -> Object:
        stored = self.objects.get((kind.name, namespace, name))
        if stored is None:
            raise ConflictError(f"{kind.plural} {name!r} not found", 404)
        if version is not None and stored["metadata"]["resourceVersion"] != version:
            raise ConflictError(f"{kind.plural} {name!r}: the object has been modified", 409)
        return copied(stored)

    def _call(self, verb: str, kind: Kind, name: str) -> "_Call":
        self.calls += 1
        if self.on_call:
            self.on_call(verb, kind, name)
        return _Call(self, self.calls)


@dataclass
class _Call:
    cluster: FakeCluster
    number: int

    def __enter__(self) -> None:
        if self.cluster.crash_before == self.number:
            raise CrashError

    def __exit__(self, *_: object) -> None:
        if self.cluster.crash_after == self.number:
            raise CrashError


def _merged(stored: Any, patch: Any) -> Any:
    if not isinstance(patch, dict) or not isinstance(stored, dict):
        return copied(patch)
    merged = dict(stored)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merged(merged.get(key), value)
    return merged


def _has_labels(item: Object, selector: str) -> bool:
    labels = item["metadata"].get("labels") or {}
    return all(labels.get(part.partition("=")[0]) == part.partition("=")[2] for part in selector.split(",") if part)


def _has_field(item: Object, selector: str) -> bool:
    if not selector:
        return True
    path, _, wanted = selector.partition("=")
    value: Any = item
    for part in path.split("."):
        value = value.get(part, {})
    return bool(value == wanted)


class JobController:
    """What Kubernetes does with Jobs, as far as the operator sees it; each method is one change."""

    def __init__(self, cluster: FakeCluster) -> None:
        self._cluster = cluster
        self._made: Counter[str] = Counter()

    def start(self, job: Object, *, phase: str = "Running", waiting: dict[str, str] | None = None) -> Object:
        """Give a Job an active pod."""
        metadata = job["metadata"]
        name = f"{metadata['name']}-{self._made[metadata['uid']]}"
        self._made[metadata["uid"]] += 1
        status: Object = {
            "phase": phase,
            "containerStatuses": [
                {"name": _container(job), "state": {"waiting": waiting} if waiting else {"running": {}}}
            ],
        }
        labels = job["spec"]["template"]["metadata"]["labels"]
        owner = {"kind": "Job", "name": metadata["name"], "uid": metadata["uid"], "controller": True}
        pod = {
            "metadata": {
                "name": name,
                "namespace": metadata["namespace"],
                "labels": labels,
                "ownerReferences": [owner],
            },
            "spec": {"nodeName": "node-1"},
            "status": status,
        }
        counts = job.setdefault("status", {})
        counts.setdefault("startTime", times.to_text(self._cluster.clock()))
        counts["active"] = 1
        self._bump(job)
        return self._cluster.put(_POD, pod)

    def end(self, job: Object, report: Report, *, exit_code: int = 0, is_final: bool = False) -> None:
        """End the active pod with a report; a success, a permanent code or `is_final` ends the Job as well."""
        now = times.to_text(self._cluster.clock())
        pod = self._cluster.peek(_POD, job["metadata"]["namespace"], self._pods(job)[-1]["metadata"]["name"])
        ended = {"exitCode": exit_code, "finishedAt": now, "message": report.to_json()}
        pod["status"] = {
            "phase": "Failed" if exit_code else "Succeeded",
            "containerStatuses": [{"name": _container(job), "state": {"terminated": ended}}],
        }
        counts = job["status"]
        counts["active"] = 0
        counts["failed" if exit_code else "succeeded"] = counts.get("failed" if exit_code else "succeeded", 0) + 1
        if exit_code == 0:
            counts["completionTime"] = now
            counts["conditions"] = [{"type": "Complete", "status": "True", "lastTransitionTime": now}]
        elif is_final:
            counts["conditions"] = [
                {"type": "Failed", "status": "True", "reason": "PodFailurePolicy", "lastTransitionTime": now}
            ]
        self._bump(job)

    def take_away(self, job: Object) -> None:
        """Remove the pods of a suspended Job, as its controller does."""
        for pod in self._pods(job):
            self._cluster.remove(_POD, job["metadata"]["namespace"], pod["metadata"]["name"])
        job["status"]["active"] = 0
        self._bump(job)

    def _pods(self, job: Object) -> list[Object]:
        return [pod for pod in self._cluster.of_kind(_POD) if names.is_owned_by(pod, job["metadata"]["uid"])]

    def _bump(self, job: Object) -> None:
        self._cluster.put(_JOB, job)


def _container(job: Object) -> str:
    return str(job["spec"]["template"]["spec"]["containers"][0]["name"])


_POD = Kind("Pod", "v1", "pods")
_JOB = Kind("Job", "batch/v1", "jobs")
