"""The two programs as tests run them: in this process, which is fast, or as children if signals matter."""

import contextlib
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import forkserver, get_context
from pathlib import Path
from typing import Any

import pytest

from datareplication.core.reasons import Theirs
from datareplication.core.report import Report
from datareplication.jobs.commands import dump as dump_command
from datareplication.jobs.commands import load as load_command
from datareplication.jobs.dump import worker as dump_worker
from datareplication.jobs.dump.steps import dump
from datareplication.jobs.frame import program
from datareplication.jobs.frame.log import MASK
from datareplication.jobs.load import worker as load_worker
from datareplication.jobs.load.steps import load
from support.server import PASSWORD, Server

OPERATOR = Path(__file__).parents[2] / "operator"
DEADLINE_SECONDS = 30


@dataclass(frozen=True)
class Outcome:
    """How a program ended."""

    code: int
    report: Report
    lines: list[dict[str, Any]]

    @property
    def summary(self) -> tuple[int, str]:
        """Exit code and reason."""
        return self.code, self.report.reason


@dataclass(frozen=True)
class Programs:
    """Runs dump and load between two servers.

    root: directory for snapshots and scratch files. database: the target's, and the source's without source_database.
    """

    root: Path
    source: Server
    target: Server
    database: str
    source_database: str = ""

    @property
    def snapshot(self) -> Path:
        """The snapshot's directory."""
        return self.root / "run" / "prod_snapshot_20240101"

    @property
    def termination_message(self) -> Path:
        """The termination message's file."""
        return self.root / "termination-log"

    def environment(self, **changes: str) -> dict[str, str]:
        """Return the variables that the programs read, with changes; an empty value removes a variable."""
        wanted = {
            "CSV_OUTPUT_PATH": str(self.snapshot),
            "TERMINATION_MESSAGE_PATH": str(self.termination_message),
            "PROD_DB_CONNECTION": self.source.conninfo(self.source_database or self.database),
            "PROD_DB_USERNAME": "postgres",
            "PROD_DB_PASSWORD": PASSWORD,
            "DEV_DB_CONNECTION": self.target.conninfo(self.database),
            "DEV_DB_USERNAME": "postgres",
            "DEV_DB_PASSWORD": PASSWORD,
            **changes,
        }
        return {name: value for name, value in wanted.items() if value}

    def dump(self, *arguments: str, run: str = "run-1", **changes: str) -> Outcome:
        """Dump in this process."""
        environment = self.environment(**changes)
        options = ["--run-uid", run, "--run-name", run, "--workers", "1", *arguments]
        return self._run(lambda: program.run(lambda: dump_command.parse(options, environment), dump, environment))

    def load(self, *arguments: str, run: str = "run-1", **changes: str) -> Outcome:
        """Load in this process; an empty `run` is a load by hand."""
        environment = self.environment(**changes)
        named = ["--run-uid", run, "--run-name", run] if run else []
        options = ["--target", "dev", "--workers", "1", *named, *arguments]
        return self._run(lambda: program.run(lambda: load_command.parse(options, environment), load, environment))

    def start(
        self, name: str, *arguments: str, run: str = "run-1", file_limit_kib: int | None = None, **changes: str
    ) -> "Child":
        """Start `dump` or `load` as a child, in a process group of its own; no file may grow beyond the limit."""
        target = ["--target", "dev"] if name == "load" else []
        command = ["sh", "-c", f'ulimit -f {file_limit_kib * 2}; exec "$@"', "sh"] if file_limit_kib else []
        command += [
            sys.executable,
            "-m",
            f"datareplication.jobs.commands.{name}",
            "--run-uid",
            run,
            *target,
            *arguments,
        ]
        environment = {**os.environ, **self.environment(**changes), "PYTHONPATH": str(OPERATOR)}
        piped = subprocess.PIPE
        return Child(subprocess.Popen(command, env=environment, stdout=piped, stderr=piped, text=True, process_group=0))

    def _run(self, run: Callable[[], int]) -> Outcome:
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            code = run()
        found = outcome(code, output.getvalue())
        assert Report.from_json(self.termination_message.read_text()) == found.report
        return found


@dataclass(frozen=True)
class Dumped:
    """A database of the source and the snapshot that run `run-1` made of it, for tests that only load."""

    database: str
    snapshot: Path


@dataclass(frozen=True)
class Child:
    """A program as a child process."""

    process: subprocess.Popen[str]

    def wait_for(self, is_wanted: Callable[[dict[str, Any]], bool]) -> None:
        """Read its lines until a wanted one comes."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if is_wanted(json.loads(line)):
                return
        raise AssertionError("the program ended before it said that")

    def end(self) -> Outcome:
        """Wait for its end; any output to standard error fails the test."""
        try:
            output, printed = self.process.communicate(timeout=DEADLINE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            output, printed = self.process.communicate()
        assert not printed
        return outcome(self.process.returncode, output)


def outcome(code: int, output: str) -> Outcome:
    """Read a program's output; a password in it, even a masked one, fails the test."""
    assert PASSWORD not in output
    assert MASK not in output
    lines = [json.loads(line) for line in output.splitlines()]
    report = Report.from_json(json.dumps(lines[-1]["report"])) if lines and "report" in lines[-1] else None
    return Outcome(code, report or Report("Failed", reason=Theirs("NoReport")), lines)


def preload_workers() -> None:
    """Start the server from which the workers of programs in this process are forked, with the modules of all."""
    modules = [dump_worker.__name__, dump_worker.MASKS, load_worker.__name__, load_worker.SEARCHING]
    get_context("forkserver").set_forkserver_preload(modules)
    with pytest.MonkeyPatch.context() as patched:
        # The server of Python 3.11 does not get this process's sys.path, and says nothing of modules it does not find.
        patched.setenv("PYTHONPATH", str(OPERATOR))
        forkserver.ensure_running()


def is_phase(*names: str) -> Callable[[dict[str, Any]], bool]:
    """Return a function that says whether a line has one of these phases."""
    return lambda line: line.get("progress", {}).get("phase") in names


def until(is_true: Callable[[], object], what: str) -> None:
    """Poll until the condition is true, or fail after a deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not is_true():
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.02)


def databases(server: Server, prefix: str) -> Sequence[str]:
    """Return the names of a server's databases that start with `prefix`."""
    found = server.run("SELECT datname FROM pg_database ORDER BY 1")
    return [name for (name,) in found if name.startswith(prefix)]
