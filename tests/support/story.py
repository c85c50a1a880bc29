"""A story that is told again and again, with the operator's process killed at another call each time."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Literal

from datareplication.core.report import Report
from support.world import World

Act = Callable[[World], object]
Moment = Literal["before", "after"]


class Story:
    """Acts of others, each followed by what the operator makes of it.

    settle: lets the operator work until nothing changes. What comes before a kill is as without it: a telling with a
    kill begins with the world that the telling without one came to, before the act in which the kill is.
    """

    def __init__(self, acts: Sequence[Act], settle: Callable[[World], Awaitable[None]]) -> None:
        self._acts = acts
        self._settle = settle
        self._begun: list[World] = []

    async def tell(self, world: World) -> World:
        """Tell it without a kill, to the world's end; this is done once, first."""
        for act in self._acts:
            self._begun.append(world.twin())
            await self._play(act, world)
        return world

    async def killed(self, moment: Moment, call: int) -> World:
        """Tell it with a kill at one call of the telling without; return a world of its own, at its end."""
        first = max(index for index, world in enumerate(self._begun) if world.cluster.calls < call)
        world = self._begun[first].twin()
        setattr(world.cluster, f"crash_{moment}", call)
        for act in self._acts[first:]:
            await self._play(act, world)
        assert world.cluster.calls >= call, "nothing was killed"
        return world

    async def _play(self, act: Act, world: World) -> None:
        act(world)
        await self._settle(world)


def nothing(_: World) -> None:
    """Leave the operator alone with what there is."""


def pause(**delta: float) -> Act:
    """Let time pass."""
    return lambda world: world.clock.advance(**delta)


def end(report: Report, *jobs: str) -> Act:
    """Run these Jobs' pods to their ends."""

    def act(world: World) -> None:
        for job in jobs:
            world.finish(job, report)

    return act
