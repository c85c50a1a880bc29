"""A password is never written, and masking it never breaks a line, whatever the password is."""

import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from datareplication.core.report import TERMINATION_MESSAGE_LIMIT_BYTES, Progress, Report
from datareplication.jobs.frame.log import SHORTEST_HIDDEN, Log

OPERATOR = Path(__file__).parents[4] / "operator"

REPORT = Report(
    outcome="Succeeded",
    reason="Loaded",
    message="12 tables, 2000 rows",
    snapshot="/snapshots/prod/prod-1234/prod_snapshot_20240101",
    snapshot_time="2024-01-01T00:00:00Z",
    lsn="0/16B3748",
    tables=12,
    rows=2000,
    bytes=1234,
    duration_seconds=10.5,
    not_carried=("roles: app", "optimizer statistics"),
)

passwords = st.text(st.characters(exclude_characters="*\\0", exclude_categories=["Cs"]), min_size=SHORTEST_HIDDEN)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@given(password=passwords, before=st.text(max_size=5), after=st.text(max_size=5))
@example("2000", "", "")
@example("1234", "", "")
@example("Succeeded", "", "")
@example("outcome", "", "")
@example('"', "", "").via("too short to be hidden")
@example('pa"ss\\\\word', "", "")
@example("\\\\u0022", "", "")
@example("true", "", "")
@example("info", "", "")
@example("Data", "", "")
def test_no_password_breaks_what_is_said(password: str, before: str, after: str) -> None:
    stream = io.StringIO()
    log = Log([password], stream)
    text = before + password + after
    log.info(text, path=Path("/x"), what=[text, {"deep": text}], number=2000)
    log.progress(Progress("Data", rows_done=2000, note=text, note_reason="WaitsForLock"))
    report = Report.from_json(log.report(replace(REPORT, message=text, not_carried=(text,))))
    assert report is not None
    assert replace(report, message="", not_carried=()) == replace(REPORT, message="", not_carried=())
    said, progress, last = lines(stream)
    assert Report.from_json(json.dumps(last["report"])) == report
    read = Progress.from_log_line(json.dumps(progress))
    assert read is not None
    assert replace(read, note="") == Progress("Data", rows_done=2000, note_reason="WaitsForLock")
    assert (said["level"], said["number"], len(str(said["time"]))) == ("info", 2000, 24)
    if len(password) >= SHORTEST_HIDDEN:
        written = [said["message"], said["what"], progress["progress"]["note"], report.message, report.not_carried]
        assert password not in texts([*written, last["message"]])


def texts(value: object) -> str:
    """Return all strings in a value."""
    if isinstance(value, dict):
        return texts(list(value.values()))
    return "*".join(map(texts, value)) if isinstance(value, list | tuple) else str(value)


def test_a_password_that_begins_with_another_is_hidden_whole() -> None:
    assert Log(["secret", "secret-and-more"], io.StringIO()).masked("secret-and-more") == "********"


def test_a_password_in_a_python_errors_text_is_hidden() -> None:
    password = "it's a\\back\nslash"
    assert "slash" not in Log([password], io.StringIO()).masked(repr(KeyError(password)))


@given(text=st.text(st.characters(), max_size=3000), path=st.text(st.characters(), max_size=5000))
def test_any_report_is_written_within_the_limit_and_read_again(text: str, path: str) -> None:
    report = replace(REPORT, message=text, snapshot=path, snapshot_time=path, lsn=path)
    written = Log((), io.StringIO()).report(report)
    assert len(written.encode()) <= TERMINATION_MESSAGE_LIMIT_BYTES
    assert json.loads(written)["outcome"] == "Succeeded"


PROGRAM = """
from datareplication.core.report import Report
from datareplication.jobs.frame import program
from datareplication.jobs.model.connections import Connection
from datareplication.jobs.model.settings import DumpSettings, RunSettings
from pathlib import Path
import multiprocessing, os, sys

def work(given, frame):
    for number in range(2000):
        frame.log.info("working", number=number)
    multiprocessing.get_context("forkserver").Process(target=print).start()  # tries to write what Python still keeps
    Path(os.environ["DONE"]).write_text("done")
    return Report("Succeeded")

settings = DumpSettings(RunSettings(), Connection("PROD", "dbname=x", "u", ""), Path("/nowhere"))
sys.exit(program.run(lambda: settings, work, os.environ))
"""


@pytest.mark.parametrize("output", [">/dev/full", "| head -n 1", ">&-", "0<&- >&- 2>&-", "| true"])
@pytest.mark.parametrize("termination_message", ["/dev/full", "/proc/1/none", "/"])
def test_work_that_is_done_ends_well_though_nobody_can_be_told(
    tmp_path: Path, output: str, termination_message: str
) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": str(OPERATOR),
        "TERMINATION_MESSAGE_PATH": termination_message,
        "DONE": str(tmp_path / "done"),
    }
    command = ["bash", "-c", f'"$0" -c "$1" {output}; exit ${{PIPESTATUS[0]}}', sys.executable, PROGRAM]
    assert subprocess.run(command, env=environment, check=False, timeout=60).returncode == 0
    assert (tmp_path / "done").read_text() == "done"
