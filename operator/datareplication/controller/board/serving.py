"""The board's addresses and headers. It has no login, no cookie and no script, and changes nothing."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, TypeVar

from aiohttp import web

from datareplication.controller.board.looking import Look
from datareplication.controller.board.rendering import ICON, STYLE, rendered
from datareplication.controller.queue import utc_now
from datareplication.core.board import answers, pages, query

T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

WAITING_LIMIT = 32
"""Viewers that may wait for their page; the next ones are told to come back."""

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


class Board:
    """Answers viewers from one `Look`, one page at a time."""

    def __init__(self, look: Look, now: Callable[[], datetime] = utc_now) -> None:
        self._look = look
        self._now = now
        self._turn = asyncio.Lock()
        self._waiting = 0

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
        if request.path.startswith("/static/"):
            return await handler(request)
        if self._waiting >= WAITING_LIMIT:
            return web.Response(status=503, text="too many viewers; try again", headers={"Retry-After": "5"})
        self._waiting += 1
        try:
            return await handler(request)
        finally:
            self._waiting -= 1

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
async def serve(port: int, look: Look, now: Callable[[], datetime] = utc_now) -> AsyncIterator[None]:
    """Serve the board while the block runs."""
    runner = web.AppRunner(Board(look, now).application(), access_log=None, shutdown_timeout=0.5, keepalive_timeout=30)
    await runner.setup()
    try:
        await web.TCPSite(runner, "0.0.0.0", port).start()  # noqa: S104 - viewers come from outside
        yield
    finally:
        await asyncio.shield(runner.cleanup())
        await look.close()
