"""One replay: the scenario in a namespace of its own, an operator behind a proxy, a fault, and the verdict."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from datareplication.core import names
from faultlab import controlplane, oracle
from faultlab.controlplane import ControlPlane
from faultlab.faults import Fault, Point, Points
from faultlab.kubelet import Kubelet
from faultlab.oracle import Final
from faultlab.process import Supervisor, supervised
from faultlab.proxy import Proxy, Request, proxying
from faultlab.scenario import Scenario

PATIENCE_SECONDS = 100.0
"""A replay gives up if nothing is written for this long before the right end: longer than a resync, even if busy."""

QUIET_SECONDS = 4.0
POLL_SECONDS, LONGEST_POLL_SECONDS = 0.5, 10.0


@dataclass
class World:
    """A control plane with a stand-in for the kubelet. is_long: whether its scenarios are the long ones."""

    plane: ControlPlane
    kubelet: Kubelet
    folder: Path
    is_long: bool = False


@dataclass(frozen=True)
class Setting:
    """The parts of a replay that a fault may use."""

    scenario: Scenario
    proxy: Proxy
    supervisor: Supervisor
    world: World


@dataclass
class Result:
    """How a replay went.

    seconds: from the last fault or slot until the end was right; for the clean run its whole time. succeeded: when the
    API server had taken that each run's dump succeeded, by time.monotonic().
    """

    name: str
    difference: list[str]
    violations: list[str]
    seconds: float
    kills: int
    exits: list[int]
    hits: list[str]
    trace: list[Request]
    log: Path
    succeeded: dict[str, float] = field(default_factory=dict)
    final: Final = field(default_factory=dict)
    points: list[Point] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Say whether the replay went well."""
        return not self.difference and not self.violations

    def __str__(self) -> str:
        """Return what went wrong, for a person."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-40:]
        writes = [str(request) for request in self.trace if request.is_write][-60:]
        return "\n".join(
            [
                f"{self.name}: {self.hits}",
                *self.violations,
                *self.difference[:40],
                "--- writes",
                *writes,
                "--- log",
                *lines,
            ]
        )


@asynccontextmanager
async def world(folder: Path, *, is_long: bool = False) -> AsyncIterator[World]:
    """Run a control plane and its kubelet."""
    async with controlplane.running(folder) as plane:
        kubelet = Kubelet(plane.api)
        task = asyncio.create_task(kubelet.run())
        try:
            yield World(plane, kubelet, folder, is_long)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def replay(
    where: World,
    name: str,
    make: Callable[[Setting], Fault],
    expected: "asyncio.Future[Final] | None",
    *,
    settings: Mapping[str, str] | None = None,
) -> Result:
    """Run the scenario under the fault that `make` returns; without `expected` it is the clean run.

    expected: the end of the clean run, which may not have ended yet.
    """
    namespace = f"replay-{uuid.uuid4().hex[:8]}"
    scenario = Scenario(namespace, datetime.now(UTC), where.is_long)
    folder = where.folder / namespace
    folder.mkdir()
    api = where.plane.api
    where.kubelet.scripts[namespace] = scenario.script
    operator_api = where.plane.operator_api()
    await scenario.prepare(api)
    try:
        async with proxying(operator_api, Fault()) as proxy:
            supervisor = Supervisor(proxy, namespace, folder, settings or {})
            fault = make(Setting(scenario, proxy, supervisor, where))
            proxy.faults = fault
            async with supervised(supervisor):
                driving = asyncio.create_task(scenario.drive(api, where.kubelet))
                try:
                    found, told, seconds = await _until_right(where, scenario, proxy, driving, expected)
                finally:
                    driving.cancel()
            bad = oracle.violations(proxy.trace, where.kubelet.succeeded, namespace)
            points = fault.seen if isinstance(fault, Points) else []
            return Result(
                name,
                told,
                bad,
                seconds,
                supervisor.kills,
                supervisor.exits,
                fault.hits,
                proxy.trace,
                supervisor.log,
                {
                    work.run: at
                    for work, at in where.kubelet.told.items()
                    if (work.namespace, work.step) == (namespace, "dump")
                },
                found,
                points,
            )
    finally:
        await operator_api.close()
        await api.call("DELETE", f"/api/v1/namespaces/{namespace}")


async def _until_right(
    where: World,
    scenario: Scenario,
    proxy: Proxy,
    driving: "asyncio.Task[None]",
    expected: "asyncio.Future[Final] | None",
) -> tuple[Final, list[str], float]:
    """Look until the end is as expected, or the operator has done nothing for a long time since the last fault."""
    fault, began = proxy.faults, time.monotonic()
    due = began + (scenario.next_slot - datetime.now(UTC)).total_seconds() if scenario.is_long else began
    api = where.plane.api
    before: Final = {}
    quiet_since = began
    while True:
        await asyncio.sleep(max(POLL_SECONDS, min(fault.ended_at - time.monotonic(), LONGEST_POLL_SECONDS)))
        found = await oracle.final_objects(api, scenario.namespace, scenario.marks)
        now = time.monotonic()
        since = began if expected is None else max(fault.ended_at, began, due)
        if expected is None:
            quiet_since = now if found != before else quiet_since
            before = found
            if _is_over(found, scenario.phases) and now - quiet_since > QUIET_SECONDS and driving.done():
                return found, [], now - since
            told = [f"the clean run does not end: {_phases(found)}"]
        else:
            told = oracle.difference(await asyncio.shield(expected), found)
            if not told and driving.done() and now > fault.ended_at:
                return found, [], now - since
        if now - max(since, proxy.last_write) > PATIENCE_SECONDS:
            return found, told or ["the user's part has not been done"], now - since


def _phases(found: Final) -> dict[str, str]:
    runs = {key.partition("/")[2]: value for key, value in found.items() if key.startswith("datareplicationruns/")}
    return {name: (run.get("status") or {}).get("phase", "") for name, run in runs.items()}


def _is_over(found: Final, phases: Mapping[str, str]) -> bool:
    """Say whether all runs have ended and what they owned is gone with those that are gone."""
    if _phases(found) != phases:
        return False
    jobs = [value for key, value in found.items() if key.startswith("jobs/")]
    return all(job["metadata"]["labels"][names.RUN_LABEL] in phases for job in jobs)
