"""The board's addresses and headers. It has no login, no cookie and no script, and changes nothing."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Generator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, TypeVar

from aiohttp import web

from datareplication.controller.board.door import Door
from datareplication.controller.board.looking import Look
from datareplication.controller.board.rendering import ICON, STYLE, rendered
from datareplication.controller.queue import utc_now
from datareplication.core.board import answers, hosts, pages, query

T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

WAITING_LIMIT = 32
"""Viewers that may wait for their page, or read it; the next ones are told to come back."""

SENDING_SECONDS = 30.0
"""How long a viewer may take to read a page."""

BYTES_LIMIT = 48 * 2**20
"""Bytes of all pages that are being read. One page has 100 kB or so, but strangers' messages can make it 12 MB."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Server": "datareplication-operator",
}
FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
NEVER = {"Cache-Control": "no-store"}

MISDIRECTED = "The board does not go by this host name. If it is to, add the name to the chart's value board.hosts.\n"


class Board:
    """Answers viewers from one `Look`, one page at a time. known_hosts: see `core/board/hosts.py`."""

    def __init__(self, look: Look, now: Callable[[], datetime] = utc_now, known_hosts: Collection[str] = ()) -> None:
        self._look = look
        self._now = now
        self._known_hosts = frozenset(host.casefold() for host in known_hosts)
        self.door = Door()
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._bytes = 0

    def application(self) -> web.Application:
        """Return the addresses; a GET's address answers HEAD as well, and nothing else."""
        application = web.Application(middlewares=[self._guarded])
        application.on_response_prepare.append(_secure)
        routes: dict[str, Handler] = {
            "/": self._page_of_many,
            "/replications/{namespace}/{name}": self._page_of_one,
            "/api/v1/replications": self._json_of_many,
            "/api/v1/replications/{namespace}/{name}": self._json_of_one,
            "/static/board.css": _style,
            "/static/icon.svg": _icon,
        }
        for path, handler in routes.items():
            application.router.add_get(path, handler)
        return application

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let one viewer after the other have a page: a crowd must not take the turns of the reconciles."""
        self.door.has_asked(request.protocol)
        if not hosts.is_known(request.headers.get("Host", ""), self._known_hosts):
            return web.Response(status=421, text=MISDIRECTED)
        if request.path.startswith("/static/"):
            return await handler(request)
        if self._waiting >= WAITING_LIMIT:
            return _too_many()
        self._waiting += 1
        try:
            return await self._sent(request, await handler(request))
        finally:
            self._waiting -= 1

    async def _sent(self, request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
        """Send a page, for so long as it may take: pages that nobody reads must not fill the memory."""
        size = len(response.body) if isinstance(response, web.Response) and isinstance(response.body, bytes) else 0
        if self._bytes and self._bytes + size > BYTES_LIMIT:
            return _too_many()
        self._bytes += size
        try:
            async with asyncio.timeout(SENDING_SECONDS):
                await response.prepare(request)
                await response.write_eof()
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
        except ConnectionError:
            pass  # the viewer is gone
        finally:
            self._bytes -= size
        return response

    async def _page_of_many(self, request: web.Request) -> web.Response:
        board = await self._board(request)
        async with self._turn:
            return await _html("board.html", root="", board=board, seen=board.seen, query=board.query, now=board.now)

    async def _page_of_one(self, request: web.Request) -> web.Response:
        asked, detail = query.read(request.query), await self._detail(request)
        async with self._turn:
            if detail is None:
                return await _html("missing.html", status=404, root="../../", **request.match_info)
            return await _html(
                "detail.html", root="../../", detail=detail, seen=detail.seen, query=asked, now=detail.now
            )

    async def _json_of_many(self, request: web.Request) -> web.Response:
        board = await self._board(request)
        async with self._turn:
            return _json(await _in_steps(answers.of_board(board)))

    async def _json_of_one(self, request: web.Request) -> web.Response:
        detail = await self._detail(request)
        if detail is None:
            return _json({"error": "there is no such DataReplication"}, status=404)
        return _json(answers.as_json(detail))

    async def _board(self, request: web.Request) -> pages.Board:
        seen, asked = await self._look.seen(), query.read(request.query)
        async with self._turn:
            return await _in_steps(pages.board(seen, asked, self._now()))

    async def _detail(self, request: web.Request) -> pages.Detail | None:
        seen, named = await self._look.seen(), request.match_info
        return pages.detail(seen, named["namespace"], named["name"], self._now())


def _too_many() -> web.Response:
    return web.Response(status=503, text="too many viewers; try again", headers={"Retry-After": "5"})


async def _in_steps(steps: Generator[None, None, T]) -> T:
    """Return a generator's result; others have their turn after each step."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            result: T = done.value
            return result
        await asyncio.sleep(0)


async def _html(template: str, status: int = 200, **values: Any) -> web.Response:
    text = await rendered(template, values)
    return web.Response(text=text, status=status, content_type="text/html", charset="utf-8", headers=NEVER)


def _json(told: Any, status: int = 200) -> web.Response:
    return web.json_response(text=json.dumps(told, ensure_ascii=False), status=status, headers=NEVER)


async def _style(_: web.Request) -> web.Response:
    return web.Response(body=STYLE, content_type="text/css", charset="utf-8", headers=FOR_EVER)


async def _icon(_: web.Request) -> web.Response:
    return web.Response(body=ICON, content_type="image/svg+xml", headers=FOR_EVER)


async def _secure(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)


@asynccontextmanager
async def serve(
    port: int, look: Look, now: Callable[[], datetime] = utc_now, known_hosts: Collection[str] = ()
) -> AsyncIterator[None]:
    """Serve the board while the block runs. known_hosts: names by which it may be asked for, besides those of here."""
    board = Board(look, now, known_hosts)
    runner = web.AppRunner(board.application(), access_log=None, shutdown_timeout=0.5, keepalive_timeout=30)
    await runner.setup()
    listening: asyncio.Server | None = None
    try:
        if runner.server is not None:
            listening = await board.door.open(runner.server, port)
        yield
    finally:
        if listening is not None:
            listening.close()
        board.door.close()
        await asyncio.shield(runner.cleanup())
        await look.close()
