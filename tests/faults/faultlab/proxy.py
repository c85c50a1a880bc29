"""The proxy between one operator and the API server: it records every request and does what a fault plan says.

This module does the transport: forwarding, streams, refusing, cutting. `faults.py` decides what goes wrong and when.
"""

import asyncio
import contextlib
import hashlib
import json
import math
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

import aiohttp
from aiohttp import web

from faultlab.api import Api, Object

PATH = re.compile(
    r"^/(?:api/v1|apis/[^/]+/[^/]+)(?:/namespaces/(?P<namespace>[^/]+))?"
    r"/(?P<plural>[a-z]+)(?:/(?P<name>[^/]+))?(?:/(?P<subresource>[a-z]+))?$"
)
VERBS = {"POST": "create", "PATCH": "patch", "PUT": "update", "DELETE": "delete"}
PASSED_ON = ("Accept", "Content-Type", "User-Agent")
LEASES = "leases"
BEAT_SECONDS = 0.05


@dataclass
class Request:
    """One request of the operator, and what became of it. began, ended: time.monotonic(); status 0: no answer.

    late: seconds by which the proxy itself was behind when it saw the request, on a busy machine; the request may have
    come that much earlier.
    number: counts writes; 0 for reads and for writes of a Lease, which the clock triggers. count: counts requests with
    the same sign.
    """

    verb: str
    plural: str
    namespace: str
    name: str
    subresource: str
    body: Object | None
    query: dict[str, str]
    began: float
    process: int
    number: int = 0
    count: int = 0
    digest: str = ""
    status: int = 0
    ended: float = 0.0
    fault: str = ""
    raw: bytes = b""
    late: float = 0.0

    @property
    def is_write(self) -> bool:
        """Say whether the request may change something."""
        return self.verb in VERBS.values()

    def __str__(self) -> str:
        """Return one line of the trace."""
        what = "/".join(filter(None, (self.plural, self.name, self.subresource)))
        told = f" [{self.fault}]" if self.fault else ""
        return f"{self.began:10.3f} pid {self.process} #{self.number:<3} {self.verb:6} {what} {self.digest} -> {self.status}{told}"


@dataclass(frozen=True)
class Answer:
    """An answer of the proxy's own."""

    status: int
    body: Object
    headers: dict[str, str] = field(default_factory=dict)


class Killed(Exception):  # noqa: N818 - a fact, not an error
    """The operator was killed; nobody is there to be answered."""


class Cut(Exception):  # noqa: N818 - a fact, not an error
    """The connection is to be dropped."""


class Faults(Protocol):
    """Decides what goes wrong. Every method may wait; raising Killed or Cut ends the exchange.

    ended_at: when the last fault was over, by time.monotonic().
    """

    ended_at: float

    async def before(self, request: Request) -> Answer | None:
        """See a request before it is forwarded; return what to say instead of forwarding it."""

    async def after(self, request: Request) -> None:
        """See a request that has been done, before its answer is handed on."""

    async def event(self, request: Request, event: Object) -> Object | None:
        """See a watch event; return what to hand on, None to drop it."""


class Pulse:
    """How far this process' event loop is behind: a task that wants to be called each BEAT_SECONDS."""

    def __init__(self) -> None:
        self._last = math.inf
        self._behind = 0.0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to measure."""
        self._task = asyncio.create_task(self._beat())

    def stop(self) -> None:
        """End it."""
        if self._task is not None:
            self._task.cancel()

    @property
    def late(self) -> float:
        """Seconds by which the loop was behind at the last beat, or is by now."""
        return max(self._behind, time.monotonic() - self._last - BEAT_SECONDS, 0.0)

    async def _beat(self) -> None:
        while True:
            self._last = time.monotonic()
            await asyncio.sleep(BEAT_SECONDS)
            self._behind = time.monotonic() - self._last - BEAT_SECONDS


@dataclass
class Proxy:
    """One operator's way to the API server."""

    api: Api
    faults: Faults
    port: int = 0
    process: int = 0
    trace: list[Request] = field(default_factory=list)
    writes: int = 0
    last_write: float = 0.0
    _counts: dict[str, int] = field(default_factory=dict)
    _pulse: Pulse = field(default_factory=Pulse)
    _runner: web.ServerRunner | None = None
    _site: web.TCPSite | None = None
    _streams: set[asyncio.Task[None]] = field(default_factory=set)
    _sending: set[asyncio.Task[tuple[bytes, dict[str, str]]]] = field(default_factory=set)

    @property
    def url(self) -> str:
        """Return the address for the operator."""
        return f"http://127.0.0.1:{self.port}"

    async def listen(self) -> None:
        """Accept connections, at the same port as before if there was one."""
        if self._runner is None:
            self._pulse.start()
            # A killed client must be noticed at once: then its handler ends, as a stream's handler would at the server.
            self._runner = web.ServerRunner(web.Server(self._handle, access_log=None, handler_cancellation=True))
            await self._runner.setup()
        self._site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await self._site.start()
        self.port = int(self._runner.addresses[-1][1])

    async def refuse(self) -> None:
        """Refuse connections until `listen`, and drop those that are there."""
        if self._site is not None:
            await self._site.stop()
            self._site = None
        self.drop_connections()

    def drop_connections(self) -> None:
        """Reset every connection of the operator."""
        server = self._runner.server if self._runner else None
        for connection in server.connections if server else ():
            transport = getattr(connection, "transport", None)
            if transport is not None:
                transport.abort()

    def end_streams(self) -> None:
        """End every watch as the server does when its time is over."""
        for task in self._streams:
            task.cancel()

    async def close(self) -> None:
        """Stop."""
        self.end_streams()
        self.drop_connections()
        self._pulse.stop()
        if self._runner is not None:
            await self._runner.cleanup()
        await asyncio.gather(*self._sending, return_exceptions=True)

    async def _handle(self, received: web.BaseRequest) -> web.StreamResponse:
        request = await self._recorded(received)
        try:
            said = await self.faults.before(request)
            if said is not None:
                request.fault = request.fault or f"answered {said.status}"
                return self._say(request, said)
            if request.verb == "watch":
                return await self._stream(received, request)
            return await self._forward(received, request)
        except (Killed, Cut, aiohttp.ClientError) as fault:
            request.fault = request.fault or type(fault).__name__
            if received.transport is not None:
                received.transport.abort()
            return web.Response(status=500)
        finally:
            request.ended = time.monotonic()

    async def _recorded(self, received: web.BaseRequest) -> Request:
        raw = await received.read()
        found = PATH.match(received.path)
        parts = {key: value or "" for key, value in found.groupdict().items()} if found else {}
        body = json.loads(raw) if raw else None
        name = parts.get("name", "") or str(((body or {}).get("metadata") or {}).get("name", ""))
        verb = VERBS.get(received.method) or ("get" if parts.get("name") else "list")
        request = Request(
            "watch" if received.query.get("watch") == "true" else verb,
            parts.get("plural", received.path),
            parts.get("namespace", ""),
            name,
            parts.get("subresource", ""),
            body,
            dict(received.query),
            time.monotonic(),
            self.process,
            digest=hashlib.sha256(raw).hexdigest()[:8] if raw else "",
            raw=raw,
            late=self._pulse.late,
        )
        if request.is_write and request.plural != LEASES:
            self.writes += 1
            request.number = self.writes
            self.last_write = request.began
        self.trace.append(request)
        return request

    def _say(self, request: Request, said: Answer) -> web.Response:
        request.status = said.status
        return web.json_response(said.body, status=said.status, headers=said.headers)

    async def _forward(self, received: web.BaseRequest, request: Request) -> web.Response:
        # Shielded: what has been sent to a server is done, whether its sender lives or not.
        sending = asyncio.create_task(self._send(received, request))
        self._sending.add(sending)
        sending.add_done_callback(self._sending.discard)
        data, headers = await asyncio.shield(sending)
        await self.faults.after(request)
        return web.Response(body=data, status=request.status, headers=headers)

    async def _send(self, received: web.BaseRequest, request: Request) -> tuple[bytes, dict[str, str]]:
        headers = {name: received.headers[name] for name in PASSED_ON if name in received.headers}
        async with self.api.session.request(
            received.method, received.path_qs, data=request.raw or None, headers=headers
        ) as answer:
            kept = {name: answer.headers[name] for name in ("Content-Type", "Retry-After") if name in answer.headers}
            request.status = answer.status
            return await answer.read(), kept

    async def _stream(self, received: web.BaseRequest, request: Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        async with self.api.session.get(received.path_qs) as answer:
            request.status = answer.status
            if answer.status != 200:
                return web.Response(body=await answer.read(), status=answer.status)
            await response.prepare(received)
            copying = asyncio.create_task(self._copy(answer, request, response))
            self._streams.add(copying)
            try:
                await asyncio.wait({copying})
            finally:
                copying.cancel()
                self._streams.discard(copying)
            with contextlib.suppress(asyncio.CancelledError, aiohttp.ClientError, ConnectionError):
                copying.result()
        with contextlib.suppress(ConnectionError):
            await response.write_eof()
        return response

    async def _copy(self, answer: aiohttp.ClientResponse, request: Request, response: web.StreamResponse) -> None:
        rest = b""
        async for chunk in answer.content.iter_any():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                event = await self.faults.event(request, json.loads(line))
                if event is not None:
                    await response.write(json.dumps(event).encode() + b"\n")


@asynccontextmanager
async def proxying(api: Api, faults: Faults) -> AsyncIterator[Proxy]:
    """Run a proxy for one operator."""
    proxy = Proxy(api, faults)
    await proxy.listen()
    try:
        yield proxy
    finally:
        await proxy.close()
