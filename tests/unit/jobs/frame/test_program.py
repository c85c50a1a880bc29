"""The frame of a program: log lines, report, termination message, exit code; and how a program is stopped."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from datareplication.core.names import variable_prefix
from datareplication.core.phases import Activity
from datareplication.core.report import Progress, Report
from datareplication.errors import DataError, TransientError
from datareplication.jobs.frame import program
from datareplication.jobs.frame.log import Log
from datareplication.jobs.frame.program import Frame
from datareplication.jobs.frame.stop import Stop, Terminated
from datareplication.jobs.model.connections import Connection
from datareplication.jobs.model.settings import DumpSettings, RunSettings

SETTINGS = DumpSettings(RunSettings(), Connection("PROD", "dbname=x", "u", "canary-password"), Path("/nowhere"))
CANARY = {"PROD_DB_PASSWORD": "canary-password"}


OPERATOR = Path(__file__).parents[4] / "operator"

ENDING = """
from datareplication.core.report import Report
from datareplication.jobs.frame import program
from datareplication.jobs.model.connections import Connection
from datareplication.jobs.model.settings import DumpSettings, RunSettings
from pathlib import Path
import os, signal, sys

settings = DumpSettings(RunSettings(), Connection("PROD", "dbname=x", "u", ""), Path("/nowhere"))
code = program.main(lambda: settings, lambda *_: Report("Succeeded"), os.environ)
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    os.kill(os.getpid(), number)
sys.exit(code)
"""


def end_with(action: object, path: Path) -> tuple[int, Report]:
    def work(_: DumpSettings, __: Frame) -> Report:
        if isinstance(action, BaseException):
            raise action
        assert isinstance(action, Report)
        return action

    environment = {**CANARY, "TERMINATION_MESSAGE_PATH": str(path)}
    code = program.run(lambda: SETTINGS, work, environment)
    report = Report.from_json(path.read_text())
    assert report is not None
    return code, report


@pytest.mark.parametrize(
    ("action", "code", "reason"),
    [
        (Report("Succeeded", reason="Dumped"), 0, "Dumped"),
        (DataError("rows differ", reason="RowsDiffer"), 65, "RowsDiffer"),
        (TransientError("network"), 75, "Transient"),
        (Terminated(signal.SIGTERM), 143, "Terminated"),
        (ZeroDivisionError("row 42"), 70, "UnexpectedError"),
    ],
)
def test_every_end_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], action: object, code: int, reason: str
) -> None:
    found = end_with(action, tmp_path / "message")
    assert (found[0], found[1].reason) == (code, reason)
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert Report.from_json(json.dumps(last["report"])) == found[1]


def test_an_unexpected_error_is_told_in_the_log_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, report = end_with(ZeroDivisionError("row 42"), tmp_path / "message")
    assert "ZeroDivisionError" in report.message
    assert "42" not in report.message
    assert "row 42" in json.loads(capsys.readouterr().out.splitlines()[0])["traceback"]


def test_a_password_is_masked_wherever_it_turns_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, report = end_with(DataError("refused canary-password"), tmp_path / "message")
    assert "canary-password" not in report.message + capsys.readouterr().out


@pytest.mark.parametrize("path", ["/nonexistent/directory/message", "/dev/no-such-termination-log"])
def test_a_termination_message_that_cannot_be_written_is_no_failure(path: str) -> None:
    code = program.run(lambda: SETTINGS, lambda *_: Report("Succeeded"), {"TERMINATION_MESSAGE_PATH": path})
    assert code == 0
    assert not Path(path).exists()


def test_progress_is_said_at_a_change_of_phase_and_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    log = Log(stream=stream)
    now = [100.0]
    monkeypatch.setattr("datareplication.jobs.frame.log.time.monotonic", lambda: now[0])
    moments: list[tuple[Activity, float]] = [
        ("Data", 0.0),
        ("Data", 0.5),
        ("Data", 1.6),
        ("Indexes", 0.1),
        ("Indexes", 0.1),
    ]
    for phase, after in moments:
        now[0] += after
        log.progress(Progress(phase))
    phases = [Progress.from_log_line(line) for line in stream.getvalue().splitlines()]
    assert phases == [Progress("Data"), Progress("Data"), Progress("Indexes")]


def test_a_line_holds_any_text() -> None:
    stream = io.StringIO()
    Log(stream=stream).info('new\nline "and" ☃', path=Path("/x"), names=["a", {"b": "c"}])
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["message"] == 'new\nline "and" ☃'


def test_a_signal_interrupts_what_blocks() -> None:
    freed = threading.Event()
    with Stop() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Terminated) as raised, stop.interrupting(freed.set):
            assert freed.wait(10)
        assert raised.value.exit_code == 143
        with pytest.raises(Terminated):
            stop.check()
        with pytest.raises(Terminated), stop.interrupting(freed.set):
            pass


def test_what_did_not_hear_is_interrupted_again() -> None:
    """A query that is canceled just before it begins is not interrupted."""
    calls: list[float] = []
    heard = threading.Event()

    def interrupt() -> None:
        calls.append(time.monotonic())
        if len(calls) == 3:
            heard.set()

    with Stop() as stop:
        threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGTERM)).start()
        with pytest.raises(Terminated), stop.interrupting(interrupt):
            assert heard.wait(10)


def test_the_deadline_interrupts_what_blocks() -> None:
    freed = threading.Event()
    started = time.monotonic()
    late = pytest.raises(TransientError, match="timeout-seconds")
    with Stop(timeout_seconds=0.05) as stop, late, stop.interrupting(freed.set):
        assert freed.wait(10)
    assert time.monotonic() - started < 5


def test_an_error_of_the_interrupted_work_gives_way_to_the_reason() -> None:
    freed = threading.Event()

    def work(stop: Stop) -> None:
        with stop.interrupting(freed.set):
            assert freed.wait(10)
            raise DataError("canceled on user request")

    with Stop(timeout_seconds=0.05) as stop, pytest.raises(TransientError) as raised:
        work(stop)
    assert raised.value.reason == "DeadlineExceeded"


def test_signals_are_given_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Stop():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_terminal_that_closes_is_heard_and_what_nohup_ignores_stays_ignored() -> None:
    earlier = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests themselves may run under nohup
    try:
        with Stop() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            with pytest.raises(Terminated, match="SIGHUP"):
                stop.wait(10)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        with Stop():
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, earlier)


def test_what_fails_when_the_work_must_stop_is_told_as_that(tmp_path: Path) -> None:
    def work(_: DumpSettings, frame: Frame) -> Report:
        os.kill(os.getpid(), signal.SIGTERM)
        with contextlib.suppress(Terminated):
            frame.stop.wait(10)
        raise TransientError("pg_restore was killed by signal 15", reason="ToolKilled")

    environment = {"TERMINATION_MESSAGE_PATH": str(tmp_path / "message")}
    assert program.run(lambda: SETTINGS, work, environment) == 143


def test_a_program_that_has_done_its_work_is_ended_by_no_signal() -> None:
    command = [sys.executable, "-c", ENDING]
    environment = {**os.environ, "PYTHONPATH": str(OPERATOR), "TERMINATION_MESSAGE_PATH": "/"}
    ended = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_a_targets_prefix() -> None:
    assert variable_prefix("qa-eu") == "QA_EU"
