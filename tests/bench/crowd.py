"""Many objects in one namespace of a control plane, and when their Jobs appear. Gone with the block."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Self

import aiohttp

from faultlab.api import Api, ApiError, Object, path
from faultlab.kubelet import Attempt, Kubelet
from faultlab.scenario import DUMPED, LOADED, create, spec

AT_ONCE = 32
CREATE_SECONDS = 0.02
"""Room for the creation of one object before the minute in which all are due."""

POD_SECONDS = 5.0
"""From a pod's creation to its success: about what one takes on the test cluster that copies next to nothing."""

DEADLINE_SECONDS = 600.0
CRON_JOBS = "/apis/batch/v1/namespaces/{}/cronjobs"
POLICIES = "/apis/admissionregistration.k8s.io/v1"
BROKEN = "broken"


@dataclass
class Crowd:
    """`count` objects in a namespace."""

    api: Api
    namespace: str
    count: int
    _touched: int = 0
    _seen: list[float] = field(default_factory=list)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        """Make the namespace; pods in it succeed a moment after they were made."""
        await self.api.create("/api/v1/namespaces", {"metadata": {"name": self.namespace}})
        claim = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}}
        await self._create("persistentvolumeclaims", "snapshots", claim)
        kubelet = Kubelet(self.api)
        kubelet.scripts[self.namespace] = lambda work, _: Attempt(
            DUMPED if work.step == "dump" else LOADED, starts_after=POD_SECONDS
        )
        self._tasks = [asyncio.create_task(kubelet.run()), asyncio.create_task(self._watch_jobs())]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Delete all that costs a control plane something."""
        at = [path(plural, self.namespace) for plural in ("datareplications", "datareplicationruns", "jobs", "pods")]
        background = {"propagationPolicy": "Background"}
        with contextlib.suppress(ApiError):  # not every crowd has one
            await self.api.call("DELETE", f"/api/v1/namespaces/{BROKEN}")
        async with asyncio.timeout(DEADLINE_SECONDS):
            for collection in (CRON_JOBS.format(self.namespace), *at):
                while (await self.api.call("GET", collection, query={"limit": "1"}))["items"]:
                    await self.api.call("DELETE", collection, background)
                    await asyncio.sleep(0.5)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def create_replications(self) -> datetime:
        """Create DataReplications that are due in the same minute; return that minute."""
        due = self._next_minute()
        schedule = {"cron": f"{due.minute} {due.hour} * * *", "timeZone": "UTC"}
        await self._each(
            lambda number: self._create("datareplications", f"r{number}", spec("dev", schedule=schedule)),
            range(self.count),
        )
        return _still_ahead(due)

    async def create_cron_jobs(self) -> datetime:
        """Create CronJobs that are due in the same minute, their Jobs suspended; return that minute."""
        due = self._next_minute()
        container = {"name": "main", "image": "none"}
        pod = {"spec": {"containers": [container], "restartPolicy": "Never"}}
        job = {"spec": {"suspend": True, "template": pod}}
        wanted = {"schedule": f"{due.minute} {due.hour} * * *", "timeZone": "Etc/UTC", "jobTemplate": job}
        at = CRON_JOBS.format(self.namespace)
        await self._each(
            lambda number: self.api.create(at, {"metadata": {"name": f"c{number}"}, "spec": wanted}), range(self.count)
        )
        return _still_ahead(due)

    async def create_broken(self) -> None:
        """Create a DataReplication that is due always, whose runs the API refuses, in a namespace of its own."""
        rule = {
            "apiGroups": ["datareplication.dev"],
            "apiVersions": ["*"],
            "operations": ["CREATE"],
            "resources": ["datareplicationruns"],
        }
        refusing = {
            "matchConstraints": {
                "resourceRules": [rule],
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": BROKEN}},
            },
            "validations": [{"expression": "false"}],
        }
        binding = {"policyName": BROKEN, "validationActions": ["Deny"]}
        for plural, content in (("policies", refusing), ("policybindings", binding)):
            at = f"{POLICIES}/validatingadmission{plural}"
            await self.api.create(at, {"metadata": {"name": BROKEN}, "spec": content})
        await self.api.create("/api/v1/namespaces", {"metadata": {"name": BROKEN}})
        schedule = {"cron": "* * * * *", "timeZone": "UTC"}
        await create(self.api, BROKEN, "datareplications", BROKEN, spec("dev", schedule=schedule, catchup=True))

    async def grow(self, count: int) -> None:
        """Create DataReplications that are never due until there are `count`."""
        first, self.count = self.count, count
        idle = spec("dev", schedule={"cron": "0 0 29 2 *", "timeZone": "UTC"})
        await self._each(lambda number: self._create("datareplications", f"r{number}", idle), range(first, count))

    async def touch(self, times: int, at_once: int = 1) -> None:
        """Change a label of one DataReplication after the other, so often in all; each change is one."""

        async def change(number: int) -> Object:
            at = path("datareplications", self.namespace, f"r{number * 37 % self.count}")
            return await self.api.merge(at, {"metadata": {"labels": {"touched": str(number)}}})

        first, self._touched = self._touched, self._touched + times
        await self._each(change, range(first, self._touched), at_once)

    async def jobs_after(self, due: datetime) -> list[float]:
        """Wait until there are as many Jobs as objects; return the seconds from `due` to each, in their order."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while len(self._seen) < self.count:
                await asyncio.sleep(0.1)
        return sorted(seen - due.timestamp() for seen in self._seen[: self.count])

    async def completed(self) -> None:
        """Wait until every run has succeeded."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while True:
                runs = await self.api.items("datareplicationruns", self.namespace)
                phases = [run.get("status", {}).get("phase") for run in runs]
                if phases.count("Succeeded") == self.count:
                    return
                await asyncio.sleep(1)

    @staticmethod
    def seconds_since(due: datetime) -> float:
        """Return how long ago that was."""
        return time.time() - due.timestamp()

    async def _watch_jobs(self) -> None:
        """Note when the first Job of each object is seen."""
        owners: set[str] = set()
        at = path("jobs", self.namespace)
        version = (await self.api.call("GET", at))["metadata"]["resourceVersion"]
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                async for event in self.api.watch(at, version):
                    metadata = event["object"]["metadata"]
                    version = metadata["resourceVersion"]
                    owner = metadata["ownerReferences"][0]["uid"]
                    if event["type"] == "ADDED" and owner not in owners:
                        owners.add(owner)
                        self._seen.append(time.time())

    async def _create(self, plural: str, name: str, content: Object) -> Object:
        return await create(self.api, self.namespace, plural, name, content)

    async def _each(
        self, do: Callable[[int], Awaitable[Object]], numbers: Iterable[int], at_once: int = AT_ONCE
    ) -> None:
        waiting = iter(numbers)

        async def some() -> None:
            for number in waiting:
                await do(number)

        await asyncio.gather(*(some() for _ in range(at_once)))

    def _next_minute(self) -> datetime:
        """Return the first full minute before which there is time to create all."""
        ready = datetime.now(UTC) + timedelta(seconds=10 + self.count * CREATE_SECONDS)
        return ready.replace(second=0, microsecond=0) + timedelta(minutes=1)


def _still_ahead(due: datetime) -> datetime:
    assert datetime.now(UTC) < due, "the objects were not there when they were due"
    return due
