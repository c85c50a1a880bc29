"""A sink of notifications on the loopback address: it notes what arrives and answers as a test says."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(frozen=True)
class Received:
    """One request. at: by time.time()."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def id(self) -> str:
        return self.headers.get("webhook-id", "")


def accept(_: int) -> web.StreamResponse:
    return web.Response(status=204)


@dataclass
class Receiver:
    """What has arrived. answer: (number of the request, from 0) -> its answer; `gate` shut: there is no answer."""

    answer: Callable[[int], web.StreamResponse] = accept
    arrived: list[Received] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    on_arrival: Callable[[], Awaitable[None]] | None = None
    url: str = ""
    at_once: int = 0
    most_at_once: int = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.arrived.append(Received(request.path_qs, headers, await request.read(), time.time()))
        number = len(self.arrived) - 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if self.on_arrival:
                await self.on_arrival()
            await self.gate.wait()
        finally:
            self.at_once -= 1
        return self.answer(number)


@asynccontextmanager
async def receiving(
    answer: Callable[[int], Any] = accept, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Receiver]:
    made = Receiver(answer)
    made.gate.set()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", made.handle)
    runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    scheme, host = ("https", "localhost") if tls else ("http", "127.0.0.1")
    made.url = f"{scheme}://{host}:{runner.addresses[0][1]}"
    try:
        yield made
    finally:
        made.gate.set()
        await runner.cleanup()
