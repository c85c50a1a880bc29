"""The watches end as one: a part that cannot be cancelled does not keep the process alive."""

import asyncio
import itertools
import logging
from collections.abc import Collection, Mapping
from typing import Any

import kopf
import pytest
from aiohttp import web

from datareplication.controller import ending, handlers
from datareplication.controller.queue import WorkQueue
from datareplication.controller.watching import FewRepetitions, ForEver, watch
from datareplication.core import names


async def _that_cannot_be_cancelled(released: asyncio.Event) -> None:
    while not released.is_set():
        try:
            await released.wait()
        except asyncio.CancelledError:
            continue


async def _that_fails() -> None:
    raise ConnectionError("410 to a list")


async def test_a_failed_part_ends_them_all_whatever_the_others_do(monkeypatch: pytest.MonkeyPatch) -> None:
    released, ends = asyncio.Event(), []

    async def spawn(**_: Any) -> Collection[asyncio.Task[None]]:
        return [asyncio.create_task(_that_cannot_be_cancelled(released)), asyncio.create_task(_that_fails())]

    monkeypatch.setattr(kopf, "spawn_tasks", spawn)
    monkeypatch.setattr(ending, "END_SECONDS", 0.05)
    monkeypatch.setattr(ending, "by_force_after", lambda _: ends.append("by force"))
    with pytest.raises(ConnectionError, match="410"):
        await asyncio.wait_for(watch(kopf.OperatorRegistry(), "test", ("data",), lambda: None), 5)
    assert ends == ["by force"]
    released.set()


def test_an_api_that_is_away_is_waited_for_without_end() -> None:
    assert list(itertools.islice(ForEver(), 6)) == [1, 2, 4, 8, 8, 8]


def test_a_request_that_kopf_repeats_for_ever_is_told_seldom() -> None:
    said = [f"Request attempt #{number} failed; will retry: GET /x -> APIForbiddenError()" for number in range(1, 301)]
    said += ["Request attempt #3 failed; escalating: GET /x", "something else"]
    records = [logging.LogRecord("kopf", logging.ERROR, "", 0, text, (), None) for text in said]
    told = [record.getMessage() for record in records if FewRepetitions().filter(record)]
    assert told == [said[0], said[99], said[199], said[299], *said[-2:]]


class Api:
    """An API server that has our kinds, and no object: it notes what is listed and watched."""

    KINDS: Mapping[str, Collection[str]] = {
        "api/v1": ("namespaces", "pods"),
        "apis/batch/v1": ("jobs",),
        f"apis/{names.API_VERSION}": ("datareplications", "datareplicationruns"),
    }

    def __init__(self) -> None:
        self.asked: dict[tuple[str, str], Mapping[str, str]] = {}
        self.has_all = asyncio.Event()
        self._released = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path.strip("/")
        parent, _, plural = path.rpartition("/")
        if path == "api":
            return web.json_response({"versions": ["v1"]})
        if path == "apis":
            return web.json_response({"groups": [self._group(one) for one in self.KINDS if one != "api/v1"]})
        if path in self.KINDS:
            return web.json_response({"resources": [self._resource(one) for one in self.KINDS[path]]})
        assert plural in self.KINDS[parent]
        is_watch = "watch" in request.query
        self.asked[plural, "watch" if is_watch else "list"] = request.query
        if len(self.asked) == len(("list", "watch")) * len(("pods", "jobs", "datareplications", "datareplicationruns")):
            self.has_all.set()
        if is_watch:
            await self._released.wait()
        return web.json_response({"items": [], "metadata": {"resourceVersion": "1"}})

    def release(self) -> None:
        """End the watches."""
        self._released.set()

    @staticmethod
    def _group(path: str) -> dict[str, Any]:
        name, version = path.removeprefix("apis/").split("/")
        versions = {"groupVersion": f"{name}/{version}", "version": version}
        return {"name": name, "versions": [versions], "preferredVersion": versions}

    @staticmethod
    def _resource(plural: str) -> dict[str, Any]:
        name = plural.removesuffix("s")
        return {"name": plural, "singularName": name, "kind": name, "namespaced": True, "verbs": ["list", "watch"]}


async def test_no_strangers_pods_and_jobs_are_asked_for_and_no_list_comes_in_one_answer() -> None:
    api, application = Api(), web.Application()
    application.router.add_get("/{path:.*}", api.answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    def login(**_: Any) -> kopf.ConnectionInfo:
        return kopf.ConnectionInfo(server=f"http://127.0.0.1:{runner.addresses[0][1]}")

    handlers.register_watches(registry, WorkQueue())
    watching = asyncio.create_task(watch(registry, "test", (), lambda: None))
    await asyncio.wait_for(api.has_all.wait(), 30)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    api.release()
    await runner.cleanup()
    selectors = {asked: query.get("labelSelector") for asked, query in api.asked.items()}
    assert {asked for asked, selector in selectors.items() if selector == names.REPLICATION_LABEL} == {
        (plural, verb) for plural in ("jobs", "pods") for verb in ("list", "watch")
    }
    assert all("limit" in query for (_, verb), query in api.asked.items() if verb == "list")
