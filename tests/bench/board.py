"""The board at scale: how long lists and pages take, how long others wait for their turn, and the memory it keeps.

Run by: PYTHONPATH=operator:tests python tests/bench/board.py [--replications 1000]

Each DataReplication has three targets and six runs with the size of real ones. The objects are in memory: what the API
server takes is not in the figures. Times are CPU times of this one process, which other programs do not lengthen. The
peer is `json.loads` of the same objects, which every reader pays.
"""

import argparse
import asyncio
import gc
import json
import statistics
import time
import tracemalloc
from collections.abc import Awaitable, Callable

import aiohttp

from datareplication.controller.board.looking import Look
from datareplication.controller.board.serving import serve
from datareplication.controller.cluster import Keep, Kind, Object
from support import boards
from support.boards import NOW, Made
from support.fake_cluster import Clock, FakeCluster
from support.ports import free_port

REPEATS = 7
PAGE = 20


class Api(FakeCluster):
    """Answers lists in pages of text, as the API server does: each page is parsed, kept, and then others have a turn."""

    def freeze(self) -> None:
        self.pages: dict[str, list[str]] = {}
        for kind in ("DataReplication", "DataReplicationRun"):
            found = [item for (name, _, _), item in self.objects.items() if name == kind]
            self.pages[kind] = [json.dumps(found[at : at + PAGE]) for at in range(0, len(found), PAGE)]
        self.objects.clear()

    async def list_all(
        self,
        kind: Kind,
        namespace: str,  # noqa: ARG002 - there is one list
        *,
        labels: str = "",  # noqa: ARG002
        fields: str = "",  # noqa: ARG002
        keep: Keep = dict,
    ) -> list[Object]:
        kept = []
        for page in self.pages[kind.name]:
            kept += [keep(item) for item in json.loads(page)]
            await asyncio.sleep(0)
        return kept


def crowd(count: int) -> Api:
    api = Api(Clock(NOW))
    for number in range(count):
        made = Made(f"copy-{number:05}", f"team-{number % 40:02}")
        for days in (5, 4, 3, 2, 1):
            made.ran(days)
        if number % 20:
            made.ran(0)
        else:
            made.ran(0, failed=("qa",), reason="TargetInUse", message=boards.IN_USE)
        made.put(api)
        for run in made.runs:
            stored = api.objects["DataReplicationRun", made.namespace, run["metadata"]["name"]]
            stored["spec"]["replication"] = {"filler": "x" * 3000}  # the run's copy of the spec
    api.freeze()
    return api


async def longest_turn(work: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """Return how long some work takes, and the longest time that the loop gave nobody else a turn, in ms of CPU."""
    longest, is_done = 0.0, False

    async def others() -> None:
        nonlocal longest
        last = time.process_time()
        while not is_done:
            await asyncio.sleep(0)
            now = time.process_time()
            longest, last = max(longest, now - last), now

    waiting = asyncio.create_task(others())
    await asyncio.sleep(0)
    began = time.process_time()
    await work()
    took = time.process_time() - began
    is_done = True
    await waiting
    return took * 1000, longest * 1000


async def again(look: Look) -> tuple[float, float]:
    """Measure another list at once: its pause is over."""
    look._pause = 0.0
    return await longest_turn(look.seen)


def said(name: str, measured: list[tuple[float, float]]) -> None:
    took, turn = (statistics.median(part) for part in zip(*measured, strict=True))
    print(f"{name:<44}{took:>9.0f} ms{turn:>12.1f} ms")


async def bench(count: int) -> None:
    api = crowd(count)

    async def parse() -> None:
        for pages in api.pages.values():
            for page in pages:
                json.loads(page)
                await asyncio.sleep(0)

    print(f"{f'{count} DataReplications, {6 * count} runs':<44}{'time':>12}{'longest turn':>15}")
    said("json.loads of all objects (the peer)", [await longest_turn(parse) for _ in range(REPEATS)])
    said("the first list", [await longest_turn(Look(api, (), lambda: NOW).seen) for _ in range(3)])
    look = Look(api, (), lambda: NOW)
    await look.seen()
    said("a list of which nothing has changed", [await again(look) for _ in range(REPEATS)])
    port = free_port()
    quick = Look(api, (), lambda: NOW)
    await quick.seen()
    quick._pause = 1e9
    async with serve(port, quick, lambda: NOW), aiohttp.ClientSession() as session:
        for path in ("/", "/?page=20", "/?state=stale", "/replications/team-00/copy-00000", "/api/v1/replications"):

            async def ask(path: str = path) -> None:
                async with session.get(f"http://127.0.0.1:{port}{path}") as answer:
                    await answer.read()

            said(f"GET {path}", [await longest_turn(ask) for _ in range(REPEATS)])
    gc.collect()
    tracemalloc.start()
    held = Look(api, (), lambda: NOW)
    await held.seen()
    gc.collect()
    print(f"{'kept in memory':<44}{tracemalloc.get_traced_memory()[0] / 2**20:>9.1f} MiB")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--replications", type=int, default=1000)
    asyncio.run(bench(parser.parse_args().replications))


if __name__ == "__main__":
    main()
