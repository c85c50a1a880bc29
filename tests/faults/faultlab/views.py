"""An API that shows the past: reads show the objects of some earlier moment, writes are done.

A frozen view stays as it was when it froze. A view that was rolled back shows a state from before the operator's last
writes.
"""

import asyncio
import copy
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from faultlab.api import PLURALS, Api, Object, path
from faultlab.faults import status
from faultlab.proxy import Answer, Request
from faultlab.trouble import Period

Listing = dict[str, Object]
"""Plural -> the answer to a LIST of it."""


async def take(api: Api, namespace: str) -> Listing:
    """Return all that the operator may read in a namespace now."""
    return {plural: await api.call("GET", path(plural, namespace)) for plural in PLURALS}


def seen(view: Listing, request: Request) -> Answer | None:
    """Return what a GET or LIST says of the past; None for objects that are not in the view."""
    listing = view.get(request.plural)
    if listing is None or request.subresource or request.verb not in ("get", "list"):
        return None
    if request.verb == "get":
        for item in listing["items"]:
            if item["metadata"]["name"] == request.name:
                return Answer(200, {"apiVersion": listing["apiVersion"], **item})
        return Answer(404, status(404, "NotFound"))
    chosen = [item for item in listing["items"] if _is_selected(item, request.query)]
    return Answer(200, {**listing, "items": copy.deepcopy(chosen)})


def _is_selected(item: Object, query: dict[str, str]) -> bool:
    labels = item["metadata"].get("labels") or {}
    return all(
        labels.get(key) == value if equals else key in labels for key, equals, value in _terms(query, "labelSelector")
    ) and all(_at(item, key) == value for key, _, value in _terms(query, "fieldSelector"))


def _terms(query: dict[str, str], name: str) -> list[tuple[str, str, str]]:
    return [term.replace("==", "=").partition("=") for term in query.get(name, "").split(",") if term]


def _at(item: Object, dotted: str) -> object:
    value: object = item
    for part in dotted.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


@dataclass
class Frozen(Period):
    """From the `start`th write on, reads show the objects from just before that write, and watches are silent."""

    api: Api | None = None
    namespace: str = ""
    view: Listing = field(default_factory=dict)

    async def on_begin(self, request: Request) -> None:
        """Freeze."""
        assert self.api is not None
        request.fault = "from here on the view is old"
        self.view = self.view or await take(self.api, self.namespace)

    async def before(self, request: Request) -> Answer | None:
        """Show the past."""
        await super().before(request)
        if not self.is_on:
            return None
        if request.verb == "watch":
            await self._wait()
            return None
        return seen(self.view, request)

    async def event(self, request: Request, event: Object) -> Object | None:
        """Hold events back until the present is shown again."""
        await self._wait()
        return event

    async def _wait(self) -> None:
        while self.is_on:
            await asyncio.sleep(max(0.0, self.ended_at - time.monotonic()))


@dataclass
class RolledBack(Frozen):
    """With the `start`th write the view goes back to before the `to`th; with `kill` the operator starts anew in the past."""

    to: int = 1
    kill: Callable[[], Awaitable[None]] | None = None
    _taking: asyncio.Task[Listing] | None = None
    _killing: asyncio.Task[None] | None = None

    async def before(self, request: Request) -> Answer | None:
        """Remember the present that is shown later."""
        if request.number == self.to:
            assert self.api is not None
            self._taking = asyncio.create_task(take(self.api, self.namespace))
            await asyncio.shield(self._taking)
        return await super().before(request)

    async def on_begin(self, request: Request) -> None:
        """Roll back."""
        assert self._taking, "rolled back to a moment that has not been seen"
        self.view = await asyncio.shield(self._taking)  # a few writes later it may still be under way
        await super().on_begin(request)
        if self.kill is not None:
            # Beside this request, which ends with the operator.
            self._killing = asyncio.create_task(_run(self.kill))


async def _run(kill: Callable[[], Awaitable[None]]) -> None:
    await kill()
