"""How the programs read arguments and environment: a parser with our errors, and what several programs share."""

import argparse
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import NoReturn

from datareplication.errors import ReplicationError, UsageError, kinds
from datareplication.jobs.frame.program import DEFAULT_TERMINATION_MESSAGE_PATH
from datareplication.jobs.model import ranges
from datareplication.jobs.model.connections import Connection
from datareplication.jobs.model.settings import RunSettings

LARGEST = 31_536_000
"""A year in seconds, which is also a resource's limit. No other number needs to be larger."""

LONGEST_SHOWN = 50

NOTHING: Mapping[str, str] = MappingProxyType({})


class Parser(argparse.ArgumentParser):
    """A parser whose errors are UsageErrors."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of exiting."""
        raise UsageError(f"{message}; see {self.prog} --help")


def positive(text: str) -> int:
    """Return a whole number from 1 to LARGEST."""
    if (number := count(text)) == 0:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def count(text: str) -> int:
    """Return a whole number from 0 to LARGEST."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text[:LONGEST_SHOWN]!r} is not a whole number")
    if len(text) > len(str(LARGEST)) or int(text) > LARGEST:
        raise argparse.ArgumentTypeError(f"must be at most {LARGEST}")
    return int(text)


def short(text: str) -> str:
    """Return a text that is short enough for a manifest and a provenance."""
    if len(text) > ranges.LONGEST:
        raise argparse.ArgumentTypeError(f"must have at most {ranges.LONGEST} characters")
    return text


def instant(text: str) -> str:
    """Return the text of an RFC 3339 time with an offset, or an empty text."""
    if not text:
        return text
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not an RFC 3339 time with an offset")
    return text


def add_run(parser: argparse.ArgumentParser) -> None:
    """Add the arguments about the program's run."""
    add = parser.add_argument
    add("--run-name", metavar="NAME", type=short, default="", help="name of the run, for messages and application_name")
    add(
        "--run-uid",
        metavar="UID",
        type=short,
        default="",
        help="identity of the run; a load refuses the snapshot of another run",
    )
    add("--replication-name", metavar="NAME", type=short, default="", help="name of the DataReplication, recorded")
    add("--timeout-seconds", metavar="N", type=positive, help="give up (exit 75) after N seconds")


def add_workers(parser: argparse.ArgumentParser, default: int) -> None:
    """Add the argument for the number of workers."""
    text = f"processes that copy data, each with one connection (default: {default})"
    parser.add_argument("--workers", metavar="N", type=positive, default=default, help=text)


def add_patterns(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that choose tables of the source."""
    texts = {"include": "copy only these", "exclude": "leave these out", "schema-only": "copy these without their rows"}
    for name, what in texts.items():
        text = f"{what}: tables by schema.table with * and ?; may be repeated"
        parser.add_argument(f"--{name}", metavar="PATTERN", action="append", default=[], help=text)


def parser_for(program: str, description: str, epilog: str) -> Parser:
    """Return the parser of a program. It accepts no abbreviations: a new option could make one ambiguous."""
    return Parser(
        prog=program,
        description=description,
        epilog=epilog,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def environment_help(prefix: str, path_text: str, more: Mapping[str, str] = NOTHING) -> str:
    """Return the help on environment and exit codes. more: further variables -> their meaning."""
    rows = {
        "CSV_OUTPUT_PATH": path_text,
        **connection_help(prefix),
        **more,
        "TERMINATION_MESSAGE_PATH": f"File of the final report (default: {DEFAULT_TERMINATION_MESSAGE_PATH}).",
    }
    return variables_help(rows)


def connection_help(prefix: str) -> Mapping[str, str]:
    """Return the variables that say how to reach a database, with their meaning."""
    return {
        f"{prefix}_DB_CONNECTION": "libpq connection string or URI, without credentials.",
        f"{prefix}_DB_USERNAME": "Role to log in as.",
        f"{prefix}_DB_PASSWORD": "Its password.",
    }


def variables_help(rows: Mapping[str, str]) -> str:
    """Return the help on these variables of the environment, and on exit codes."""
    lines = "\n".join(f"  {name:<25} {text}" for name, text in rows.items())
    return f"environment:\n{lines}\n\nexit codes:\n  {exit_codes(*kinds())}"


def exit_codes(*of: type[ReplicationError]) -> str:
    """Return the help on a program's exit codes: 0, and the codes of these kinds of errors."""
    return ", ".join(["0 done", *(f"{kind.exit_code} {kind.in_short}" for kind in of)])


def run_settings(given: argparse.Namespace) -> RunSettings:
    """Return the settings about the program's run."""
    return RunSettings(given.run_name, given.run_uid, given.replication_name, given.timeout_seconds)


def connection(prefix: str, environment: Mapping[str, str]) -> Connection:
    """Return how to reach the database of `prefix`; a missing variable is a UsageError that names it."""
    names = [f"{prefix}_DB_{part}" for part in ("CONNECTION", "USERNAME", "PASSWORD")]
    missing = [name for name in names if name not in environment]
    if missing:
        raise UsageError(f"missing environment variable: {', '.join(missing)}", reason="MissingVariable")
    conninfo, username, password = (environment[name] for name in names)
    if not username:
        raise UsageError(f"{names[1]} is empty: it is the role to log in as", reason="MissingVariable")
    return Connection(prefix, conninfo, username, password)


def snapshot_directory(given: str | None, option: str, environment: Mapping[str, str]) -> Path:
    """Return the snapshot's directory, given by the option or the environment; UsageError without one."""
    directory = given or environment.get("CSV_OUTPUT_PATH")
    if not directory:
        raise UsageError(f"missing environment variable: CSV_OUTPUT_PATH (or {option})", reason="MissingVariable")
    if Path(directory).name in {"", ".."}:
        raise UsageError(f"{directory} cannot be a snapshot's directory (CSV_OUTPUT_PATH or {option})")
    return Path(directory)
