"""The HTTP port: what the kubelet and Prometheus are answered."""

from dataclasses import replace

import aiohttp
import pytest

from datareplication.controller.metrics import Metrics
from datareplication.controller.serving import serve
from datareplication.core.health import Pulse
from support.ports import free_port

LEADS = Pulse(is_leading=True, has_looked=True)


async def asked(path: str, pulse: Pulse) -> tuple[int, str]:
    """Serve a process with that pulse and return what is answered at `path`."""
    port = free_port()
    async with (
        serve(port, lambda: pulse, Metrics(), 12.0, 60.0),
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}{path}") as answer,
    ):
        return answer.status, await answer.text()


@pytest.mark.parametrize(
    ("path", "pulse", "status", "body"),
    [
        pytest.param("/healthz", Pulse(), 200, '{"isLeading": false, "faults": []}', id="a standby lives"),
        pytest.param("/readyz", Pulse(), 200, '{"isLeading": false, "faults": []}', id="a standby is ready"),
        pytest.param("/healthz", LEADS, 200, '{"isLeading": true, "faults": []}', id="the leader lives"),
        pytest.param(
            "/healthz",
            replace(LEADS, resync=400.0),
            503,
            '{"isLeading": true, "faults": ["no resync for 6m40s"]}',
            id="a leader that is blind",
        ),
        pytest.param(
            "/readyz",
            replace(LEADS, has_looked=False),
            503,
            '{"isLeading": true, "faults": ["leads, and has not looked at everything yet"]}',
            id="a leader that has not begun",
        ),
    ],
)
async def test_probes(path: str, pulse: Pulse, status: int, body: str) -> None:
    assert await asked(path, pulse) == (status, body)


async def test_metrics() -> None:
    status, text = await asked("/metrics", LEADS)
    assert status == 200
    assert "\ndatareplication_leader 0.0\n" in text
    assert "process_resident_memory_bytes" in text
