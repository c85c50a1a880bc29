"""Notifications while the operator is killed again and again: runs go on, specs break, and a receiver notes all messages.

Kills come before and after a write of a DataReplication's status, while a message is answered, and in between.
"""

import asyncio
import contextlib
import json
import math
import random
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from datareplication.core import notices
from faultlab.api import Api, path
from faultlab.faults import Fault
from faultlab.kubelet import Attempt, Work
from faultlab.process import Supervisor, supervised
from faultlab.proxy import Answer, Killed, Request, proxying
from faultlab.replay import World
from faultlab.scenario import DUMPED, LOADED, REFUSED, create, spec
from support.receiver import Received, receiving

EVENTS = ["Started", "Succeeded", "PartiallyFailed", "Failed", "Replaced", "Stalled", "Accepted"]
WANTED = [{"sink": "ops", "on": EVENTS}]
SIGNING_KEY = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
LIMITS = {"startTimeoutSeconds": 60, "timeoutSeconds": 240}
"""On a busy machine the stand-in for the kubelet may fail to say that a pod has ended; then the run ends by itself."""

REPLICATIONS = ("a", "b", "c")
NOTHING_TO_SHOOT_AT_SECONDS = 3.0
LONGEST_PEACE_SECONDS, MOST_PEACEFUL_WRITES = 15.0, 16
DEADLINE_SECONDS = 600.0
"""A busy machine is slow; only what is wrong in the end counts."""

SHARE = 0.25


@dataclass
class Shots(Fault):
    """Kills when it is armed: at a status write, or as a message is being answered."""

    kill: Callable[[], Awaitable[None]] | None = None
    seed: int = 0
    is_armed: bool = False
    _random: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        """Start the sequence."""
        self._random = random.Random(self.seed)

    async def before(self, request: Request) -> Answer | None:
        """Kill instead of forwarding."""
        await self._maybe(request, "before")
        return None

    async def after(self, request: Request) -> None:
        """Kill instead of answering."""
        await self._maybe(request, "after")

    async def _maybe(self, request: Request, moment: str) -> None:
        is_outbox = request.plural == "datareplications" and request.subresource == "status"
        if is_outbox and self.is_hit():
            await self.shoot(f"{moment} a status write")
            raise Killed

    async def while_answering(self) -> None:
        """Kill instead of answering a message."""
        if self.is_hit():
            await self.shoot("as a message arrived")

    def peaceful_writes(self) -> int:
        """Return how many writes to let it do."""
        return self._random.randrange(MOST_PEACEFUL_WRITES)

    def is_hit(self) -> bool:
        """Say whether to kill now."""
        return self.is_armed and self._random.random() < SHARE

    async def shoot(self, when: str) -> None:
        """Kill."""
        assert self.kill is not None
        self.is_armed = False
        self.hit(when)
        await self.kill()


@dataclass
class Told:
    """What one operator's receiver got, and what it had to get: (run or resource, event) -> the run's uid, or empty."""

    namespace: str
    received: list[Received] = field(default_factory=list)
    expected: dict[tuple[str, str], str] = field(default_factory=dict)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    leads: list[tuple[float, float]] = field(default_factory=list)
    kills: int = 0
    hits: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def expect(self, subject: str, event: str, uid: str = "") -> None:
        """Note that an event has happened."""
        self.expected[subject, event] = uid
        self.counts[subject, event] += 1

    @property
    def by_id(self) -> dict[str, Received]:
        """Return the first message of each id."""
        found: dict[str, Received] = {}
        for one in self.received:
            found.setdefault(one.id, one)
        return found

    @property
    def repetitions(self) -> int:
        """Return how many messages had an id that was known."""
        return len(self.received) - len(self.by_id)

    @property
    def missing(self) -> list[tuple[str, str]]:
        """Return what has happened and was not told."""
        found = Counter(map(subject, self.by_id.values()))
        return sorted((self.counts - found).elements())

    @property
    def flaws(self) -> list[str]:
        """Return what must not be."""
        found = Counter(map(subject, self.by_id.values()))
        wrong = [*self.problems, *(f"{what} was not told" for what in self.missing)]
        wrong += [f"{what} was told under {count} ids too many" for what, count in (found - self.counts).items()]
        for (name, event), uid in self.expected.items():
            identity = str(uuid.uuid5(notices.OURS, f"{uid}/{event}"))
            if uid and identity not in self.by_id:
                wrong.append(f"{event} of {name} has another id than {identity}")
        bodies = {(one.id, one.body) for one in self.received}
        return wrong + (["a message was changed as it was repeated"] if len(bodies) != len(self.by_id) else [])

    @property
    def seconds(self) -> list[float]:
        """Return from event to delivery, for what one process has seen and told without being killed.

        The event's time has no fractions of a second, so this is up to a second too much.
        """
        return [
            one.at - happened
            for one in self.by_id.values()
            if (happened := seconds_of(one)) and any(begin <= happened and one.at <= end for begin, end in self.leads)
        ]


def subject(one: Received) -> tuple[str, str]:
    """Return what a message is about."""
    event = json.loads(one.body)
    return event["subject"], event["data"]["event"]


def seconds_of(one: Received) -> float:
    """Return when that happened which a message tells."""
    text = json.loads(one.body)["time"]
    return time.mktime(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ")) - time.timezone


def script(work: Work, _: int) -> Attempt:
    """Return how a pod ends: of every fourth run the dump is refused."""
    is_refused = work.step == "dump" and int(work.run.rpartition("-")[2]) % 4 == 3
    return Attempt(REFUSED if is_refused else DUMPED if work.step == "dump" else LOADED)


async def endure(where: World, seed: int, kills: int, peace_seconds: float = 0.0) -> Told:
    """Let one operator notify until it has been killed that often, then in peace; return what came of it."""
    namespace = f"notified-{uuid.uuid4().hex[:8]}"
    folder = where.folder / namespace
    folder.mkdir()
    where.kubelet.scripts[namespace] = script
    told = Told(namespace)
    operator_api = where.plane.operator_api()
    try:
        async with receiving() as receiver, proxying(operator_api, Fault()) as proxy:
            supervisor = Supervisor(proxy, namespace, folder, _sinks(folder, receiver.url))
            shots = Shots(seed=seed, kill=supervisor.kill)
            proxy.faults, receiver.arrived, receiver.on_arrival = shots, told.received, shots.while_answering
            await _prepare(where.plane.api, namespace)
            async with supervised(supervisor):
                await _go_on_and_shoot(where.plane.api, told, Shooter(shots, supervisor, told), kills, peace_seconds)
            told.kills, told.hits = supervisor.kills, shots.hits
    finally:
        await operator_api.close()
        await where.plane.api.call("DELETE", f"/api/v1/namespaces/{namespace}")
    return told


async def _go_on_and_shoot(api: Api, told: Told, shooter: "Shooter", kills: int, peace_seconds: float) -> None:
    is_over = asyncio.Event()
    async with asyncio.TaskGroup() as together:
        for name in REPLICATIONS:
            together.create_task(_drive(api, told, name, is_over))
        while shooter.supervisor.kills < kills:
            await shooter.shoot()
        await shooter.until_it_leads()
        told.leads.append((time.time(), math.inf))
        await asyncio.sleep(peace_seconds)
        is_over.set()
    with contextlib.suppress(TimeoutError):
        await _until(lambda: _is_so(not told.missing))


def _sinks(folder: Path, url: str) -> dict[str, str]:
    """Write the sink's Secret; return the settings of an operator that has the sink."""
    (folder / "sinks" / "ops").mkdir(parents=True)
    (folder / "sinks" / "ops" / "url").write_text(url, encoding="utf-8")
    (folder / "sinks" / "ops" / "signingKey").write_text(SIGNING_KEY, encoding="utf-8")
    sinks = [{"name": "ops", "kind": "Webhook", "secretName": "ops"}]
    return {"NOTIFICATIONS": json.dumps({"sinks": sinks}), "SINKS_FOLDER": str(folder / "sinks")}


async def _prepare(api: Api, namespace: str) -> None:
    await api.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
    claim = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}}
    await create(api, namespace, "persistentvolumeclaims", "snapshots", claim)
    for name in REPLICATIONS:
        await create(api, namespace, "datareplications", name, spec("dev", notifications=WANTED, **LIMITS))


async def _drive(api: Api, told: Told, name: str, is_over: asyncio.Event) -> None:
    """Do what users do, until it is over or does not go on."""
    try:
        await _use(api, told, name, is_over)
    except TimeoutError:
        runs = await api.items("datareplicationruns", told.namespace)
        told.problems += [f"{name} does not go on: {run['metadata']['name']}: {run.get('status')}" for run in runs]


async def _use(api: Api, told: Told, name: str, is_over: asyncio.Event) -> None:
    """Make one run after the other; break and repair the spec after every third."""
    number = 0
    while not is_over.is_set():
        number += 1
        run = f"{name}-{number}"
        await create(api, told.namespace, "datareplicationruns", run, {"replicationName": name})
        await _until(partial(_has_ended, api, told, run))
        if number % 3 == 0:
            for zone, event, status in (("Mars/Olympus", "Stalled", "True"), ("Etc/UTC", "Accepted", "False")):
                schedule = {"schedule": {"cron": "0 0 1 1 *", "timeZone": zone}}
                await api.merge(path("datareplications", told.namespace, name), {"spec": schedule})
                await _until(partial(_is_stalled, api, told.namespace, name, status))
                told.expect(name, event)


async def _has_ended(api: Api, told: Told, name: str) -> bool:
    run = await api.get("datareplicationruns", told.namespace, name) or {}
    status = run.get("status") or {}
    if not status.get("completionTime"):
        return False
    for event in ("Started", status["phase"]):
        told.expect(name, event, run["metadata"]["uid"])
    return True


async def _is_stalled(api: Api, namespace: str, name: str, wanted: str) -> bool:
    found = await api.get("datareplications", namespace, name) or {}
    conditions = (found.get("status") or {}).get("conditions") or []
    return ("Stalled", wanted) in {(one["type"], one["status"]) for one in conditions}


async def _is_so(value: bool) -> bool:
    return value


async def _until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not await condition():
            await asyncio.sleep(0.1)


@dataclass
class Shooter:
    """Kills one operator, and notes when it led in peace."""

    shots: Shots
    supervisor: Supervisor
    told: Told

    async def shoot(self) -> None:
        """Let the operator lead for a moment, then kill it at the next chance, or at once if none comes."""
        await self.until_it_leads()
        began, kills, proxy = time.time(), self.supervisor.kills, self.supervisor.proxy
        peace_ends_at = proxy.writes + self.shots.peaceful_writes()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_PEACE_SECONDS):
                while proxy.writes < peace_ends_at:
                    await asyncio.sleep(0.01)
        self.shots.is_armed = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(NOTHING_TO_SHOOT_AT_SECONDS):
                while self.supervisor.kills == kills:
                    await asyncio.sleep(0.01)
        if self.supervisor.kills == kills:
            await self.shots.shoot("at random")
        self.told.leads.append((began, time.time()))

    async def until_it_leads(self) -> None:
        """Wait until the process that runs now has written something."""
        proxy, killed = self.supervisor.proxy, self.supervisor.killed_at
        await _until(lambda: _is_so(any(one.number and one.began > killed for one in proxy.trace[-50:])))
