"""Many replays, some at a time, all drawn from one seed.

This module chooses the faults. `faults.py` and its neighbours say what a fault does, `oracle.py` what must come out.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field

from faultlab.faults import Fault, KillAt, KillAtRandom, Moment, Point, Points
from faultlab.oracle import Final
from faultlab.replay import Result, Setting, World, replay
from faultlab.trouble import CODES, WATCH_KINDS, Deaf, Refusal, Trouble
from faultlab.views import Frozen, RolledBack

PARALLEL = 6
MOMENTS: tuple[Moment, ...] = ("before", "after")
KILLS_PER_REPLAY = 25
RESYNC_SECONDS = 5
ALL_KINDS = (*CODES, "refused", "lost", "delay", *WATCH_KINDS)
FROZEN_SECONDS = 300.0
OUTAGE_SECONDS = 600.0
LATE_WRITE = 120
"""One of the last writes of the scenario, which has some 170: four of five slots have been run by then."""


ATTEMPTS = 3
"""Replays of a case until its fault comes: on a busy machine the operator may give up the write that triggers it."""


@dataclass(frozen=True)
class Case:
    """One replay to be made. must_hit: whether the replay proves nothing if the fault did not come."""

    name: str
    make: Callable[[Setting], Fault]
    settings: dict[str, str] = field(default_factory=dict)
    must_hit: bool = True


@dataclass(frozen=True)
class Clean:
    """The clean run: its end, its writes in order, and how long it took."""

    final: Final
    points: tuple[Point, ...]
    seconds: float


async def clean_run(world: World) -> Clean:
    """Record the clean run."""
    result = await replay(world, "clean run", lambda setting: Points(marks=setting.scenario.marks), None)
    if not result.is_good:
        raise AssertionError(str(result))
    return Clean(result.final, tuple(result.points), result.seconds)


async def replays(
    world: World, final: "asyncio.Future[Final]", cases: Iterable[Case], parallel: int = PARALLEL
) -> AsyncIterator[Result]:
    """Yield the results of all cases as they come."""
    places = asyncio.Semaphore(parallel)

    async def one(case: Case) -> Result:
        for _ in range(ATTEMPTS):
            async with places:
                result = await replay(world, case.name, case.make, final, settings=case.settings)
            if result.hits or not case.must_hit or not result.is_good:
                break
        if case.must_hit and not result.hits:
            result.violations.append("the fault did not come")
        return result

    tasks = [asyncio.create_task(one(case)) for case in cases]
    try:
        for coming in asyncio.as_completed(tasks):
            yield await coming
    finally:
        for task in tasks:
            task.cancel()


def kills(points: Sequence[Point], seed: int) -> list[Case]:
    """Return replays that kill before and after each of these writes, several in each replay."""
    chosen = [(point, moment) for point in points for moment in MOMENTS]
    random.Random(seed).shuffle(chosen)
    groups = [chosen[first : first + KILLS_PER_REPLAY] for first in range(0, len(chosen), KILLS_PER_REPLAY)]
    return [_kill(number, dict(group)) for number, group in enumerate(groups)]


def _kill(number: int, at: dict[Point, Moment]) -> Case:
    def make(setting: Setting) -> Fault:
        return KillAt(marks=setting.scenario.marks, at=at, kill=setting.supervisor.kill)

    return Case(f"kills at chosen writes, group {number}", make, must_hit=False)


def random_kill(seed: int, kills: int = 30, share: float = 0.4) -> Case:
    """Return a replay of several kills."""

    def make(setting: Setting) -> Fault:
        return KillAtRandom(
            marks=setting.scenario.marks, seed=seed, kills=kills, share=share, kill=setting.supervisor.kill
        )

    return Case(f"random kills, seed {seed}", make)


def trouble(seed: int, seconds: float, kinds: tuple[str, ...], share: float, start: int = 20) -> Case:
    """Return a replay with wrong answers for a time."""

    def make(_: Setting) -> Fault:
        return Trouble(start=start, seconds=seconds, kinds=kinds, share=share, seed=seed)

    return Case(f"{','.join(kinds)} to {share:.0%} of requests for {seconds:.0f} s, seed {seed}", make)


def refusal(seconds: float, start: int = 20) -> Case:
    """Return a replay during which nobody listens for a time."""
    return Case(f"refused for {seconds:.0f} s", lambda at: Refusal(start=start, seconds=seconds, proxy=at.proxy))


def deaf() -> Case:
    """Return a replay without a single watch event of Jobs and pods."""
    return Case(
        "no events of Jobs and pods",
        lambda _: Deaf(plurals=("jobs", "pods")),
        settings={"RESYNC_SECONDS": str(RESYNC_SECONDS)},
    )


def frozen(start: int, seconds: float) -> Case:
    """Return a replay that reads the past for a time."""

    def make(at: Setting) -> Fault:
        return Frozen(start=start, seconds=seconds, api=at.world.plane.api, namespace=at.scenario.namespace)

    return Case(f"view frozen at write {start} for {seconds:.0f} s", make)


def rolled_back(to: int, start: int, seconds: float, *, restarted: bool) -> Case:
    """Return a replay that is set back in time for a time."""

    def make(at: Setting) -> Fault:
        return RolledBack(
            start=start,
            seconds=seconds,
            api=at.world.plane.api,
            namespace=at.scenario.namespace,
            to=to,
            kill=at.supervisor.kill if restarted else None,
        )

    how = "with a restart" if restarted else "while running"
    return Case(f"view rolled back from write {start} to {to} for {seconds:.0f} s, {how}", make)


def sample(seed: int) -> list[Case]:
    """Return one of each kind, short."""
    drawn = random.Random(seed)
    return [
        random_kill(seed, kills=8, share=0.2),
        trouble(seed, 6, ALL_KINDS, 0.3),
        deaf(),
        frozen(drawn.randrange(10, 80), 6),
        rolled_back(drawn.randrange(2, 40), LATE_WRITE, 6, restarted=True),
    ]


def views(seed: int, count: int) -> list[Case]:
    """Return replays with views of the past, and one that stays frozen for five minutes."""
    drawn = random.Random(seed)
    cases = [frozen(drawn.randrange(10, 80), FROZEN_SECONDS)]
    for number in range(count):
        cases.append(frozen(drawn.randrange(2, 140), 8))
        to = drawn.randrange(1, 80)
        cases.append(rolled_back(to, drawn.randrange(to + 10, LATE_WRITE + 20), 8, restarted=bool(number % 2)))
    return cases


def troubles(seed: int, count: int) -> list[Case]:
    """Return replays with all wrong answers mixed, with each alone, and with outages of ten minutes."""
    drawn = random.Random(seed)
    outages = [trouble(seed, OUTAGE_SECONDS, ("500", "503"), 1.0), trouble(seed, OUTAGE_SECONDS, ("429",), 1.0)]
    alone = [trouble(drawn.randrange(10**6), 8, (kind,), 0.5) for kind in ALL_KINDS]
    mixed = [trouble(drawn.randrange(10**6), 8, ALL_KINDS, 0.3, drawn.randrange(2, 120)) for _ in range(count)]
    return [*outages, refusal(OUTAGE_SECONDS), refusal(5), *alone, *mixed]
