"""A program's output: its reader may have gone, sleep or never come; nothing is written to standard error."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from datareplication.core.report import Report
from datareplication.jobs.frame import program, standard
from datareplication.jobs.frame.log import Log
from datareplication.jobs.frame.standard import Descriptor
from datareplication.jobs.model.connections import Connection
from datareplication.jobs.model.settings import DumpSettings, RunSettings

OPERATOR = Path(__file__).parents[4] / "operator"
SETTINGS = DumpSettings(RunSettings(), Connection("PROD", "dbname=x", "u", "canary-password"), Path("/nowhere"))

PROGRAM = """
from datareplication.core.report import Report
from datareplication.jobs.frame import program
from datareplication.jobs.model.connections import Connection
from datareplication.jobs.model.settings import DumpSettings, RunSettings
from pathlib import Path
import os, subprocess, sys

def work(given, frame):
    print("row of production", file=sys.stderr, flush=True)
    print("row of production", file=sys.stderr, end="")
    os.write(2, b"row of production")
    subprocess.run(["sh", "-c", "echo row of production >&2"])
    for number in range(int(sys.argv[1])):
        frame.log.info("working" * 10, number=number)
    return Report("Succeeded")

settings = DumpSettings(RunSettings(), Connection("PROD", "dbname=x", "u", ""), Path("/nowhere"))
sys.exit(program.run(lambda: settings, work, os.environ))
"""


def started(lines: int) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(OPERATOR), "TERMINATION_MESSAGE_PATH": "/"}
    command = [sys.executable, "-c", PROGRAM, str(lines)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_what_libraries_and_children_print_to_standard_error_is_not_seen() -> None:
    with started(1) as child:
        said, printed = child.communicate(timeout=60)
    assert (child.returncode, printed) == (0, b"")
    assert [json.loads(line)["message"] for line in said.splitlines()] == ["working" * 10, "Succeeded"]


def test_standard_error_is_given_back(capfd: pytest.CaptureFixture[str]) -> None:
    program.run(lambda: SETTINGS, lambda *_: Report("Succeeded"), {"TERMINATION_MESSAGE_PATH": "/"})
    os.write(standard.ERROR, b"here")
    assert capfd.readouterr().err == "here"


def test_a_program_whose_output_nobody_reads_ends_all_the_same() -> None:
    with started(5000) as child:  # some hundred kilobytes; a pipe holds 64
        assert child.wait(timeout=60) == 0
        assert child.stdout is not None
        for line in child.stdout.read().splitlines()[:-1]:
            assert json.loads(line)["message"] == "working" * 10


def test_a_thread_that_fails_is_told_in_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    def work(*_: object) -> Report:
        thread = threading.Thread(target=lambda: 1 / 0)
        thread.start()
        thread.join()
        return Report("Succeeded")

    program.run(lambda: SETTINGS, work, {"TERMINATION_MESSAGE_PATH": "/"})
    assert "ZeroDivisionError" in json.loads(capsys.readouterr().out.splitlines()[0])["traceback"]


def test_lines_that_are_not_read_are_dropped_and_none_is_torn() -> None:
    reader, writer = os.pipe()
    log = Log(stream=Descriptor(writer, patience_seconds=0.01))
    for number in range(20):
        log.info("x" * 9000, number=number)
    first = os.read(reader, 1 << 20)
    log.info("read again")
    os.close(writer)
    with os.fdopen(reader, "rb") as rest:
        said = [json.loads(line) for line in (first + rest.read()).splitlines()]
    numbers = [line["number"] for line in said[:-1]]
    assert numbers == list(range(len(numbers)))
    assert 0 < len(numbers) < 20
    assert said[-1]["message"] == "read again"


def test_a_line_that_is_read_slowly_is_whole() -> None:
    reader, writer = os.pipe()
    said: list[bytes] = []

    def read() -> None:
        while data := os.read(reader, 1000):
            said.append(data)

    thread = threading.Thread(target=read)
    thread.start()
    Log(stream=Descriptor(writer, patience_seconds=30)).info("x" * 500_000)
    os.close(writer)
    thread.join()
    os.close(reader)
    assert json.loads(b"".join(said))["message"] == "x" * 500_000
