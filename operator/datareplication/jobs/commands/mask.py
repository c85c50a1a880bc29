"""datareplication-mask: suggest, check and preview masking rules, for people who write them and for CI.

Standard output is the result; notes and errors go to standard error. Nothing is copied, and the source is only read.
"""

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from datareplication.core.reasons import Reason
from datareplication.errors import DataError, UsageError
from datareplication.jobs.commands import console
from datareplication.jobs.commands.arguments import (
    add_patterns,
    connection,
    connection_help,
    parser_for,
    positive,
    variables_help,
)
from datareplication.jobs.commands.masking_arguments import KEY_VARIABLE, masking_by_any_key
from datareplication.jobs.dump.masking import checking, preview, suggestion
from datareplication.jobs.dump.masking.looking import APPLICATION, LookSettings
from datareplication.jobs.frame import standard, surroundings
from datareplication.jobs.frame.stop import Stop
from datareplication.jobs.model.masking.words import LANGUAGES
from datareplication.jobs.model.selection import Patterns
from datareplication.jobs.model.settings import Care
from datareplication.jobs.model.tabular import aligned

PROGRAM = APPLICATION
PREFIX = "PROD"
MOST_ROWS = 1000


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; return its exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    return console.ended(PROGRAM, lambda: run(arguments, os.environ))


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    """Do what the arguments say."""
    given = parser().parse_args(arguments)
    given.command(given, environment)


def parser() -> argparse.ArgumentParser:
    """Return the parser, for its help too."""
    variables = {
        **connection_help(PREFIX),
        KEY_VARIABLE: "The masking key, for preview: with it, values are those of the dump.",
    }
    text = "Suggest, check and preview masking rules. The source is only read, and nothing is copied."
    made = parser_for(PROGRAM, text, variables_help(variables))
    commands = made.add_subparsers(required=True, metavar="COMMAND")
    for name, text, add in (
        ("suggest", "write a rules' file from names, types and a few rows of the source", _add_suggest),
        ("check", "check rules as the dump does before its first row; tell all problems", _add_check),
        ("preview", "show a few masked rows of a table; columns that are kept are not shown", _add_preview),
    ):
        command = commands.add_parser(
            name,
            help=text,
            description=text,
            epilog=made.epilog,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        add(command)
        _add_source(command)
    return made


def _add_suggest(command: argparse.ArgumentParser) -> None:
    text = "of names, and of telephone numbers without a country (default: en)"
    command.add_argument("--language", choices=LANGUAGES, default="en", help=text)
    text = "write to this file, which must not exist yet (default: standard output)"
    command.add_argument("--output", metavar="FILE", default="", help=text)
    command.set_defaults(command=_suggest)


def _add_check(command: argparse.ArgumentParser) -> None:
    command.add_argument("--masking", metavar="FILE", required=True, help="the masking rules")
    command.set_defaults(command=_check)


def _add_preview(command: argparse.ArgumentParser) -> None:
    command.add_argument("--masking", metavar="FILE", required=True, help="the masking rules")
    command.add_argument("--table", metavar="TABLE", required=True, help="the table, as schema.table")
    text = f"how many rows, at most {MOST_ROWS} (default: 10)"
    command.add_argument("--rows", metavar="N", type=positive, default=10, help=text)
    command.set_defaults(command=_preview)


def _add_source(command: argparse.ArgumentParser) -> None:
    add_patterns(command)
    text, default = "give up (exit 75) after waiting N seconds for a lock on a table", Care().lock_timeout_seconds
    option = "--lock-timeout-seconds"
    command.add_argument(option, metavar="N", type=positive, default=default, help=f"{text} (default: {default})")


def _settings(given: argparse.Namespace, environment: Mapping[str, str]) -> LookSettings:
    patterns = Patterns(tuple(given.include), tuple(given.exclude), tuple(given.schema_only))
    return LookSettings(connection(PREFIX, environment), patterns, given.lock_timeout_seconds)


@contextlib.contextmanager
def _at_work() -> Iterator[Stop]:
    """Run the body as the dump runs: it hears signals, and nothing of libpq's reaches it or standard error."""
    if surroundings.removed():
        console.complain(f"{PROGRAM}: {surroundings.IGNORED}")
    with standard.error_set_aside(), Stop() as stop, stop.blamed():
        yield stop


def _suggest(given: argparse.Namespace, environment: Mapping[str, str]) -> None:
    settings = _settings(given, environment)
    path = _new_file(given.output) if given.output else None
    with _at_work() as stop:
        made = suggestion.suggested(settings, given.language, stop)
    _note(made.notes)
    if path is None:
        sys.stdout.buffer.write(made.text.encode()) if sys.stdout is not None else None
        return
    with path.open("x", encoding="utf-8") as file:
        file.write(made.text)


def _new_file(text: str) -> Path:
    path = Path(text)
    if path.exists():
        raise UsageError(f"{path} exists already: remove it, or name another file with --output")
    if not path.parent.is_dir():
        raise UsageError(f"{path.parent} is no directory: make it, or name another file with --output")
    return path


def _check(given: argparse.Namespace, environment: Mapping[str, str]) -> None:
    settings, masking = _settings(given, environment), masking_by_any_key(given.masking, environment)
    with _at_work() as stop:
        found = checking.checked(settings, masking, stop)
    _note(found.notes)
    for problem in found.problems:
        console.say(problem)
    if found.problems:
        reason: Reason = "ColumnsWithoutRule" if found.has_missing else "MaskingRefused"
        raise DataError(
            f"{given.masking} does not fit the source: {_count(len(found.problems), 'problem')}", reason=reason
        )
    console.say(
        f"{given.masking} fits the source: {_count(found.tables, 'table')}, {_count(found.masked, 'column')} masked, "
        f"{found.kept} kept"
    )


def _preview(given: argparse.Namespace, environment: Mapping[str, str]) -> None:
    settings, masking = _settings(given, environment), masking_by_any_key(given.masking, environment)
    wanted = preview.Wanted(preview.table_name(given.table), min(given.rows, MOST_ROWS))
    with _at_work() as stop:
        found = preview.preview(settings, masking, wanted, stop)
    if not environment.get(KEY_VARIABLE):
        _note([f"{KEY_VARIABLE} is not set: a random key is used, and the dump's values will be others"])
    for line in aligned(found.rows) if found.rows else ():
        console.write(line)
    _say_names("kept as they are, not shown", found.kept)
    _say_names("without a rule", found.undecided)


def _say_names(what: str, names: Sequence[str]) -> None:
    if names:
        console.say(f"{what}: {', '.join(names)}")


def _note(notes: Sequence[str]) -> None:
    for note in notes:
        console.complain(f"{PROGRAM}: {note}")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


if __name__ == "__main__":
    sys.exit(main())
