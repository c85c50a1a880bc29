"""The HTTP port: probes and metrics. It is open from start to end, whether this process leads or waits.

kopf's own liveness endpoint is not used: it starts only with the watches, and a failing check is tried again in a
minute while the kubelet waits for an answer.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from datareplication.controller.metrics import CONTENT_TYPE, Metrics
from datareplication.core import health
from datareplication.core.health import Pulse

UNWELL = 503


@asynccontextmanager
async def serve(
    port: int, pulse: Callable[[], Pulse], metrics: Metrics, lease_seconds: float, resync_seconds: float
) -> AsyncIterator[None]:
    """Serve /healthz, /readyz and /metrics while the block runs."""

    async def healthz(_: web.Request) -> web.Response:
        now = pulse()
        return _answer(now, health.faults(now, lease_seconds, resync_seconds))

    async def readyz(_: web.Request) -> web.Response:
        now = pulse()
        return _answer(now, health.shortcomings(now, lease_seconds))

    async def figures(_: web.Request) -> web.Response:
        return web.Response(body=metrics.text(), headers={"Content-Type": CONTENT_TYPE})

    application = web.Application()
    for path, handler in (("/healthz", healthz), ("/readyz", readyz), ("/metrics", figures)):
        application.router.add_get(path, handler)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, "0.0.0.0", port).start()  # noqa: S104 - the kubelet comes from outside
        yield
    finally:
        await asyncio.shield(runner.cleanup())


def _answer(pulse: Pulse, wrong: tuple[str, ...]) -> web.Response:
    body = {"isLeading": pulse.is_leading, "faults": list(wrong)}
    return web.json_response(body, status=UNWELL if wrong else 200)
