"""The operator at scale, on a real control plane without nodes: how soon, how many writes, how much memory.

Run by: make bench-operator [ARGUMENTS="--resources 300 --many 3000 --reconciles 20000 --only due"]

The peer is Kubernetes' own CronJob controller with as many CronJobs of the same schedule on the same control plane, its
Jobs suspended; ours run to their end, their pods completed by the bench. The figures go to build/bench/operator.json
too. Ends with 1 when a goal is not met.
"""

import argparse
import asyncio
import json
import math
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from crowd import Crowd
from subject import Subject, Usage

from faultlab import controlplane
from faultlab.controlplane import ControlPlane

OUTPUT = Path("build/bench/operator.json")
CLIENT_LIMITS = {"default client limits": 20, "ten times the limits": 200}
"""Requests per second of the CronJob controller; the first is kube-controller-manager's default."""

IDLE_SECONDS = 150.0
"""Two resyncs and a half."""

TOUCHES = 200
MIB = 1024 * 1024


@dataclass(frozen=True)
class Figure:
    """One figure; smaller is better. goal: None where it is only reported."""

    name: str
    value: float
    goal: float | None = None

    @property
    def is_met(self) -> bool:
        return self.goal is None or self.value <= self.goal

    def __str__(self) -> str:
        if self.goal is None:
            return f"{self.name:<72}{self.value:9.2f}"
        return f"{self.name:<72}{self.value:9.2f}  goal {self.goal:g}  {'met' if self.is_met else 'NOT MET'}"


@dataclass
class Bench:
    """One control plane, and what was measured on it."""

    plane: ControlPlane
    resources: int
    many: int
    reconciles: int
    figures: list[Figure]

    def say(self, name: str, value: float, goal: float | None = None) -> None:
        self.figures.append(Figure(name, round(value, 3), goal))
        print(self.figures[-1], flush=True)

    async def run(self, only: str) -> None:
        if only in ("", "due"):
            await self._due_with_a_broken_one()
            peers = {name: await self._cron_jobs(limit) for name, limit in CLIENT_LIMITS.items()}
            await self._due_at_once(peers)
        if only in ("", "idle"):
            await self._idle()
        if only in ("", "long"):
            await self._long()

    async def _cron_jobs(self, requests_per_second: int) -> float:
        """Return the seconds until the CronJob controller has made all Jobs of a minute."""
        async with Crowd(self.plane.api, f"cron-{requests_per_second}", self.resources) as crowd:
            async with _cron_job_controller(self.plane, requests_per_second):
                due = await crowd.create_cron_jobs()
                delays = await crowd.jobs_after(due)
            print(
                f"    CronJobs at {requests_per_second}/s: half after {_quantile(delays, 0.5):.1f} s, "
                f"all after {delays[-1]:.1f} s",
                flush=True,
            )
            return delays[-1]

    async def _due_at_once(self, peers: dict[str, float]) -> None:
        count = self.resources
        async with Crowd(self.plane.api, "due", count) as crowd, Subject.running(self.plane) as subject:
            due = await crowd.create_replications()
            delays = await crowd.jobs_after(due)
            print(f"    ours: half after {_quantile(delays, 0.5):.1f} s, all after {delays[-1]:.1f} s", flush=True)
            for name, seconds in peers.items():
                goal = 0.5 if name == "default client limits" else None
                self.say(f"{count} due: all dump Jobs / CronJob controller, {name}", delays[-1] / seconds, goal)
            await crowd.completed()
            self.say(f"{count} due: seconds until all runs are complete", crowd.seconds_since(due))
            self.say("writes per run, one target, Events included", subject.writes() / count)

    async def _due_with_a_broken_one(self) -> None:
        """100 are due; one more is refused by the API with each reconcile."""
        async with Crowd(self.plane.api, "few", 100) as crowd, Subject.running(self.plane) as subject:
            await crowd.create_broken()
            due = await crowd.create_replications()
            delays = await crowd.jobs_after(due)
            self.say("100 due beside one that always fails: p99 skew, s", _quantile(delays, 0.99), 2.0)
            failures = await subject.failures()
            assert failures > 0, "nothing failed, so nothing was shown"

    async def _idle(self) -> None:
        """Let more and more resources do nothing; all the same operator's."""
        means: dict[int, float] = {}
        async with Subject.running(self.plane) as subject, Crowd(self.plane.api, "idle", 0) as crowd:
            for count in sorted({min(100, self.resources), self.resources, self.many}):
                await crowd.grow(count)
                await subject.at_rest()
                used = await self._over(subject, asyncio.sleep(IDLE_SECONDS))
                goal = 150.0 if count == self.resources else None
                self.say(f"idle at {count}: MiB of resident memory", used.resident / MIB, goal)
                self.say(f"idle at {count}: writes but the Lease's", used.writes, 0.0)
                self.say(f"idle at {count}: share of one core, %", 100 * used.cpu_seconds / used.seconds)
                self.say(f"idle at {count}: reads a second", used.reads / used.seconds)
                touched = await self._over(subject, self._touched(crowd, subject))
                means[count] = touched.reconcile_seconds / touched.reconciles
        least, most = min(means), max(means)
        self.say(f"time per reconcile at {most} / at {least}", means[most] / means[least], 1.25)

    @staticmethod
    async def _over(subject: Subject, work: Awaitable[None]) -> Usage:
        """Return what was used while something was done."""
        before = await subject.usage()
        await work
        return (await subject.usage()) - before

    @staticmethod
    async def _touched(crowd: Crowd, subject: Subject, times: int = TOUCHES) -> None:
        """Change one resource after the other, and wait until the operator has looked at each."""
        before = (await subject.usage()).reconciles
        await crowd.touch(times)
        await subject.reconciled(int(before) + times)

    async def _long(self) -> None:
        """Change resources until there were so many reconciles; memory after a tenth of them and at the end."""
        async with Crowd(self.plane.api, "long", 0) as crowd, Subject.running(self.plane) as subject:
            await crowd.grow(200)
            await subject.at_rest()
            sizes = []
            for count in (self.reconciles // 10, self.reconciles):
                while await subject.reconciles() < count:
                    # Changes that come while the one before still waits are one reconcile: fewer at once than resources.
                    await crowd.touch(TOUCHES, at_once=8)
                await subject.at_rest()
                sizes.append(await subject.resident())
            name = f"growth of memory from {self.reconciles // 10} to {self.reconciles} reconciles, %"
            self.say(name, 100 * (sizes[1] / sizes[0] - 1), 5.0)


@asynccontextmanager
async def _cron_job_controller(plane: ControlPlane, requests_per_second: int) -> AsyncIterator[None]:
    limits = (f"--kube-api-qps={requests_per_second}", f"--kube-api-burst={requests_per_second * 3 // 2}")
    async with plane.controllers("cronjob-controller", *limits):
        yield


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


async def _measure(given: argparse.Namespace, figures: list[Figure]) -> None:
    with tempfile.TemporaryDirectory(prefix="bench-operator-") as folder:
        async with controlplane.running(Path(folder)) as plane:
            await Bench(plane, given.resources, given.many, given.reconciles, figures).run(given.only)


def _write(figures: list[Figure]) -> None:
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    found = [{"name": f.name, "value": f.value, "goal": f.goal, "runs": 1} for f in figures]
    OUTPUT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def main() -> int:
    """Measure, print, write the file; 1 when a goal is not met."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--resources", type=int, default=1000, help="due in one minute (default: 1000)")
    parser.add_argument("--many", type=int, default=10_000, help="idle at the most (default: 10000)")
    parser.add_argument("--reconciles", type=int, default=100_000, help="for the growth of memory (default: 100000)")
    parser.add_argument("--only", choices=["due", "idle", "long"], default="", help="part of the figures")
    figures: list[Figure] = []
    try:
        asyncio.run(_measure(parser.parse_args(), figures))
    finally:
        _write(figures)  # an hour's figures are kept whatever goes wrong with the last
    return 0 if all(figure.is_met for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
