"""The operator as a process of its own, and what it uses: memory, CPU, requests, reconciles."""

import asyncio
import json
import re
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

import aiohttp

from faultlab.controlplane import OPERATOR_TOKEN, OPERATOR_USER, ControlPlane, die_with_parent
from faultlab.process import environment

DEADLINE_SECONDS = 1200.0
WRITES = {"create", "update", "patch", "delete", "deletecollection"}


@dataclass(frozen=True)
class Usage:
    """What was used up to a moment, or between two (`later - earlier`); `resident` is that of the later."""

    seconds: float
    cpu_seconds: float
    reconciles: float
    reconcile_seconds: float
    reads: float
    writes: float
    resident: float

    def __sub__(self, earlier: "Usage") -> "Usage":
        """Return what was used since."""
        used = {one.name: getattr(self, one.name) - getattr(earlier, one.name) for one in fields(self)}
        return Usage(**{**used, "resident": self.resident})


@dataclass
class Subject:
    """A running operator."""

    process: asyncio.subprocess.Process
    url: str
    audit: Path
    audited_before: int
    log: Path

    @classmethod
    @asynccontextmanager
    async def running(cls, plane: ControlPlane) -> AsyncIterator[Self]:
        """Run an operator with the rights of its service account."""
        settings = {**environment(plane.write_kubeconfig("operator", OPERATOR_TOKEN)), "LOG_LEVEL": "WARNING"}
        log = plane.folder / "operator.log"
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "datareplication.controller.main"),
                env=settings,
                stdout=output,
                stderr=output,
                preexec_fn=die_with_parent,
            )
        try:
            made = cls(
                process, f"http://127.0.0.1:{settings['HTTP_PORT']}", plane.audit, plane.audit.stat().st_size, log
            )
            await made._until_ready()
            yield made
            assert process.returncode is None, made._last_words()
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()

    async def usage(self) -> Usage:
        """Return what was used up to now."""
        metrics = await self._metrics()
        requests = {"reads": 0, "writes": 0}
        for verb, kind in self._requests():
            requests["writes" if verb in WRITES else "reads"] += kind != "leases"
        return Usage(
            seconds=time.monotonic(),
            cpu_seconds=_total(metrics, "process_cpu_seconds_total"),
            reconciles=_total(metrics, "datareplication_reconcile_duration_seconds_count"),
            reconcile_seconds=_total(metrics, "datareplication_reconcile_duration_seconds_sum"),
            resident=_total(metrics, "process_resident_memory_bytes"),
            **requests,
        )

    def writes(self) -> int:
        """Return how many writes of objects other than Leases the API server has seen from it."""
        return sum(verb in WRITES and kind != "leases" for verb, kind in self._requests())

    async def failures(self) -> float:
        """Return how many reconciles have failed."""
        metrics = await self._metrics()
        name = "datareplication_reconcile_duration_seconds_count"
        return _total(metrics, name) - _total(metrics, name, 'result="success"')

    async def reconciles(self) -> float:
        """Return how many reconciles there were; cheaper than all of `usage`."""
        return _total(await self._metrics(), "datareplication_reconcile_duration_seconds_count")

    async def resident(self) -> float:
        """Return the bytes of resident memory; cheaper than all of `usage`."""
        return _total(await self._metrics(), "process_resident_memory_bytes")

    async def reconciled(self, count: int) -> None:
        """Wait until there were that many reconciles."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while await self.reconciles() < count:
                await asyncio.sleep(1)

    async def at_rest(self) -> None:
        """Wait until nothing is left to be worked on, and for a moment nothing comes."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            before = -1.0
            while True:
                metrics = await self._metrics()
                done = _total(metrics, "datareplication_reconcile_duration_seconds_count")
                if done == before and not _total(metrics, "datareplication_workqueue_depth"):
                    return
                before = done
                await asyncio.sleep(2)

    def _requests(self) -> list[tuple[str, str]]:
        """Return verb and resource of each request, from the API server's audit log."""
        with self.audit.open("rb") as file:
            file.seek(self.audited_before)
            events = [json.loads(line) for line in file if line.endswith(b"\n")]
        return [
            (event["verb"], event["objectRef"]["resource"])
            for event in events
            if event["user"]["username"] == OPERATOR_USER and "objectRef" in event
        ]

    async def _until_ready(self) -> None:
        async with asyncio.timeout(60), aiohttp.ClientSession(self.url) as session:
            while True:
                try:
                    async with session.get("/readyz") as answer:
                        if answer.status == 200:
                            return
                except aiohttp.ClientError:
                    assert self.process.returncode is None, self._last_words()
                await asyncio.sleep(0.2)

    def _last_words(self) -> str:
        return self.log.read_text(encoding="utf-8")[-2000:]

    async def _metrics(self) -> str:
        async with aiohttp.ClientSession(self.url) as session, session.get("/metrics") as answer:
            return await answer.text()


def _total(text: str, name: str, label: str = "") -> float:
    """Return the sum of a metric's samples."""
    samples = re.findall(rf"^{name}(?:\{{([^}}]*)\}})? (\S+)$", text, re.MULTILINE)
    return sum(float(value) for labels, value in samples if label in labels)
