"""An API that cannot answer, or answers wrongly, for a time: errors, dropped connections, lost answers, broken watches.

Which request is hit is drawn from a seed.
"""

import asyncio
import random
import time
from dataclasses import dataclass, field

from faultlab.api import Object
from faultlab.faults import Fault, answer, status
from faultlab.proxy import Answer, Cut, Proxy, Request

CODES = {"409": 409, "410": 410, "422": 422, "429": 429, "500": 500, "503": 503}
WATCH_KINDS = ("cut", "expired")
DELAY_SECONDS = 0.5


@dataclass
class Period(Fault):
    """Something that begins with the `start`th write and lasts `seconds`."""

    start: int = 1
    seconds: float = 5.0
    _has_begun: bool = False

    @property
    def is_on(self) -> bool:
        """Say whether the period is now."""
        return time.monotonic() < self.ended_at

    def begin(self, what: str) -> None:
        """Begin."""
        self.hits.append(what)
        self.ended_at = time.monotonic() + self.seconds

    async def before(self, request: Request) -> Answer | None:
        """Begin with the write that was chosen."""
        if not self._has_begun and request.number >= self.start:
            self._has_begun = True
            await self.on_begin(request)
            self.begin(f"at {request}")
        return None

    async def on_begin(self, request: Request) -> None:
        """Called before the first request is hit."""


@dataclass
class Trouble(Period):
    """Hits a share of all requests during its period.

    kinds: HTTP codes; "refused": the connection is dropped before the request is done; "lost": after it, so that nobody
    knows whether it was done; "delay": it takes half a second longer; "cut": a watch is dropped when it has something to
    tell; "expired": it says that its resourceVersion is too old. A Job's creation is never answered with 422: that is
    Kubernetes' last word on it, and the run's failure is right.
    """

    kinds: tuple[str, ...] = ()
    share: float = 0.5
    seed: int = 0
    _random: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        """Start the sequence."""
        self._random = random.Random(self.seed)

    async def before(self, request: Request) -> Answer | None:
        """Answer, drop or delay."""
        await super().before(request)
        kind = self._draw(tuple(kind for kind in self.kinds if kind not in (*WATCH_KINDS, "lost")))
        if not kind or (kind == "422" and request.plural == "jobs" and request.verb == "create"):
            return None
        request.fault = kind
        if kind == "delay":
            await asyncio.sleep(DELAY_SECONDS)
            return None
        if kind == "refused":
            raise Cut
        return answer(CODES[kind])

    async def after(self, request: Request) -> None:
        """Lose the answer."""
        if self._draw(tuple(kind for kind in self.kinds if kind == "lost")):
            request.fault = "answer lost"
            raise Cut

    async def event(self, request: Request, event: Object) -> Object | None:
        """Break a watch."""
        kind = self._draw(tuple(kind for kind in self.kinds if kind in WATCH_KINDS))
        if kind == "cut":
            raise Cut
        return {"type": "ERROR", "object": status(410, "Expired")} if kind else event

    def _draw(self, kinds: tuple[str, ...]) -> str:
        if not kinds or not self.is_on or self._random.random() > self.share:
            return ""
        return self._random.choice(kinds)


@dataclass
class Refusal(Period):
    """Nobody listens at the API's address for a time; all connections are dropped first."""

    proxy: Proxy | None = None
    _back: asyncio.Task[None] | None = None

    async def on_begin(self, request: Request) -> None:
        """Stop listening, and come back by itself."""
        assert self.proxy is not None
        request.fault = "refused from here on"
        self._back = asyncio.create_task(self._refuse(self.proxy))

    async def _refuse(self, proxy: Proxy) -> None:
        await proxy.refuse()
        await asyncio.sleep(self.seconds)
        await proxy.listen()


@dataclass
class Deaf(Fault):
    """All watch events of these kinds are dropped, for ever."""

    plurals: tuple[str, ...] = ()

    async def event(self, request: Request, event: Object) -> Object | None:
        """Drop."""
        if request.plural not in self.plurals:
            return event
        self.hits.append(f"dropped {event['type']} of {request.plural}")
        return None
