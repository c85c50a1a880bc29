"""datareplication-dump: its arguments and its environment, with names, defaults and help.

Parsing opens no file and connects to no server.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from typing import get_args

from datareplication.core.choices import Compression
from datareplication.jobs.commands import pruning_arguments
from datareplication.jobs.commands.arguments import (
    add_patterns,
    add_run,
    add_workers,
    connection,
    environment_help,
    instant,
    parser_for,
    positive,
    run_settings,
    snapshot_directory,
)
from datareplication.jobs.commands.masking_arguments import KEY_VARIABLE, masking
from datareplication.jobs.dump.steps import PROGRAM, dump
from datareplication.jobs.frame import program
from datareplication.jobs.model.settings import Care, DumpSettings
from datareplication.jobs.snapshot.store import UMASK

PREFIX = "PROD"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; return its exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    os.umask(UMASK)
    return program.main(lambda: parse(arguments, os.environ), dump, os.environ)


def parse(arguments: Sequence[str], environment: Mapping[str, str]) -> DumpSettings:
    """Read the dump's settings; a bad argument or a missing variable is a UsageError that names it."""
    given = parser().parse_args(arguments)
    return DumpSettings(
        run=run_settings(given),
        source=connection(PREFIX, environment),
        output=snapshot_directory(given.output, "--output", environment),
        workers=given.workers,
        compression=given.compression,
        data_interval_start=given.data_interval_start,
        data_interval_end=given.data_interval_end,
        include=tuple(given.include),
        exclude=tuple(given.exclude),
        schema_only=tuple(given.schema_only),
        checksum=given.checksum,
        pruning=pruning_arguments.dump_order(given),
        care=_care(given),
        masking=masking(given.masking, environment),
    )


def parser() -> argparse.ArgumentParser:
    """Return the parser of `datareplication-dump`, for its help too."""
    made = parser_for(
        PROGRAM,
        "Write one consistent snapshot of a PostgreSQL database: its schema, and each table as CSV.",
        environment_help(
            PREFIX,
            "The snapshot's directory, when --output is not given.",
            {KEY_VARIABLE: "The masking key, with --masking."},
        ),
    )
    made.add_argument("--output", metavar="DIR", help="the snapshot's directory; it must not exist yet")
    add_run(made)
    add_workers(made, 4)
    text = "compression of the CSV files (default: Zstd)"
    made.add_argument("--compression", choices=get_args(Compression), default="Zstd", help=text)
    for edge in ("start", "end"):
        text = f"{edge} of the run's data interval, RFC 3339; recorded in the snapshot"
        made.add_argument(f"--data-interval-{edge}", metavar="TIME", type=instant, default="", help=text)
    text = "also record a checksum of each table's content, for loads with --verify Checksum; reads every table twice"
    made.add_argument("--checksum", action="store_true", help=text)
    text = (
        f"mask columns by the rules of this file, with the key in {KEY_VARIABLE}; a column without a rule is an error"
    )
    made.add_argument("--masking", metavar="FILE", help=text)
    add_patterns(made)
    pruning_arguments.add_dump_arguments(made)
    _add_care(made)
    return made


def _add_care(parser: argparse.ArgumentParser) -> None:
    default = Care()
    texts = {
        "lock_timeout_seconds": "give up (exit 75) after waiting N seconds for a lock on a table",
        "max_snapshot_age_seconds": "give up (exit 75) when the dump's snapshot has held VACUUM back for N seconds",
        "blocking_patience_seconds": "give way (exit 75) when others have waited N seconds for the dump's locks",
    }
    for name, text in texts.items():
        option, value = f"--{name.replace('_', '-')}", getattr(default, name)
        parser.add_argument(option, metavar="N", type=positive, default=value, help=f"{text} (default: {value})")


def _care(given: argparse.Namespace) -> Care:
    return Care(given.lock_timeout_seconds, given.max_snapshot_age_seconds, given.blocking_patience_seconds)


if __name__ == "__main__":
    sys.exit(main())
