"""All faults, at length: `make test-faults`. All choices come from a seed, which is printed first. A flaw: exit code 1.

Figures are printed as they come; each failed replay is written to a file in build/faults/.
"""

import argparse
import asyncio
import math
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from faultlab import campaign, controlplane, mutations, notified, oracle, replay, sequences
from faultlab.campaign import Case, Clean
from faultlab.oracle import Final
from faultlab.replay import Result, World

REPORTS = Path("build/faults")
PARALLEL = 4
PARTS = ["R1", "R2", "R3", "R4", "R9", "N1"]
KILL_GOAL_SECONDS = 30.0
OUTAGE_GOAL_SECONDS = 60.0
DELIVERY_GOAL_SECONDS = 5.0
PEACE_SECONDS = 60.0
"""After the kills, so that enough messages are delivered without one."""

BUSY = 4.0
"""Processes ready to run for each CPU; the campaign itself makes two or three."""


@dataclass
class Tally:
    """What has been seen of one kind of fault."""

    name: str
    goal_seconds: float | None = None
    replays: int = 0
    kills: int = 0
    flaws: int = 0
    late: int = 0
    unjudged: int = 0
    seconds: list[float] = field(default_factory=list)

    def add(self, result: Result, clean: Clean) -> None:
        """Count a replay.

        A replay is late if it took longer than the goal plus the whole clean run. On a busy machine that is only
        reported.
        """
        self.replays += 1
        self.kills += result.kills
        self.seconds.append(result.seconds)
        is_late = self.goal_seconds is not None and result.seconds > self.goal_seconds + clean.seconds
        if os.getloadavg()[0] > BUSY * (os.cpu_count() or 1):
            self.unjudged += is_late
            is_late = False
        self.late += is_late
        if not result.is_good:
            self.flaws += 1
            write(result.name, f"{result}\n--- all requests\n" + "\n".join(map(str, result.trace)))
        told = "good" if result.is_good else "FLAW"
        print(
            f"{told}{' LATE' if is_late else ''} {result.seconds:5.1f} s, {result.kills} kills: {result.name}",
            flush=True,
        )

    def __str__(self) -> str:
        """Return the figures."""
        ordered = sorted(self.seconds) or [0.0]
        middle, worst = ordered[len(ordered) // 2], ordered[-1]
        times = f"from the last fault to the right end: median {middle:.1f} s, worst {worst:.1f} s"
        return (
            f"{self.name}: {self.replays} replays, {self.kills} kills, {self.flaws} flaws, {self.late} late, "
            f"{self.unjudged} slow on a busy machine; {times}"
        )


def write(name: str, text: str) -> None:
    """Keep what went wrong."""
    REPORTS.mkdir(parents=True, exist_ok=True)
    safe = "".join(letter if letter.isalnum() else "-" for letter in name)[:80]
    (REPORTS / f"{safe}.txt").write_text(text, encoding="utf-8")


class Campaign:
    """One control plane and its replays."""

    def __init__(self, world: World, clean: Clean) -> None:
        self.world, self.clean = world, clean
        self.final: asyncio.Future[Final] = asyncio.get_running_loop().create_future()
        self.final.set_result(clean.final)

    async def play(self, tally: Tally, cases: Iterable[Case], parallel: int = PARALLEL) -> Tally:
        """Make replays and count them."""
        async for result in campaign.replays(self.world, self.final, cases, parallel):
            tally.add(result, self.clean)
        return tally

    async def kills(self, seed: int, count: int) -> Tally:
        """R1: at every write of the clean run, before and after; then at random until there are `count`."""
        tally = await self.play(Tally("R1 kills", KILL_GOAL_SECONDS), campaign.kills(self.clean.points, seed))
        while tally.kills < count and not tally.flaws:
            seed += PARALLEL
            await self.play(tally, [campaign.random_kill(seed + number) for number in range(PARALLEL)])
        return tally

    async def deaf(self) -> Tally:
        """R3: no watch event of Jobs and pods."""
        tally = Tally("R3 lost watch events")
        async for result in campaign.replays(self.world, self.final, [campaign.deaf()]):
            tally.add(result, self.clean)
            waits = oracle.waits_for_loads(result.trace, result.succeeded)
            told = ", ".join(f"{run} {seconds:.1f} s" for run, seconds in waits.items())
            print(f"dump's success to first load, resync every {campaign.RESYNC_SECONDS} s: {told}", flush=True)
        return tally


async def replays(chosen: argparse.Namespace, folder: Path) -> list[Tally]:
    """Make the replays that were asked for."""
    async with replay.world(folder, is_long=True) as world:
        clean = await campaign.clean_run(world)
        print(f"clean run: {len(clean.points)} writes, {clean.seconds:.1f} s", flush=True)
        of = Campaign(world, clean)
        views, troubles = campaign.views(chosen.seed, 12), campaign.troubles(chosen.seed, 12)
        # Outages are mostly silence: they go on beside all others.
        beside = [asyncio.create_task(one) for one in _outages(of, chosen.only, views[:1], troubles[:3])]
        done: list[Tally] = []
        if "R1" in chosen.only:
            done.append(await of.kills(chosen.seed, chosen.kills))
        if "R2" in chosen.only:
            done.append(await of.play(Tally("R2 views of the past"), views[1:]))
        if "R3" in chosen.only:
            done.append(await of.deaf())
        if "R4" in chosen.only:
            done.append(await of.play(Tally("R4 wrong answers"), troubles[3:]))
        return [*done, *await asyncio.gather(*beside)]


def _outages(
    of: Campaign, only: list[str], frozen: list[Case], silent: list[Case]
) -> list[Coroutine[object, object, Tally]]:
    found = []
    if "R2" in only:
        found.append(of.play(Tally("R2 view frozen for 5 min"), frozen))
    if "R4" in only:
        found.append(of.play(Tally("R4 outages of 10 min", OUTAGE_GOAL_SECONDS), silent))
    return found


async def states(folder: Path) -> tuple[str, int]:
    """R9: every field with all values."""
    began = time.monotonic()
    stalled = flaws = count = 0
    async with controlplane.running(folder) as plane, sequences.without_schema(plane.api):
        every = mutations.all_of(sequences.schema_of("datareplications"))
        async for told in sequences.mutated(plane, folder, every, sequences.mutations_of_runs()):
            count += 1
            stalled += told.stalled
            if told.problems:
                flaws += 1
                print(f"FLAW {told.mutation}: {told.problems}", flush=True)
                write(str(told.mutation), "\n".join([told.message, *told.problems]))
    took = time.monotonic() - began
    return f"R9 states: {count}, {stalled} of them refused, {flaws} flaws, {took:.0f} s", flaws


async def notifications(folder: Path, seed: int, kills: int) -> tuple[str, int]:
    """N1: notifications of operators that are killed."""
    async with replay.world(folder) as world:
        share = -(-kills // PARALLEL)
        async with asyncio.TaskGroup() as together:
            each = [
                together.create_task(notified.endure(world, seed + number, share, PEACE_SECONDS))
                for number in range(PARALLEL)
            ]
    told = [one.result() for one in each]
    flaws = [f"{one.namespace}: {flaw}" for one in told for flaw in one.flaws]
    seconds = sorted(one for each_told in told for one in each_told.seconds) or [math.inf]
    percentile = seconds[int(len(seconds) * 0.99)]
    is_late = percentile > DELIVERY_GOAL_SECONDS and os.getloadavg()[0] <= BUSY * (os.cpu_count() or 1)
    if flaws:
        write("notifications", "\n".join(flaws))
    hits = Counter(hit for one in told for hit in one.hits)
    return (
        f"N1 notifications: {sum(one.kills for one in told)} kills ({dict(hits)}), "
        f"{sum(len(one.by_id) for one in told)} messages, {sum(one.repetitions for one in told)} repeated by their id, "
        f"{len(flaws)} flaws; from event to delivery without a kill ({len(seconds)}): median "
        f"{seconds[len(seconds) // 2]:.1f} s, p99 {percentile:.1f} s, worst {seconds[-1]:.1f} s"
    ), len(flaws) + is_late


async def main() -> int:
    """Run all; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=int(f"{datetime.now(UTC):%Y%m%d%H}"))
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    chosen = parser.parse_args()
    print(f"seed {chosen.seed}", flush=True)
    shutil.rmtree(REPORTS, ignore_errors=True)
    figures: list[str] = []
    flaws = 0
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        folder = Path(name)
        for part in ("states", "replays", "notifications"):
            (folder / part).mkdir()
        if set(chosen.only) - {"R9", "N1"}:
            tallies = await replays(chosen, folder / "replays")
            figures += map(str, tallies)
            flaws += sum(tally.flaws + tally.late for tally in tallies)
        if "R9" in chosen.only:
            told, wrong = await states(folder / "states")
            figures.append(told)
            flaws += wrong
        if "N1" in chosen.only:
            told, wrong = await notifications(folder / "notifications", chosen.seed, chosen.kills)
            figures.append(told)
            flaws += wrong
    print(*figures, sep="\n", flush=True)
    return int(flaws > 0)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
