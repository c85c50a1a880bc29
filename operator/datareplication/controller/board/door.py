"""Lets viewers in: so many connections at once, and none that asks for nothing. The operator's memory is at stake."""

import asyncio

from aiohttp import web

CONNECTIONS_LIMIT = 256
"""Connections at once; a browser opens up to six."""

SILENCE_SECONDS = 15.0
"""How long a connection may take until it has asked for something; aiohttp itself ends those that ask no more."""


class _Refusal(asyncio.Protocol):
    """Closes a connection at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close it."""
        transport.close()


class Door:
    """Makes the protocols of a server's connections."""

    def __init__(self) -> None:
        self._silent: dict[int, asyncio.TimerHandle] = {}

    async def open(self, server: web.Server, port: int) -> asyncio.Server:
        """Listen on a port."""

        def let_in() -> asyncio.Protocol:
            if len(server.connections) >= CONNECTIONS_LIMIT:
                return _Refusal()
            made = server()
            self._silent[id(made)] = asyncio.get_running_loop().call_later(SILENCE_SECONDS, self._end, made)
            return made

        return await asyncio.get_running_loop().create_server(let_in, "0.0.0.0", port)  # noqa: S104 - viewers come from outside

    def has_asked(self, protocol: object) -> None:
        """Let a connection stay."""
        if (timer := self._silent.pop(id(protocol), None)) is not None:
            timer.cancel()

    def _end(self, protocol: web.RequestHandler) -> None:
        self._silent.pop(id(protocol), None)
        if protocol.transport is not None:
            protocol.transport.abort()

    def close(self) -> None:
        """End all timers."""
        for timer in self._silent.values():
            timer.cancel()
        self._silent.clear()
