"""DataReplications and runs as a platform team may have them, for the board: some in order, some in trouble."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from datareplication.controller.board.looking import Look
from datareplication.controller.board.serving import serve
from datareplication.controller.cluster import REPLICATION, RUN, Cluster
from datareplication.core import times
from support.fake_cluster import Clock, FakeCluster
from support.ports import free_port

Object = dict[str, Any]

NOW = datetime(2026, 11, 30, 7, 40, tzinfo=UTC)
HOUR = 3600
GIB = 2**30


def ago(now: datetime, **delta: float) -> str:
    return times.to_text(now - timedelta(**delta))


def condition(kind: str, status: str, reason: str, message: str = "", since: str = "2026-11-29T03:00:00Z") -> Object:
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": since}


@dataclass
class Made:
    """One DataReplication and its runs, made step by step."""

    name: str
    namespace: str = "shop"
    now: datetime = NOW
    targets: tuple[str, ...] = ("dev", "staging", "qa")
    cron: str = "0 3 * * *"
    time_zone: str = "Europe/Zurich"
    freshness_seconds: int = 26 * HOUR
    spec: Object = field(default_factory=dict)
    status: Object = field(default_factory=dict)
    held: dict[str, Object] = field(default_factory=dict)
    conditions: dict[str, Object] = field(default_factory=dict)
    runs: list[Object] = field(default_factory=list)

    def slot(self, days: int) -> datetime:
        """Return the slot of a day: today's for 0."""
        return self.now.replace(hour=2, minute=0, second=0) - timedelta(days=days)

    def ran(self, days: int, *, failed: Iterable[str] = (), dump: tuple[str, str] | None = None, **why: Any) -> "Made":
        """A run of a slot that has ended. dump: reason and message where the dump failed."""
        slot, failed = self.slot(days), set(failed)
        began, dumped, ended = slot, slot + timedelta(minutes=11), slot + timedelta(minutes=27)
        name = f"{self.name}-{slot:%Y%m%d%H%M}"
        steps = []
        for target in self.targets:
            if dump:
                steps.append({"name": target, "phase": "Waiting"})
            elif target in failed:
                steps.append(self._failed_step(target, name, dumped, ended, **why))
            else:
                steps.append(self._good_step(target, name, slot, dumped, ended))
        phase = "Failed" if dump or len(failed) == len(self.targets) else "PartiallyFailed" if failed else "Succeeded"
        message = (
            dump[1] if dump else "; ".join(f"{one['name']}: {one['message']}" for one in steps if "message" in one)
        )
        done = 0 if dump else len(self.targets) - len(failed)
        status = {
            "phase": phase,
            "message": f"dump: {message}" if dump else message,
            "startTime": times.to_text(began),
            "completionTime": times.to_text(dumped if dump else ended),
            "targetsSummary": f"{done}/{len(self.targets)}",
            "dump": self._dump(dump, began, dumped),
            "targets": steps,
            "conditions": [condition("Finished", "True", dump[0] if dump else phase)],
        } | ({} if dump else {"snapshotTime": times.to_text(slot + timedelta(seconds=20))})
        if dump:
            for target in self.targets:
                before = self.held.get(target, {"name": target})
                self.held[target] = before | {"phase": "Failed", "run": name, "message": status["message"]}
        self._run(name, slot, status)
        note = {"run": name, "phase": phase, "time": status["completionTime"], "message": status["message"]}
        self.status["lastSuccess" if phase == "Succeeded" else "lastFailure"] = note
        self.conditions["LastRunSucceeded"] = condition(
            "LastRunSucceeded", "True" if phase == "Succeeded" else "False", phase, f"run {name}: {message}"
        )
        return self

    def runs_now(self, *, load: dict[str, Object] | None = None, dump: Object | None = None) -> "Made":
        """A run of a slot that is at work: its dump's progress, or that of its loads; other targets are loaded."""
        began = self.now - timedelta(minutes=14)
        name = f"{self.name}-{began:%Y%m%d%H%M}"
        steps: list[Object] = []
        for target in self.targets:
            if load is None:
                steps.append({"name": target, "phase": "Waiting"})
            elif target in load:
                steps.append({"name": target, "phase": "Running", "attempts": 1, "progress": load[target]})
            else:
                steps.append({"name": target, "phase": "Succeeded", "attempts": 1, "tables": 118, "rows": 4_210_332})
        running = {"phase": "Running", "attempts": 1, "progress": dump}
        whole = {"phase": "Succeeded", "attempts": 1, "tables": 118, "rows": 4_210_332, "bytes": 6 * GIB}
        status = {
            "phase": "Dumping" if load is None else "Loading",
            "startTime": times.to_text(began),
            "targetsSummary": f"{len(self.targets) - len(load or self.targets)}/{len(self.targets)}",
            "dump": running if load is None else whole,
            "targets": steps,
        }
        self._run(name, began, status)
        self.status["activeRuns"] = [name]
        return self

    def put(self, cluster: FakeCluster) -> None:
        """Store the objects."""
        targets = [
            {"name": name, "host": f"{name}-db", "database": "app", "credentialsSecretRef": {"name": f"{name}-db"}}
            for name in self.targets
        ]
        schedule = {"cron": self.cron, "timeZone": self.time_zone}
        spec = {"schedule": schedule, "freshnessSeconds": self.freshness_seconds, "targets": targets} | self.spec
        status = {
            "observedGeneration": 1,
            "phase": "Succeeded",
            "nextScheduleTime": times.to_text(self.slot(-1)),
            "targets": [self.held.get(name, {"name": name}) for name in self.targets],
            "conditions": list(self.conditions.values()),
        } | self.status
        cluster.put(REPLICATION, self._object(self.name, spec, status, self.now - timedelta(days=90)))
        for run in self.runs:
            cluster.put(RUN, run)

    def _dump(self, failed: tuple[str, str] | None, began: datetime, ended: datetime) -> Object:
        known = {"startTime": times.to_text(began), "completionTime": times.to_text(ended), "attempts": 1}
        if failed:
            return known | {"phase": "Failed", "reason": failed[0], "message": failed[1]}
        moved = {"tables": 118, "rows": 4_210_332, "bytes": 6 * GIB, "durationSeconds": 655.0}
        return known | {"phase": "Succeeded"} | moved

    def _good_step(self, target: str, run: str, slot: datetime, began: datetime, ended: datetime) -> Object:
        moved = {"tables": 118, "rows": 4_210_332, "bytes": 6 * GIB, "durationSeconds": 948.0}
        self.held[target] = {
            "name": target,
            "phase": "Succeeded",
            "run": run,
            "snapshot": f"{self.name}/{run}/prod_snapshot_{slot:%Y%m%d}",
            "dataTime": times.to_text(slot + timedelta(seconds=20)),
            "loadedTime": times.to_text(ended),
            **{key: moved[key] for key in ("rows", "bytes", "durationSeconds")},
        }
        begun = {"startTime": times.to_text(began), "completionTime": times.to_text(ended), "attempts": 1}
        return {"name": target, "phase": "Succeeded", **begun, **moved}

    def _failed_step(
        self, target: str, run: str, began: datetime, ended: datetime, *, reason: str, message: str
    ) -> Object:
        before = self.held.get(target, {"name": target})
        self.held[target] = before | {"phase": "Failed", "run": run, "message": message}
        moments = {"startTime": times.to_text(began), "completionTime": times.to_text(ended)}
        attempt = {"pod": f"{run}-load-{target}-x7k2p", "exitCode": 78, "reason": reason, "message": message, **moments}
        known = {"attempts": 1, "reason": reason, "message": message, "endedAttempts": [attempt], **moments}
        return {"name": target, "phase": "Failed", **known}

    def _run(self, name: str, slot: datetime, status: Object) -> None:
        spec = {"replicationName": self.name, "slot": times.to_text(slot), "action": "Replicate"}
        self.runs.append(self._object(name, spec, status, slot))

    def _object(self, name: str, spec: Object, status: Object, created: datetime) -> Object:
        metadata = {"name": name, "namespace": self.namespace, "creationTimestamp": times.to_text(created)}
        return {"metadata": metadata, "spec": spec, "status": status}


IN_USE = (
    "database app has a prepared transaction, 'orders_2pc_81': the target would lose it. "
    "ROLLBACK PREPARED 'orders_2pc_81' in it, then start a run by hand"
)
LOCKED = "another session (pid 4711, user migrations, ALTER TABLE orders) holds a lock on public.orders"


def team(now: datetime = NOW) -> list[Made]:
    """What a platform team sees one morning."""
    progress = {
        "phase": "Data",
        "tablesDone": 74,
        "tablesTotal": 118,
        "rowsDone": 2_871_400,
        "rowsTotal": 4_210_332,
        "bytesDone": 4_180_000_000,
        "bytesTotal": 6_442_450_944,
        "bytesPerSecond": 31_400_000,
        "secondsLeft": 72,
        "time": ago(now, seconds=6),
    }
    late = dict(progress, tablesDone=31, bytesDone=1_120_000_000, bytesPerSecond=12_800_000, secondsLeft=415)
    orders = Made("orders", now=now, spec={"description": "Orders and customers, masked", "tags": ["masked", "daily"]})
    for days in (6, 5, 4, 3):
        orders.ran(days)
    for days in (2, 1, 0):
        orders.ran(days, failed=("qa",), reason="TargetInUse", message=IN_USE)
    billing = Made("billing", now=now, targets=("dev", "staging"), cron="30 9 * * *")
    billing.ran(3).ran(2).ran(1).runs_now(load={"staging": progress, "dev": late})
    billing.cron = "25 8 * * *"
    catalog = Made("catalog", now=now, targets=("dev", "staging"))
    for days in (4, 3, 2, 1, 0):
        catalog.ran(days)
    events = Made("events", namespace="analytics", now=now, targets=("sandbox",), cron="0 4 * * *")
    for days in (9, 8, 7):
        events.ran(days)
    events.spec["suspend"] = True
    events.status |= {"phase": "Suspended", "nextScheduleTime": None}
    sessions = Made("sessions", namespace="analytics", now=now, targets=("sandbox", "notebooks"))
    for days in (3, 2, 1):
        sessions.ran(days)
    sessions.ran(0, dump=("SnapshotTooOld", "the snapshot was held for 4 h; production's VACUUM waited for it"))
    fresh = Made("accounts", namespace="platform", now=now, targets=("dev",))
    for days in (2, 1, 0):
        fresh.ran(days)
    return [orders, billing, catalog, events, sessions, fresh]


def cluster_of(made: Iterable[Made], now: datetime = NOW) -> FakeCluster:
    """Return an API server that holds these."""
    cluster = FakeCluster(Clock(now))
    for one in made:
        one.put(cluster)
    return cluster


@asynccontextmanager
async def served(
    cluster: Cluster, now: datetime = NOW, namespaces: tuple[str, ...] = (), known_hosts: tuple[str, ...] = ()
) -> AsyncIterator[str]:
    """Serve the board of a cluster on loopback; its address, without a slash at the end."""
    port = free_port()
    async with serve(port, Look(cluster, namespaces, lambda: now), lambda: now, known_hosts):
        yield f"http://127.0.0.1:{port}"
