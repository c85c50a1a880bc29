"""The watches end as one: a part that cannot be cancelled does not keep the process alive."""

import asyncio
import itertools
import logging
from collections.abc import Collection
from typing import Any

import kopf
import pytest

from datareplication.controller import ending
from datareplication.controller.watching import FewRepetitions, ForEver, watch


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
