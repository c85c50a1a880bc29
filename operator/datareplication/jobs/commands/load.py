"""datareplication-load: its arguments and its environment, with names, defaults and help.

Parsing opens no file and connects to no server.
"""

import argparse
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import get_args

from datareplication.core.choices import Grants, LeakSearch, Overwrite, Owners, Strategy, Verification
from datareplication.core.names import variable_prefix
from datareplication.errors import UsageError
from datareplication.jobs.commands.arguments import (
    add_run,
    add_workers,
    connection,
    count,
    environment_help,
    parser_for,
    run_settings,
    snapshot_directory,
)
from datareplication.jobs.commands.masking_arguments import KEY_VARIABLE, masking_key
from datareplication.jobs.frame import program
from datareplication.jobs.frame.identity import LOAD_PROGRAM
from datareplication.jobs.load.steps import load
from datareplication.jobs.model.connections import Connection
from datareplication.jobs.model.settings import LoadSettings

TARGET_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
"""A DNS label, as for target names in the resource: the name becomes part of the names of variables."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; return its exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    return program.main(lambda: parse(arguments, os.environ), load, os.environ)


def parse(arguments: Sequence[str], environment: Mapping[str, str]) -> LoadSettings:
    """Read the load's settings; a bad argument or a missing variable is a UsageError that names it."""
    given = parser().parse_args(arguments)
    return LoadSettings(
        run=run_settings(given),
        target_name=given.target,
        target=connection(variable_prefix(given.target), environment),
        input=Path() if given.rollback else snapshot_directory(given.input, "--input", environment),
        strategy=given.strategy,
        maintenance_database=given.maintenance_database,
        workers=given.workers,
        verify=given.verify,
        keep_previous=given.keep_previous,
        overwrite=given.overwrite,
        is_physical_clone_of_source=given.physical_clone_of_source,
        after_load=Path(given.after_load) if given.after_load else None,
        siblings=tuple(given.sibling_database),
        owners=given.owners,
        grants=given.grants,
        is_any_run=given.any_run,
        is_rollback=given.rollback,
        masking_key=None if given.rollback else masking_key(environment),
        leak_gate=given.leak_gate,
        builder=_builder(variable_prefix(given.target), environment),
    )


def parser() -> argparse.ArgumentParser:
    """Return the parser of `datareplication-load`, for its help too."""
    made = parser_for(
        LOAD_PROGRAM,
        "Replace a database by a snapshot that datareplication-dump wrote: all of it, or nothing.",
        environment_help("DEV", "The snapshot's directory, when --input is not given.", _more_help("DEV"))
        + "\nThe variables' prefix is the target's name in capitals, with - as _; DEV is for --target dev.",
    )
    made.add_argument("--target", metavar="NAME", type=_target_name, required=True, help="name of the target")
    made.add_argument("--input", metavar="DIR", help="the snapshot's directory")
    add_run(made)
    add_workers(made, 2)
    _add_load_choices(made)
    return made


def _add_load_choices(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--any-run", action="store_true", help="load the snapshot of any run of --replication-name")
    add("--rollback", action="store_true", help="load nothing: <database> and <database>__previous change places")
    add("--strategy", choices=get_args(Strategy), default="Swap", help="how the data is replaced (default: Swap)")
    add("--maintenance-database", metavar="NAME", default="postgres", help="database to connect to for renaming others")
    add(
        "--verify",
        choices=get_args(Verification),
        default="Rows",
        help="what is compared before the swap (default: Rows)",
    )
    text = "how many earlier databases to keep, as <database>__previous (default: 1)"
    add("--keep-previous", metavar="N", type=count, default=1, help=text)
    text = "Any also replaces a database that holds data this program has not loaded (default: OnlyManaged)"
    add("--overwrite", choices=get_args(Overwrite), default="OnlyManaged", help=text)
    text = "the target is a physical clone of the source and has its system identifier"
    add("--physical-clone-of-source", action="store_true", help=text)
    text = "a database on the same server that this run loads with the same role: built once, cloned; may be repeated"
    add("--sibling-database", metavar="NAME", action="append", default=[], help=text)
    text = "who owns the objects: the source's owners, or the target database's owner for all of them (default: Keep)"
    add("--owners", choices=get_args(Owners), default="Keep", help=text)
    text = "whether the source's grants are kept or dropped (default: Keep)"
    add("--grants", choices=get_args(Grants), default="Keep", help=text)
    text = (
        f"what is searched for in a masked database: digests of originals, with the key in {KEY_VARIABLE}, and "
        "patterns; or only patterns (default: Full)"
    )
    add("--leak-gate", choices=get_args(LeakSearch), default="Full", help=text)
    text = "SQL to run in the loaded database in one transaction, before anybody can see the database"
    add("--after-load", metavar="FILE", help=text)


def _more_help(prefix: str) -> dict[str, str]:
    return {
        f"{prefix}_DB_BUILD_USERNAME": "Build role, without rights of its own (optional).",
        f"{prefix}_DB_BUILD_PASSWORD": "Its password.",
        KEY_VARIABLE: "The masking key, for a masked snapshot.",
    }


def _builder(prefix: str, environment: Mapping[str, str]) -> Connection | None:
    """Return how the build role logs in, None if none is given; UsageError if only one of its variables is given."""
    names = [f"{prefix}_DB_BUILD_{part}" for part in ("USERNAME", "PASSWORD")]
    given = [environment.get(name, "") for name in names]
    if not any(given):
        return None
    if not all(given):
        raise UsageError(f"{' and '.join(names)} go together", reason="MissingVariable")
    return Connection(f"{prefix}_DB_BUILD", environment.get(f"{prefix}_DB_CONNECTION", ""), *given)


def _target_name(text: str) -> str:
    if not TARGET_NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a name of lower-case letters, digits and -")
    return text


if __name__ == "__main__":
    sys.exit(main())
