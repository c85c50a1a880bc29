"""The connections to the Kubernetes API: they ask the fence once more when a write's bytes are handed to the socket.

Getting a connection takes a while, and aiohttp sends a request with a body one turn of the event loop later. A process
that was paused meanwhile would send the request before it notices that its lease is over.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import aiohttp

from datareplication.controller.fence import ClosedError, Fence

_ASKED: ContextVar[Fence | None] = ContextVar("asked", default=None)
"""The fence of the write that this task sends; none while it reads."""


@contextmanager
def sending(fence: Fence, seconds: float) -> Iterator[None]:
    """Let what the block sends pass `fence` for at most `seconds`; ClosedError when it was not sent."""
    with fence.write(seconds):
        before = _ASKED.set(fence)
        try:
            yield
        except aiohttp.ClientConnectionError as error:
            if isinstance(error.__cause__, ClosedError):
                raise error.__cause__ from None
            raise
        finally:
            _ASKED.reset(before)


class FencedConnector(aiohttp.TCPConnector):
    """Puts the fence into every connection."""

    async def connect(self, *arguments: Any, **named: Any) -> aiohttp.connector.Connection:
        """Return a connection."""
        connection = await super().connect(*arguments, **named)
        protocol = connection.protocol
        if protocol is not None and not isinstance(protocol.transport, _FencedTransport):
            protocol.transport = _FencedTransport(protocol.transport)  # type: ignore[assignment]
        return connection


class _FencedTransport:
    """Asks the fence before each byte that is handed to the socket."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: Any) -> None:
        """Send; ClosedError when writes may not be sent any more."""
        _ask()
        self._transport.write(data)

    def writelines(self, chunks: Any) -> None:
        """Send; ClosedError when writes may not be sent any more."""
        _ask()
        self._transport.writelines(chunks)


def _ask() -> None:
    if (fence := _ASKED.get()) is not None:
        fence.seconds_left()
