"""Requests over real connections: what the fence lets through, for how long, and how they are counted."""

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import TCPConnector, web
from kubernetes.aio.client import Configuration
from prometheus_client.parser import text_string_to_metric_families

from datareplication.controller import client
from datareplication.controller.client import ApiCluster
from datareplication.controller.cluster import JOB, RUN, FencedError, UnavailableError
from datareplication.controller.fence import Fence
from datareplication.controller.metrics import Metrics

MANIFEST = {"metadata": {"namespace": "n", "name": "j"}, "spec": {}}


@dataclass
class Server:
    """An HTTP server that notes what arrives and answers when `gate` is open."""

    gate: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: list[web.Request] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""

    async def handle(self, request: web.Request) -> web.Response:
        self.arrived.append(request)
        self.asked.set()
        await self.gate.wait()
        return web.json_response(MANIFEST)

    @property
    def methods(self) -> list[str]:
        return [request.method for request in self.arrived]


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", made.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    made.gate.set()
    await runner.cleanup()


@contextlib.asynccontextmanager
async def reached(server: Server, fence: Fence, metrics: Metrics | None = None) -> AsyncIterator[ApiCluster]:
    """Yield the API over one connection, so that requests wait for each other."""
    api = client.reach(Configuration(host=server.url), fence, metrics or Metrics(), connections=1)
    try:
        yield api
    finally:
        await api.close()


async def test_without_the_lease_reads_pass_and_writes_do_not(server: Server) -> None:
    server.gate.set()
    async with reached(server, Fence()) as api:
        assert await api.get(JOB, "n", "j") == MANIFEST
        for write in (
            api.create(JOB, MANIFEST),
            api.patch(JOB, "n", "j", {}),
            api.write_status(JOB, MANIFEST),
            api.delete(JOB, "n", "j", "uid"),
        ):
            with pytest.raises(FencedError):
                await write
    assert server.methods == ["GET"]


async def test_a_write_that_has_its_connection_too_late_is_not_sent(server: Server) -> None:
    fence = Fence()
    fence.open_until(math.inf)
    async with reached(server, fence) as api:
        reading = asyncio.create_task(api.get(JOB, "n", "j"))
        await server.asked.wait()
        writing = asyncio.create_task(api.create(JOB, MANIFEST))
        await asyncio.sleep(0.1)
        fence.close()
        server.gate.set()
        assert await reading == MANIFEST
        with pytest.raises(FencedError):
            await writing
        assert await api.get(JOB, "n", "j") == MANIFEST
    assert server.methods == ["GET", "GET"]
    assert fence.is_settled


async def test_a_write_whose_time_is_over_as_its_bytes_are_sent_is_not_sent(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """aiohttp sends a body a turn of the event loop after it has the connection."""
    fence = Fence()
    fence.open_until(math.inf)
    real = TCPConnector.connect

    async def connect(self: TCPConnector, *arguments: Any, **named: Any) -> Any:
        connection = await real(self, *arguments, **named)
        asyncio.get_running_loop().call_soon(fence.close)
        return connection

    monkeypatch.setattr(TCPConnector, "connect", connect)
    server.gate.set()
    async with reached(server, fence) as api:
        with pytest.raises(FencedError):
            await api.create(JOB, MANIFEST)
        assert await api.get(JOB, "n", "j") == MANIFEST
    assert server.methods == ["GET"]
    assert fence.is_settled


async def test_a_write_is_not_waited_for_beyond_the_lease(server: Server) -> None:
    """Neither here nor there: the API server is told the same."""
    fence = Fence(time.monotonic)
    began, lease = time.monotonic(), 2.0
    fence.open_until(began + lease)
    async with reached(server, fence) as api:
        with pytest.raises(UnavailableError):
            await api.create(JOB, MANIFEST)
    assert time.monotonic() >= began + lease - 0.1
    (asked,) = server.arrived
    assert 0 < int(asked.query["timeout"].removesuffix("ms")) <= lease * 1000
    await asyncio.sleep(began + lease - time.monotonic())
    assert fence.is_settled


async def test_a_write_in_flight_can_still_take_effect(server: Server) -> None:
    fence = Fence()
    fence.open_until(math.inf)
    async with reached(server, fence) as api:
        writing = asyncio.create_task(api.create(JOB, MANIFEST))
        await server.asked.wait()
        assert not fence.is_settled
        writing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await writing
        assert not fence.is_settled


async def test_requests_are_counted_by_their_code(server: Server) -> None:
    metrics = Metrics()
    server.gate.set()
    async with reached(server, Fence(), metrics) as api:
        await api.get(JOB, "n", "j")
        await api.get(JOB, "n", "j")
        with pytest.raises(FencedError):
            await api.create(JOB, MANIFEST)
    families = {family.name: family for family in text_string_to_metric_families(metrics.text().decode())}
    counted = {
        (one.labels["verb"], one.labels["kind"], one.labels["code"]): one.value
        for one in families["datareplication_api_requests"].samples
    }
    assert counted == {("get", "Job", "200"): 2, ("create", "Job", "fenced"): 1}


async def test_runs_are_read_in_small_pages_of_which_only_what_is_needed_is_kept() -> None:
    asked: list[dict[str, str]] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(dict(request.query))
        number = len(asked)
        metadata = {"continue": "more"} if number == 1 else {}
        return web.json_response({"items": [{"metadata": {"name": f"r{number}"}, "spec": "x"}], "metadata": metadata})

    application = web.Application()
    application.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    api = client.reach(Configuration(host=f"http://127.0.0.1:{runner.addresses[0][1]}"), Fence(), Metrics(), 1)
    found = await api.list_all(RUN, "n", keep=lambda one: {"name": one["metadata"]["name"]})
    await api.close()
    await runner.cleanup()
    assert found == [{"name": "r1"}, {"name": "r2"}]
    assert asked == [{"limit": "20"}, {"limit": "20", "continue": "more"}]
