"""A child that is ended cancels its query first, so that its backend keeps no locks; a child's own end is noticed."""

import os
import time
from pathlib import Path

import pytest

from datareplication.jobs.frame import tools
from datareplication.jobs.frame.tools import Running, Tool
from datareplication.jobs.model.connections import Login

SCRIPT = """#!/bin/sh
trap 'echo ended > "{0}/ended"; exit 1' TERM
echo ready > "{0}/ready"
while :; do sleep 0.05; done
"""


def test_a_child_is_asked_to_end_before_it_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "pg_dump"
    script.write_text(SCRIPT.format(tmp_path))
    script.chmod(0o700)
    with Running(Tool(script, 15), [], Login({}, "")):
        deadline = time.monotonic() + 30
        while not (tmp_path / "ready").exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert (tmp_path / "ended").exists()


def _refuse(_: int) -> int:
    raise PermissionError


@pytest.mark.parametrize("can_be_told", [True, False], ids=["the kernel tells", "a sandbox forbids it"])
def test_its_end_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, can_be_told: bool) -> None:
    if not can_be_told:
        monkeypatch.setattr(os, "pidfd_open", _refuse)
    monkeypatch.setattr(tools, "TICK_SECONDS", 0.1)
    script = tmp_path / "pg_dump"
    script.write_text("#!/bin/sh\nsleep 0.5\n")
    script.chmod(0o700)
    ticks: list[float] = []
    started = time.monotonic()
    with Running(Tool(script, 15), [], Login({}, "")) as child:
        child.join(lambda: ticks.append(time.monotonic()))
    assert time.monotonic() - started >= 0.5
    assert len(ticks) >= 2
