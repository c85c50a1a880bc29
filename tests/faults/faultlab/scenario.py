"""What every replay goes through: five DataReplications of different shapes, and what becomes of their pods.

- hand: three targets and three runs made by hand: an attempt of staging is cut off, qa refuses its data, then loads
  that snapshot after all, then dev is rolled back.
- daily: a missed slot, behind a run made by hand; its dump is cut off once; the history keeps one run.
- hourly: three missed slots are caught up, two at once, on a claim made from a template.
- replaced: yesterday's run hangs until today's takes its place.
- invalid: a time zone that does not exist.
- soon (only in the long scenario): a slot comes within the replay, while the resource is at rest.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from datareplication.core import names, objects, times
from datareplication.core.report import Report
from faultlab.api import PLURALS, Api, Object, path
from faultlab.kubelet import Attempt, Kubelet, Work

RETRY_SECONDS = 2
DUMPED = Report("Succeeded", tables=3, rows=30, bytes=300, snapshot_time="2026-03-02T00:00:01Z", lsn="0/16B3748")
LOADED = Report("Succeeded", tables=3, rows=30, bytes=300, snapshot_time="2026-03-02T00:00:01Z", lsn="0/16B3748")
CUT_OFF = Report("Failed", reason="Transient", message="connection reset", exit_code=75)
REFUSED = Report("Failed", reason="BadData", message="checksum of data/16384-0.csv does not match", exit_code=65)
ROLLED_BACK = Report("Succeeded", reason="RolledBack", message="the database before is back")

PHASES = {
    "hand-1": "PartiallyFailed",
    "hand-2": "Succeeded",
    "hand-3": "Succeeded",
    "daily-<today>": "Succeeded",
    "hourly-<second>": "Succeeded",
    "hourly-<third>": "Succeeded",
    "replaced-<yesterday>": "Replaced",
    "replaced-<today>": "Succeeded",
}
"""The runs that are left in the end; daily-by-hand and the first of hourly are beyond their histories' limits."""


@dataclass(frozen=True)
class Scenario:
    """One replay's objects. now: when it began; its schedules' last slot was five minutes before.

    is_long: whether it waits for a slot, up to 75 s.
    """

    namespace: str
    now: datetime
    is_long: bool = False

    @property
    def last_slot(self) -> datetime:
        """Return the slot that all schedules share."""
        return self.now.replace(second=0, microsecond=0) - timedelta(minutes=5)

    @property
    def next_slot(self) -> datetime:
        """Return the slot that comes, after all is prepared."""
        return (self.now + timedelta(seconds=75)).replace(second=0, microsecond=0)

    @property
    def phases(self) -> dict[str, str]:
        """Return how the runs that are left in the end have ended."""
        return {**PHASES, **({"soon-<next>": "Succeeded"} if self.is_long else {})}

    @property
    def marks(self) -> dict[str, str]:
        """Return names of slots' runs, and crons, in this replay -> what they are called in all replays."""
        hour, day = timedelta(hours=1), timedelta(days=1)
        slots = {
            ("daily", "today"): self.last_slot,
            ("hourly", "first"): self.last_slot - 2 * hour,
            ("hourly", "second"): self.last_slot - hour,
            ("hourly", "third"): self.last_slot,
            ("replaced", "yesterday"): self.last_slot - day,
            ("replaced", "today"): self.last_slot,
            ("soon", "next"): self.next_slot,
        }
        runs = {names.run_name(owner, slot): f"{owner}-<{mark}>" for (owner, mark), slot in slots.items()}
        return {**runs, **{self._cron(name): f"<{name}>" for name in ("daily", "hourly", "soon")}}

    def script(self, work: Work, attempt: int) -> Attempt:
        """Return how a pod ends."""
        run = self.marks.get(work.run, work.run)
        if (run, work.step) == ("replaced-<yesterday>", "dump"):
            return Attempt(DUMPED, None)
        if (run, work.step) == ("hand-1", "load-qa"):
            return Attempt(REFUSED)
        if attempt == 0 and (run, work.step) in (("hand-1", "load-staging"), ("daily-<today>", "dump")):
            return Attempt(CUT_OFF)
        if run == "hand-3":
            return Attempt(ROLLED_BACK, 1.1)  # in a later second than hand-2: this run must be the latest
        return Attempt(DUMPED if work.step == "dump" else LOADED, 0.05)

    async def prepare(self, api: Api) -> None:
        """Make all objects that are there before the operator starts."""
        await api.create("/api/v1/namespaces", {"metadata": {"name": self.namespace}})
        claim = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}}
        await self._create(api, "persistentvolumeclaims", "snapshots", claim)
        await self._create(api, "datareplications", "hand", spec("dev", "qa", "staging"))
        snapshot = f"hand/hand-1/prod_snapshot_{datetime.now(UTC):%Y%m%d}"
        for name, more in {
            "hand-1": {},
            "hand-2": {"action": "Load", "snapshot": snapshot, "targets": ["qa"]},
            "hand-3": {"action": "Rollback", "targets": ["dev"]},
        }.items():
            await self._create(api, "datareplicationruns", name, {"replicationName": "hand", **more})
        await self._create_scheduled(api, "daily", spec("dev", "qa", history={"successful": 1}), timedelta(minutes=9))
        await self._create(api, "datareplicationruns", "daily-by-hand", {"replicationName": "daily"})
        template = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}}
        hourly = spec(
            "dev",
            snapshot={"volumeClaimTemplate": template},
            concurrencyPolicy="Allow",
            maxActiveRuns=2,
            history={"successful": 2},
        )
        await self._create_scheduled(api, "hourly", hourly, timedelta(minutes=121), catchup=True)
        replaced = spec("dev", concurrencyPolicy="Replace", suspend=True)
        owner = await self._create_scheduled(api, "replaced", replaced, timedelta(minutes=1), catchup=True)
        yesterday = self.last_slot - timedelta(days=1)
        interval = (yesterday - timedelta(days=1), yesterday)
        run = objects.run_of_slot(owner, owner["spec"], yesterday, interval)
        await api.create(path("datareplicationruns", self.namespace), run)
        # The run is older than its owner, and would be taken for a run that was restored without its status.
        at = path("datareplicationruns", self.namespace, run["metadata"]["name"], "status")
        await api.merge(at, {"status": {"phase": "Pending"}})
        nowhere = {"cron": "@daily", "timeZone": "Mars/Olympus"}
        await self._create(api, "datareplications", "invalid", spec("dev", schedule=nowhere))
        if self.is_long:
            soon = {"cron": self._cron("soon"), "timeZone": "Etc/UTC"}
            await self._create(api, "datareplications", "soon", spec("dev", schedule=soon))

    async def drive(self, api: Api, kubelet: Kubelet) -> None:
        """Do what a user does while the operator works: today's run may take the place of yesterday's, which hangs."""
        yesterday = next(name for name, mark in self.marks.items() if mark == "replaced-<yesterday>")
        while not kubelet.started[Work(self.namespace, yesterday, "dump")]:
            await asyncio.sleep(0.1)
        await api.merge(path("datareplications", self.namespace, "replaced"), {"spec": {"suspend": False}})

    def _cron(self, how_often: str) -> str:
        slot = self.next_slot if how_often == "soon" else self.last_slot
        return f"{slot.minute} {'*' if how_often == 'hourly' else slot.hour} * * *"

    async def _create_scheduled(
        self, api: Api, name: str, spec_: Object, before: timedelta, *, catchup: bool = False
    ) -> Object:
        """Make a resource whose operator has been away since `before` the last slot."""
        cron = self._cron("hourly" if name == "hourly" else "daily")
        schedule = {"cron": cron, "timeZone": "Etc/UTC", "catchup": catchup}
        await self._create(api, "datareplications", name, {**spec_, "schedule": schedule})
        known = {
            "cron": cron,
            "timeZone": "Etc/UTC",
            "suspend": bool(spec_.get("suspend")),
            "since": times.to_text(self.last_slot - before),
        }
        status = {"status": {"observedGeneration": 1, "schedule": known}}
        return await api.merge(path("datareplications", self.namespace, name, "status"), status)

    async def _create(self, api: Api, plural: str, name: str, spec_: Object) -> Object:
        return await create(api, self.namespace, plural, name, spec_)


async def create(api: Api, namespace: str, plural: str, name: str, spec_: Object) -> Object:
    """Create an object of one of our kinds, or a claim, and return it."""
    kind = {
        "datareplications": "DataReplication",
        "datareplicationruns": "DataReplicationRun",
        "persistentvolumeclaims": "PersistentVolumeClaim",
    }[plural]
    version = PLURALS[plural].removeprefix("/apis/").removeprefix("/api/")
    manifest = {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec_}
    return await api.create(path(plural, namespace), manifest)


def connection(host: str) -> Object:
    """Return a database's address with its Secret."""
    return {"host": host, "database": "app", "credentialsSecretRef": {"name": host.partition(".")[0]}}


def spec(*targets: str, **more: Any) -> Object:
    """Return a spec with these targets; `more` replaces top-level fields."""
    return {
        "retryPolicy": {"retries": 1, "delaySeconds": RETRY_SECONDS},
        "source": connection("prod-db.prod.svc"),
        "snapshot": {"persistentVolumeClaim": {"claimName": "snapshots"}},
        "targets": [{"name": name, **connection(f"{name}-db.{name}.svc")} for name in targets],
        **more,
    }
