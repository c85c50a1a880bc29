"""A machine with too few resources: another attempt may succeed, and the exit code is not 70 (a defect of ours)."""

import os
import subprocess
import sys

import pytest

from support.programs import OPERATOR, Programs, databases, outcome

FILES = [8, 10, 12, 14, 16, 18]
KIBIBYTES = [150_000, 250_000]


@pytest.mark.parametrize("limit", [f"-n {number}" for number in FILES] + [f"-v {size}" for size in KIBIBYTES])
def test_too_few_files_or_too_little_memory_is_worth_another_attempt(dumped: Programs, limit: str) -> None:
    for name, arguments in {"dump": (), "load": ("--target", "dev")}.items():
        path = dumped.root / "again" if name == "dump" else dumped.snapshot
        environment = {**os.environ, **dumped.environment(CSV_OUTPUT_PATH=str(path)), "PYTHONPATH": str(OPERATOR)}
        command = [
            "bash",
            "-c",
            f'ulimit {limit}; exec "$@"',
            "bash",
            sys.executable,
            "-m",
            f"datareplication.jobs.commands.{name}",
        ]
        ended = subprocess.run([*command, *arguments], env=environment, stdout=subprocess.PIPE, text=True, check=False)
        found = outcome(ended.returncode, ended.stdout)
        assert found.code in (0, 75), found.report.message
        assert found.report.reason in {
            "Dumped",
            "Loaded",
            "OutOfResources",
            "OutOfMemory",
            "WorkerKilled",
            "ToolKilled",
        }
    if found.code:
        assert databases(dumped.target, dumped.database)[0] == dumped.database
