"""A real API server for tests of the plugin, without nodes: the tests write what the operator would."""

import asyncio
import contextlib
import io
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from datareplication.cli.main import main
from datareplication.core.names import job_labels, load_step
from faultlab import controlplane, scenario
from faultlab.api import path
from faultlab.controlplane import ControlPlane

T = TypeVar("T")
Object = dict[str, Any]
Ended = subprocess.CompletedProcess[str]

OURS = "/apis/datareplication.dev/v1alpha1"
OPERATOR = Path(__file__).parents[2] / "operator"
WAIT_SECONDS = 60


class Plane:
    """The control plane in a loop of its own, for tests that wait without one."""

    def __init__(self, plane: ControlPlane, loop: asyncio.AbstractEventLoop) -> None:
        self.plane = plane
        self._loop = loop

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for a request."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(WAIT_SECONDS)

    def restart_api(self) -> None:
        """Kill the API server and start it again."""
        self.plane.restart_api()


@contextmanager
def started(folder: Path) -> Iterator[Plane]:
    """Run a control plane for the duration of a block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    running = controlplane.running(folder)
    plane = asyncio.run_coroutine_threadsafe(running.__aenter__(), loop).result(300)
    try:
        yield Plane(plane, loop)
    finally:
        asyncio.run_coroutine_threadsafe(running.__aexit__(None, None, None), loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@dataclass
class Place:
    """A namespace of a test's own."""

    plane: Plane
    namespace: str = field(default_factory=lambda: f"test-{uuid.uuid4().hex[:8]}")
    token: str = controlplane.ADMIN_TOKEN

    @property
    def kubeconfig(self) -> Path:
        return self.plane.plane.write_kubeconfig(self.token, self.token)

    def create(self, plural: str, name: str, spec: Object) -> Object:
        """Create an object of one of our kinds."""
        return self.plane.do(scenario.create(self.plane.plane.api, self.namespace, plural, name, spec))

    def create_raw(self, at: str, manifest: Object) -> Object:
        return self.plane.do(self.plane.plane.api.create(at, manifest))

    def replication(self, name: str = "fan", *targets: str, **spec: Any) -> Object:
        """Create a DataReplication."""
        return self.create("datareplications", name, scenario.spec(*(targets or ("dev", "qa")), **spec))

    def write_status(self, plural: str, name: str, status: Object) -> None:
        """Write a status as the operator would."""
        self.plane.do(self.plane.plane.api.merge(path(plural, self.namespace, name, "status"), {"status": status}))

    def runs(self) -> list[Object]:
        return self.plane.do(self.plane.plane.api.items("datareplicationruns", self.namespace))

    def one_run(self) -> Object:
        """Wait until there is a run and return it."""
        return until(self.runs)[0]

    def delete(self, plural: str, name: str) -> None:
        self.plane.do(self.plane.plane.api.call("DELETE", path(plural, self.namespace, name)))

    def get(self, plural: str, name: str) -> Object:
        found = self.plane.do(self.plane.plane.api.get(plural, self.namespace, name))
        assert found is not None
        return found

    def pod(self, run: str, target: str, annotations: dict[str, str], node: str = "", **container: Any) -> Object:
        """Create a pod of a load, as the Job controller would. No node is there."""
        labels = job_labels("fan", run, load_step(target))
        metadata = {"name": f"{run}-load-{target}-x", "labels": labels, "annotations": annotations}
        containers = [{"name": "load", "image": "x", **container}]
        manifest = {"metadata": metadata, "spec": {"containers": containers, "nodeName": node}}
        return self.create_raw(f"/api/v1/namespaces/{self.namespace}/pods", manifest)

    def begin(self, *arguments: str, **options: Any) -> "subprocess.Popen[str]":
        """Start the plugin."""
        return subprocess.Popen(
            self.command(*arguments),
            env=self.environment(),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
            preexec_fn=_heed_ctrl_c, **options,  # noqa: PLW1509 - it only resets a signal
        )  # fmt: skip

    def command(self, *arguments: str) -> Sequence[str]:
        return (sys.executable, "-m", "datareplication.cli.main", *self._at, *arguments)

    @property
    def _at(self) -> Sequence[str]:
        return ("--kubeconfig", str(self.kubeconfig), "-n", self.namespace)

    def environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "PYTHONPATH": str(OPERATOR), "HOME": "/nowhere", "TERM": "xterm"}

    def called(self, *arguments: str) -> Ended:
        """Call the plugin in this process, which has imported the Kubernetes client already."""
        command = [*self._at, *arguments]
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
            code = main(command)
        return Ended(command, code, out.getvalue(), err.getvalue())


def _heed_ctrl_c() -> None:
    """Take SIGINT as a terminal's programs do; those that a shell starts in the background inherit that it is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def ended(process: "subprocess.Popen[str]", seconds: float = WAIT_SECONDS) -> Ended:
    """Wait for a process; it is killed when it does not end."""
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        out, err = process.communicate()
        raise AssertionError(f"did not end: {out}\n{err}") from None
    return Ended(process.args, process.returncode, out, err)


def until(look: Callable[[], T], seconds: float = WAIT_SECONDS) -> T:
    """Look until there is something, and return it."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "nothing came"
        time.sleep(0.05)
    return found
