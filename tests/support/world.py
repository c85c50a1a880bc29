"""A small world around the reconciler: one DataReplication, Jobs whose end the test decides, and a clock."""

import copy
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from datareplication.controller.cluster import CLAIM, JOB, REPLICATION, RUN, ClusterError, Object
from datareplication.controller.metrics import Metrics
from datareplication.controller.options import Options
from datareplication.controller.reconcile import Reconciler
from datareplication.core.manifests import JobDefaults
from datareplication.core.names import Key
from datareplication.core.notifying import Parcel, Results
from datareplication.core.outbox import Delivery
from datareplication.core.report import Report
from datareplication.core.sinks import SinkSettings
from support.fake_cluster import Clock, FakeCluster, JobController, copied

NAMESPACE, NAME = "data", "prod-fanout"
KEY = Key(NAMESPACE, NAME)
IMAGE = JobDefaults("datareplication/job:test")

DUMPED = Report(
    outcome="Succeeded",
    tables=3,
    rows=30,
    bytes=300,
    snapshot_time="2026-03-02T00:00:01Z",
    lsn="0/16B3748",
    duration_seconds=2.0,
)
LOADED = Report(outcome="Succeeded", tables=3, rows=30, bytes=300, duration_seconds=1.5)
UNREACHABLE = Report(outcome="Failed", reason="Transient", message="could not connect to qa-db", exit_code=75)
CORRUPT = Report(
    outcome="Failed", reason="BadData", message="checksum of data/16384-0.csv does not match", exit_code=65
)


def connection(host: str, **more: Any) -> Object:
    return {"host": host, "database": "app", "credentialsSecretRef": {"name": host.partition(".")[0]}, **more}


def spec(**more: Any) -> Object:
    """A spec with three targets; `more` replaces top-level fields."""
    return {
        "schedule": {"cron": "@daily"},
        "source": connection("prod-db.prod.svc"),
        "snapshot": {"persistentVolumeClaim": {"claimName": "snapshots"}},
        "targets": [{"name": name, **connection(f"{name}-db.{name}.svc")} for name in ("dev", "staging", "qa")],
        **more,
    }


def manual_run(name: str = "now", **more: Any) -> Object:
    return {
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"replicationName": NAME, "action": "Replicate", **more},
    }


@dataclass
class FakeCourier:
    """Delivers at once what it is handed. sent: all that the sinks got; `is_down`: they get nothing."""

    clock: Clock
    sent: list[Parcel] = field(default_factory=list)
    is_down: bool = False
    _results: dict[tuple[str, str], Delivery] = field(default_factory=dict)

    def results(self, _: Key) -> Results:
        return self._results

    def hand_over(self, key: Key, parcels: Iterable[Parcel], outbox: Iterable[str]) -> None:
        known = set(outbox)
        self._results = {which: one for which, one in self._results.items() if which[0] in known}
        for parcel in parcels:
            which = (parcel.notice.id, parcel.sink.name)
            assert parcel.key == key
            if which not in self._results or self._results[which].state == "Pending":
                self._results[which] = self._deliver(parcel)

    def _deliver(self, parcel: Parcel) -> Delivery:
        if self.is_down:
            return Delivery(sink=parcel.sink.name, message="answered 503")
        self.sent.append(parcel)
        return Delivery(sink=parcel.sink.name, state="Delivered", time=self.clock())

    def forget(self, _: Key) -> None:
        self._results.clear()

    def die(self) -> None:
        """Lose what the process knew."""
        self._results.clear()

    @property
    def told(self) -> list[str]:
        return [f"{one.notice.event} {one.notice.run}".strip() for one in self.sent]


class World:
    """Holds the parts together and steps them. sinks: those of the chart."""

    def __init__(self, spec_: Object | None = None, sinks: Iterable[Object] = ()) -> None:
        self.clock = Clock()
        self.courier = FakeCourier(self.clock)
        self.options = Options(
            IMAGE, instance="test", notifications=SinkSettings.model_validate({"sinks": list(sinks)})
        )
        self.cluster = FakeCluster(self.clock)
        self.jobs = JobController(self.cluster)
        self.metrics = Metrics()
        self.cluster.put(
            CLAIM,
            {"metadata": {"name": "snapshots", "namespace": NAMESPACE}, "spec": {"accessModes": ["ReadWriteMany"]}},
        )
        self.cluster.put(REPLICATION, {"metadata": {"name": NAME, "namespace": NAMESPACE}, "spec": spec_ or spec()})

    def twin(self) -> "World":
        """Return a world of its own that is as this one is now; nothing listens to its calls."""
        objects = copied(self.cluster.objects)
        shared = {id(one): one for one in (self.options, self.metrics)}
        twin = copy.deepcopy(self, {**shared, id(self.cluster.objects): objects})
        twin.cluster.on_call = None
        return twin

    async def reconcile(self) -> Any:
        """One pass of a new process, which remembers nothing: all state is in the API."""
        made = Reconciler(self.cluster, self.options, self.metrics, self.clock, self.courier)
        return await made.reconcile(KEY)

    async def settle(self, passes: int = 4) -> Any:
        """Passes until nothing changes; refused writes are tried again, as by the queue."""
        outcome = None
        for _ in range(passes):
            before = len(self.cluster.writes), len(self.courier.sent)
            try:
                outcome = await self.reconcile()
            except ClusterError:
                continue
            if (len(self.cluster.writes), len(self.courier.sent)) == before:
                break
        return outcome

    async def run_slot(self, name: str, targets: Iterable[str]) -> None:
        """Let the slot that is due next run to its end: `name` is dumped and loads all its targets."""
        self.make_due()
        await self.settle()
        self.finish(f"{name}-dump", DUMPED)
        await self.settle()
        for target in targets:
            self.finish(f"{name}-load-{target}", LOADED)
        await self.settle()

    def make_due(self) -> None:
        """Move the clock past the next midnight."""
        self.clock.moment = self.clock.moment.replace(hour=0, minute=0, second=1)
        self.clock.advance(days=1)

    def job(self, name: str) -> Object:
        return self.cluster.peek(JOB, NAMESPACE, name)

    @property
    def job_names(self) -> list[str]:
        return [job["metadata"]["name"] for job in self.cluster.of_kind(JOB)]

    def run_status(self, name: str) -> Object:
        return dict(self.cluster.peek(RUN, NAMESPACE, name).get("status") or {})

    @property
    def run_names(self) -> list[str]:
        return [run["metadata"]["name"] for run in self.cluster.of_kind(RUN)]

    @property
    def status(self) -> Object:
        return dict(self.cluster.peek(REPLICATION, NAMESPACE, NAME).get("status") or {})

    def condition(self, kind: str) -> tuple[str, str, str]:
        found = next(c for c in self.status["conditions"] if c["type"] == kind)
        return found["status"], found["reason"], found.get("message", "")

    def finish(self, job_name: str, report: Report) -> None:
        """Run a Job's pod to its end."""
        job = self.job(job_name)
        self.jobs.start(job)
        self.jobs.end(self.job(job_name), report, exit_code=report.exit_code, is_final=report.exit_code not in (0, 75))
