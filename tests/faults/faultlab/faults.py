"""What goes wrong and when. Each fault sees the requests in order; all choices come from its seed.

This module has the triggers and the answers; `proxy.py` drops the connections.
"""

import random
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from faultlab.api import Object
from faultlab.proxy import Answer, Killed, Request

Moment = Literal["before", "after"]
EVENT_NAME = re.compile(r"\.[0-9a-f]{16}$")


def status(code: int, reason: str, message: str = "by the fault plan") -> Object:
    """Return the API's error object."""
    told = {"status": "Failure", "message": message, "reason": reason, "code": code}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, **told}


REASONS = {
    404: "NotFound",
    409: "Conflict",
    410: "Expired",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
}


def answer(code: int) -> Answer:
    """Return an error as the API server words it."""
    headers = {"Retry-After": "1"} if code == 429 else {}
    return Answer(code, status(code, REASONS[code]), headers)


@dataclass
class Fault:
    """Nothing goes wrong: the clean run. ended_at: when the last fault was over, by time.monotonic()."""

    ended_at: float = 0.0
    hits: list[str] = field(default_factory=list)

    async def before(self, request: Request) -> Answer | None:
        """See `proxy.Faults`."""
        return None

    async def after(self, request: Request) -> None:
        """See `proxy.Faults`."""

    async def event(self, request: Request, event: Object) -> Object | None:
        """See `proxy.Faults`."""
        return event

    def hit(self, what: str) -> None:
        """Note that something was done to the operator."""
        self.hits.append(what)
        self.ended_at = time.monotonic()


def sign(request: Request, marks: Mapping[str, str]) -> str:
    """Return what a write is, in words that are the same in all replays."""
    name = EVENT_NAME.sub("", request.name)
    for own, mark in marks.items():
        name = name.replace(own, mark)
    if request.plural == "events" and request.verb == "create":
        name += f" {(request.body or {}).get('reason')}"
    return " ".join(filter(None, (request.verb, request.plural, name, request.subresource)))


@dataclass(frozen=True, order=True)
class Point:
    """One write of the clean run: the `count`th of its sign."""

    sign: str
    count: int


@dataclass
class Points(Fault):
    """Counts writes by their sign."""

    marks: Mapping[str, str] = field(default_factory=dict)
    seen: list[Point] = field(default_factory=list)
    _counts: Counter[str] = field(default_factory=Counter)

    async def before(self, request: Request) -> Answer | None:
        """Count."""
        if request.number:
            request.count = self._count(request)
        return None

    def _count(self, request: Request) -> int:
        name = sign(request, self.marks)
        self._counts[name] += 1
        self.seen.append(Point(name, self._counts[name]))
        return self._counts[name]

    def point(self, request: Request) -> Point:
        """Return which write it is."""
        return Point(sign(request, self.marks), request.count)


Kill = Callable[[], Awaitable[None]]


@dataclass
class KillAt(Points):
    """Kills the operator before some writes are done and after others, always without its knowing."""

    at: Mapping[Point, Moment] = field(default_factory=dict)
    kill: Kill | None = None

    async def before(self, request: Request) -> Answer | None:
        """Kill instead of forwarding."""
        await super().before(request)
        await self._maybe(request, "before")
        return None

    async def after(self, request: Request) -> None:
        """Kill instead of answering."""
        await self._maybe(request, "after")

    async def _maybe(self, request: Request, moment: Moment) -> None:
        if request.number and self.at.get(point := self.point(request)) == moment:
            await self.end(request, f"killed {moment} {point.sign} ({point.count})")

    async def end(self, request: Request, what: str) -> None:
        """Kill the operator at that request."""
        assert self.kill is not None
        request.fault = what
        self.hit(what)  # noted first: the kill drops the connection, which ends this handler
        await self.kill()
        raise Killed


@dataclass
class KillAtRandom(KillAt):
    """Kills the operator at up to `kills` writes, each with the probability `share`, before or after it."""

    seed: int = 0
    share: float = 0.1
    kills: int = 8
    _random: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        """Start the sequence."""
        self._random = random.Random(self.seed)

    async def _maybe(self, request: Request, moment: Moment) -> None:
        if request.number and len(self.hits) < self.kills and self._random.random() < self.share / 2:
            await self.end(request, f"killed {moment} {self.point(request).sign}")
