"""Exit code 70 means a defect of ours: errors that the machine, the server or the data cause have other codes."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
from psycopg2 import errorcodes, errors

from datareplication.core.report import Report
from datareplication.jobs.frame import program, surprises
from datareplication.jobs.model.connections import Connection
from datareplication.jobs.model.settings import DumpSettings, RunSettings
from datareplication.jobs.postgres import classify

SETTINGS = DumpSettings(RunSettings(), Connection("PROD", "dbname=x", "u", "canary-password"), Path("/nowhere"))
OPERATOR = Path(__file__).parents[4] / "operator"


def codes() -> Iterator[str]:
    """Yield every SQLSTATE of PostgreSQL, and some others that users may raise, also of classes of their own."""
    named = {value for name, value in vars(errorcodes).items() if name.isupper() and isinstance(value, str)}
    yield from sorted(value if len(value) == 5 else f"{value}999" for value in named)
    yield from ("00000", "01000", "02000", "DR001", "99999", "ZZZZZ", "U0001", "AAAAA")


@pytest.mark.parametrize("code", list(codes()))
def test_no_sqlstate_is_a_defect_of_ours(code: str) -> None:
    error = psycopg2.Error.__new__(psycopg2.Error)
    error.__setstate__({"pgcode": code, "pgerror": "ERROR:  it failed"})  # type: ignore[no-untyped-call]
    assert classify.after_connect(error, "doing").exit_code != 70


def test_there_are_codes_to_try() -> None:
    assert len(set(codes())) > 250
    assert errors.lookup("23505") is not None


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (MemoryError(), 75, "OutOfMemory"),
        (OSError(errno.EMFILE, "Too many open files"), 75, "OutOfResources"),
        (OSError(errno.EAGAIN, "Resource temporarily unavailable"), 75, "OutOfResources"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), 75, "OutOfResources"),
        (OSError(errno.ESTALE, "Stale file handle"), 75, "OutOfResources"),
        (RuntimeError("can't start new thread"), 75, "OutOfResources"),
        (EOFError(), 75, "WorkerKilled"),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), 75, "WorkerKilled"),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), 75, "WorkerKilled"),
        (OSError(errno.ENOSPC, "No space left on device", "/var/x"), 73, "LocalFailure"),
        (OSError(errno.EROFS, "Read-only file system"), 73, "LocalFailure"),
        (OSError(errno.EIO, "Input/output error"), 73, "LocalFailure"),
        (PermissionError(errno.EACCES, "Permission denied", "/var"), 73, "LocalFailure"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "pg_dump"), 73, "LocalFailure"),
        (FileNotFoundError("no usable temporary directory"), 73, "LocalFailure"),
        (UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates not allowed"), 64, "NotUtf8"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), 65, "NotText"),
        (KeyError("relation"), 70, "UnexpectedError"),
        (RuntimeError("generator raised StopIteration"), 70, "UnexpectedError"),
        (RecursionError(), 70, "UnexpectedError"),
        (AssertionError(), 70, "UnexpectedError"),
    ],
)
def test_what_is_the_machines_or_the_datas_fault_is_not_ours(
    tmp_path: Path, error: Exception, code: int, reason: str
) -> None:
    def work(*_: object) -> Report:
        raise error

    path = tmp_path / "message"
    assert program.run(lambda: SETTINGS, work, {"TERMINATION_MESSAGE_PATH": str(path)}) == code
    report = Report.from_json(path.read_text())
    assert report is not None
    assert (report.reason, report.exit_code) == (reason, code)
    assert error.strerror in report.message if isinstance(error, OSError) and error.strerror and code == 73 else True


def test_a_defect_is_not_explained_away() -> None:
    assert surprises.explained(ZeroDivisionError()) is None


@pytest.mark.parametrize("variable", ["PROD_DB_CONNECTION", "PROD_DB_USERNAME", "PROD_DB_PASSWORD", "CSV_OUTPUT_PATH"])
def test_what_is_not_utf_8_is_wrong_use(tmp_path: Path, variable: str) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": str(OPERATOR),
        "PROD_DB_CONNECTION": "host=127.0.0.1 port=1 dbname=app",
        "PROD_DB_USERNAME": "u",
        "PROD_DB_PASSWORD": "p",
        "CSV_OUTPUT_PATH": str(tmp_path / "run" / "x"),
    }
    command = [sys.executable, "-m", "datareplication.jobs.commands.dump"]
    wanted = {**{name.encode(): value.encode() for name, value in environment.items()}}
    wanted[variable.encode()] += b"\xff"
    ended = subprocess.run(command, env=wanted, capture_output=True, check=False)
    # A path may hold any byte, so here the program fails only because the server cannot be reached.
    assert ended.returncode == (75 if variable == "CSV_OUTPUT_PATH" else 64), ended.stdout
