"""Stands in for scheduler and kubelet: binds every pod, runs it for a moment and ends it as its script says.

What Kubernetes makes of that (attempts, back-off, Complete and Failed) is the real Job controller's.
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import aiohttp

from datareplication.core import names
from datareplication.core.report import Report
from faultlab.api import PLURALS, Api, ApiError, Object, path

NODE = "node-1"
RETRY_SECONDS = 0.5
GONE = (404, 409)
PODS = f"{PLURALS['pods']}/pods"


@dataclass(frozen=True)
class Attempt:
    """How one pod ends. seconds: how long it runs; None: until it is deleted. starts_after: seconds until it is bound."""

    report: Report
    seconds: float | None = 0.0
    starts_after: float = 0.0


@dataclass(frozen=True, order=True)
class Work:
    """What a pod is for."""

    namespace: str
    run: str
    step: str


Script = Callable[[Work, int], Attempt]
"""(what the pod is for, which attempt of it, from 0) -> how it ends."""


@dataclass
class Kubelet:
    """All nodes of a control plane; times are those of time.monotonic().

    succeeded: when each step's pod had succeeded, before anybody could know. told: when the API server had taken it.
    """

    api: Api
    scripts: dict[str, Script] = field(default_factory=dict)
    succeeded: dict[Work, float] = field(default_factory=dict)
    told: dict[Work, float] = field(default_factory=dict)
    started: Counter[Work] = field(default_factory=Counter)
    _known: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def run(self) -> None:
        """Serve for ever."""
        version = ""
        while True:
            try:
                if not version:
                    listed = await self.api.call("GET", PODS)
                    version = listed["metadata"]["resourceVersion"]
                    for pod in listed["items"]:
                        self._see(pod)
                async for event in self.api.watch(PODS, version):
                    if event["type"] == "ERROR":
                        break
                    if event["type"] != "DELETED":
                        self._see(event["object"])
                    version = event["object"]["metadata"]["resourceVersion"]
            except (ApiError, aiohttp.ClientError):
                await asyncio.sleep(0.1)
            version = ""

    def _see(self, pod: Object) -> None:
        uid = pod["metadata"]["uid"]
        phase = pod["status"].get("phase")
        script = self.scripts.get(pod["metadata"]["namespace"])
        if pod["metadata"].get("deletionTimestamp"):
            if task := self._known.get(uid):
                task.cancel()
            self._known[uid] = asyncio.create_task(self._remove(pod))
        elif uid not in self._known and phase == "Pending" and script is not None:
            self._known[uid] = asyncio.create_task(self._live(pod, script))

    async def _live(self, pod: Object, script: Script) -> None:
        """Take a pod through its life. It may be deleted at any moment."""
        metadata = pod["metadata"]
        work = _work(pod)
        attempt = script(work, self.started[work])
        self.started[work] += 1
        at = path("pods", metadata["namespace"], metadata["name"])
        await asyncio.sleep(attempt.starts_after)
        started = _now()
        with contextlib.suppress(ApiError, aiohttp.ClientError):
            binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": metadata["name"]}}
            target = {"apiVersion": "v1", "kind": "Node", "name": NODE}
            await self._until_taken(lambda: self.api.create(f"{at}/binding", {**binding, "target": target}))
            if attempt.seconds is None or attempt.seconds > 0:
                await self._say(at, "Running", pod, {"running": {"startedAt": started}})
                if attempt.seconds is None:
                    return
                await asyncio.sleep(attempt.seconds)
            code = attempt.report.exit_code
            ended = {"exitCode": code, "startedAt": started, "finishedAt": _now(), "message": attempt.report.to_json()}
            if not code:
                # Noted first: the operator may act on the answer before it reaches us.
                self.succeeded.setdefault(work, time.monotonic())
            await self._say(at, "Failed" if code else "Succeeded", pod, {"terminated": ended})
            if not code:
                self.told.setdefault(work, time.monotonic())

    async def _until_taken(self, write: Callable[[], Awaitable[Object]]) -> None:
        """Write until the API server has taken it, as a kubelet does; ApiError when it never will, or has already."""
        is_again = False
        while True:
            try:
                await write()
            except ApiError as error:
                if is_again and error.status == 409:  # the first one was taken, only its answer was lost
                    return
                if error.status < 500 and error.status != 429:
                    raise
            except (aiohttp.ClientError, TimeoutError):
                pass
            else:
                return
            is_again = True
            await asyncio.sleep(RETRY_SECONDS)

    async def _say(self, at: str, phase: str, pod: Object, state: Object) -> None:
        container = pod["spec"]["containers"][0]
        told = {
            "name": container["name"],
            "image": container["image"],
            "imageID": "",
            "ready": "running" in state,
            "restartCount": 0,
            "state": state,
        }
        status = {"status": {"phase": phase, "containerStatuses": [told]}}
        await self._until_taken(lambda: self.api.merge(f"{at}/status", status))

    async def _remove(self, pod: Object) -> None:
        """End a deleted pod: SIGTERM, then it is gone. One that has ended meanwhile stays as it ended."""
        metadata = pod["metadata"]
        at = path("pods", metadata["namespace"], metadata["name"])
        started = metadata["creationTimestamp"]
        with contextlib.suppress(ApiError, aiohttp.ClientError):
            if (await self.api.call("GET", at))["status"].get("phase") in ("Pending", "Running"):
                ended = {"exitCode": 143, "reason": "Error", "startedAt": started, "finishedAt": _now()}
                await self._say(at, "Failed", pod, {"terminated": ended})
            await self.api.call("DELETE", at, {"gracePeriodSeconds": 0})


def _work(pod: Object) -> Work:
    labels = pod["metadata"].get("labels") or {}
    role, target = labels.get(names.ROLE_LABEL, ""), labels.get(names.TARGET_LABEL, "")
    step = str(names.Step(role, target))
    return Work(pod["metadata"]["namespace"], labels.get(names.RUN_LABEL, ""), step)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
