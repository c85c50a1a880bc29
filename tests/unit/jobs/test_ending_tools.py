"""A child that is no longer wanted may cancel its query first: its backend would keep its locks."""

import time
from pathlib import Path

from datareplication.jobs.tools import Login, Running, Tool

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
