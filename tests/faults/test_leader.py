"""Two replicas: if one is paused or killed, the other takes over in time, and no write is made without the lease."""

import asyncio
import signal
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from faultlab import oracle
from faultlab.faults import Fault
from faultlab.oracle import terms
from faultlab.process import Supervisor, supervised
from faultlab.proxy import LEASES, Request, proxying
from faultlab.replay import World
from faultlab.scenario import PHASES, Scenario

TAKEOVER_SECONDS = 20.0
PAUSE_SECONDS = 25.0
DEADLINE_SECONDS = 180.0
INSTALLED = {"LEASE_DURATION_SECONDS": "12"}


@dataclass
class Pair:
    """Two operators with one Lease, each behind a proxy of its own that does no harm."""

    where: World
    scenario: Scenario
    supervisors: list[Supervisor]

    @property
    def trace(self) -> list[Request]:
        """Return the requests of both, in their order."""
        return sorted((one for each in self.supervisors for one in each.proxy.trace), key=lambda one: one.began)

    def writes(self, supervisor: Supervisor) -> list[Request]:
        """Return an operator's writes, except those of the Lease."""
        return [one for one in supervisor.proxy.trace if one.is_write and one.plural != LEASES]

    async def leader(self, least: int) -> tuple[Supervisor, Supervisor]:
        """Wait until the operator that holds the lease has written that often; return it and the other operator."""
        first, second = self.supervisors
        await self.until(lambda: any(len(self.writes(each)) >= least for each in self.supervisors))
        holder = terms(self.trace)[-1].holder
        return (first, second) if str(first.proxy.process) == holder else (second, first)

    async def until(self, is_so: Callable[[], bool]) -> float:
        """Wait until the condition holds; return how many seconds that took."""
        began = time.monotonic()
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not is_so():
                await asyncio.sleep(0.05)
        return time.monotonic() - began

    async def ended_well(self) -> None:
        """Wait until every run has ended as it should."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while await self._phases() != PHASES:
                await asyncio.sleep(0.5)

    async def _phases(self) -> dict[str, str]:
        runs = await self.where.plane.api.items("datareplicationruns", self.scenario.namespace)
        marks = self.scenario.marks
        named = ((run["metadata"]["name"], run.get("status", {}).get("phase", "")) for run in runs)
        return {marks.get(name, name): phase for name, phase in named}


@asynccontextmanager
async def pair(where: World) -> AsyncIterator[Pair]:
    async with AsyncExitStack() as stack:
        scenario = Scenario(f"pair-{uuid.uuid4().hex[:8]}", datetime.now(UTC))
        where.kubelet.scripts[scenario.namespace] = scenario.script
        await scenario.prepare(where.plane.api)
        made = Pair(where, scenario, [])
        for name in ("one", "two"):
            api = where.plane.operator_api()
            stack.push_async_callback(api.close)
            proxy = await stack.enter_async_context(proxying(api, Fault()))
            folder = where.folder / scenario.namespace / name
            folder.mkdir(parents=True)
            supervisor = Supervisor(proxy, scenario.namespace, folder, {**INSTALLED, "POD_NAME": name})
            made.supervisors.append(await stack.enter_async_context(supervised(supervisor)))
        driving = asyncio.create_task(scenario.drive(where.plane.api, where.kubelet))
        stack.callback(driving.cancel)
        yield made


def _overlaps(trace: list[Request]) -> list[str]:
    held = terms(trace)
    return [
        f"{one} and {other}"
        for number, one in enumerate(held)
        for other in held[number + 1 :]
        if one.holder != other.holder and one.begin < other.end and other.begin < one.end
    ]


@pytest.mark.asyncio(loop_scope="session")
async def test_two_replicas(where: World) -> None:
    async with asyncio.TaskGroup() as together:
        together.create_task(_a_paused_and_a_killed_leader(where))
        together.create_task(_a_leader_that_is_told_to_end(where))


async def _a_paused_and_a_killed_leader(where: World) -> None:
    async with pair(where) as found:
        paused, other = await found.leader(10)
        before = len(found.writes(paused))
        paused.send(signal.SIGSTOP)
        stopped_at = time.monotonic()
        took = await found.until(lambda: bool(found.writes(other)))
        assert took <= TAKEOVER_SECONDS, f"{took:.1f} s after a pause"
        await asyncio.sleep(max(0.0, stopped_at + PAUSE_SECONDS - time.monotonic()))
        paused.send(signal.SIGCONT)
        await asyncio.sleep(2)
        late = [one for one in found.writes(paused)[before:] if one.began > stopped_at + 1]
        assert not late, "written after the pause: " + "; ".join(map(str, late))

        killed = str(other.proxy.process)
        await other.kill()
        took = await found.until(lambda: terms(found.trace)[-1].holder != killed)
        assert took <= TAKEOVER_SECONDS, f"{took:.1f} s after a kill"

        await found.ended_well()
        assert oracle.violations(found.trace, found.where.kubelet.succeeded, found.scenario.namespace) == []
        assert _overlaps(found.trace) == []


async def _a_leader_that_is_told_to_end(where: World) -> None:
    """The operator gives the lease back, so that the other need not wait until the lease runs out."""
    async with pair(where) as found:
        ended, other = await found.leader(10)
        process = ended.proxy.process
        ended.send(signal.SIGTERM)
        took = await found.until(lambda: terms(found.trace)[-1].holder != str(process))
        assert took < 10.0, f"the other took over after {took:.1f} s"
        await found.until(lambda: ended.proxy.process != process)
        assert ended.exits == [0]
        await found.ended_well()
        assert oracle.violations(found.trace, found.where.kubelet.succeeded, found.scenario.namespace) == []
        assert _overlaps(found.trace) == []
        assert other.exits == []
