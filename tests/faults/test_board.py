"""The board of real processes on a real API server: every replica serves it, and an API that fails does not end it."""

import asyncio
import json
import uuid
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from faultlab.controlplane import free_port
from faultlab.faults import Fault, answer
from faultlab.process import Supervisor, supervised
from faultlab.proxy import Answer, Request, proxying
from faultlab.replay import World
from faultlab.scenario import Scenario

DEADLINE_SECONDS = 90.0


@dataclass
class Lists(Fault):
    """Lists of our kinds fail while `is_down`."""

    is_down: bool = False

    async def before(self, request: Request) -> Answer | None:
        return answer(503) if self.is_down and request.verb == "list" else None


@pytest.mark.asyncio(loop_scope="session")
async def test_every_replica_serves_the_board_and_an_api_that_fails_does_not_end_it(
    where: World, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        scenario = Scenario(f"board-{uuid.uuid4().hex[:8]}", datetime.now(UTC))
        await scenario.prepare(where.plane.api)
        ports, lists, supervisors = [], Lists(), []
        for name in ("one", "two"):
            api = where.plane.operator_api()
            stack.push_async_callback(api.close)
            proxy = await stack.enter_async_context(proxying(api, lists))
            folder = tmp_path / name
            folder.mkdir()
            ports.append(free_port())
            extra = {"POD_NAME": name, "BOARD_PORT": str(ports[-1])}
            supervisor = Supervisor(proxy, scenario.namespace, folder, extra)
            supervisors.append(await stack.enter_async_context(supervised(supervisor)))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        seen = [await until(session, port, lambda told: told["total"] > 0) for port in ports]
        assert len({told["total"] for told in seen}) == 1
        lists.is_down = True
        for port in ports:
            told = await until(session, port, lambda told: bool(told["seen"]["outages"]))
            (outage,) = told["seen"]["outages"]
            assert (outage["place"], outage["why"]) == (f"namespace {scenario.namespace}", "HTTP status 503")
            assert told["total"] == seen[0]["total"]
        lists.is_down = False
        for port in ports:
            await until(session, port, lambda told: not told["seen"]["outages"])
        assert [supervisor.exits for supervisor in supervisors] == [[], []]


async def until(session: aiohttp.ClientSession, port: int, is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Look at the board until it says so."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            try:
                async with session.get(f"http://127.0.0.1:{port}/api/v1/replications") as found:
                    told: dict[str, Any] = json.loads(await found.text())
            except aiohttp.ClientError:
                told = {}
            if told and is_so(told):
                return told
            await asyncio.sleep(0.2)
