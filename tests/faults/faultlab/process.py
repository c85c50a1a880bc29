"""The operator as a process of its own, started again whenever it ends, as a Deployment does (without its back-off)."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from faultlab.controlplane import CHECKOUT, SYSTEM_NAMESPACE, die_with_parent, free_port
from faultlab.proxy import Proxy

PAUSE_SECONDS = 0.2
LEASE_SECONDS = 3
"""Each kill costs the next process about as long."""


@dataclass
class Supervisor:
    """Keeps one operator running behind a proxy. kills: how often `kill` ended it; exits: its own ends, by code."""

    proxy: Proxy
    namespace: str
    folder: Path
    extra: Mapping[str, str] = field(default_factory=dict)
    kills: int = 0
    killed_at: float = 0.0
    exits: list[int] = field(default_factory=list)
    _process: asyncio.subprocess.Process | None = None
    _is_killed: bool = False

    @property
    def log(self) -> Path:
        """Return the file with all that it logged."""
        return self.folder / "operator.log"

    async def run(self) -> None:
        """Start it, and start it again, for ever."""
        environment = self._environment()
        try:
            while True:
                with self.log.open("ab") as log:
                    self._is_killed = False
                    self._process = await asyncio.create_subprocess_exec(
                        *(sys.executable, "-m", "datareplication.controller.main"),
                        env=environment,
                        cwd=self.folder,
                        stdout=log,
                        stderr=log,
                        preexec_fn=die_with_parent,
                    )
                self.proxy.process = self._process.pid
                code = await self._process.wait()
                if not self._is_killed:
                    self.exits.append(code)
                    await asyncio.sleep(PAUSE_SECONDS)
        finally:
            if self._process is not None and self._process.returncode is None:
                self._process.kill()
                await self._process.wait()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.proxy.process, number)

    async def kill(self) -> None:
        """SIGKILL it and return when it is dead; its successor starts by itself."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        self._is_killed = True
        self.kills += 1
        self.killed_at = time.monotonic()
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        await process.wait()

    def _environment(self) -> dict[str, str]:
        kubeconfig = self.folder / "kubeconfig"
        named = {
            "clusters": [{"name": "proxy", "cluster": {"server": self.proxy.url}}],
            "users": [{"name": "nobody", "user": {}}],
            "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "nobody"}}],
        }
        config = {"apiVersion": "v1", "kind": "Config", "current-context": "proxy", **named}
        kubeconfig.write_text(yaml.safe_dump(config), encoding="utf-8")
        return {
            **environment(kubeconfig),
            "WATCH_NAMESPACES": self.namespace,
            "POD_NAME": f"operator-{self.namespace}",
            "LEASE_NAME": f"operator-{self.namespace}",
            "LEASE_DURATION_SECONDS": str(LEASE_SECONDS),
            **self.extra,
        }


def environment(kubeconfig: Path) -> dict[str, str]:
    """Return the variables of an operator of this checkout, with an HTTP port of its own."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "PYTHONPATH": str(CHECKOUT / "operator"),
        "PYTHONUNBUFFERED": "1",
        "KUBECONFIG": str(kubeconfig),
        "JOB_IMAGE": "datareplication/job:none",
        "HTTP_PORT": str(free_port()),
        "POD_NAME": "operator",
        "POD_NAMESPACE": SYSTEM_NAMESPACE,
    }


@asynccontextmanager
async def supervised(supervisor: Supervisor) -> AsyncIterator[Supervisor]:
    """Run the operator for the duration of a block."""
    task = asyncio.create_task(supervisor.run())
    try:
        yield supervisor
        if task.done():
            task.result()
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
