"""Arguments and environment of the two programs, read into frozen settings.

It owns the programs' interface: names, defaults and help. It refuses to know what is done with them; nothing here reads
the process's own environment, opens a file or connects.
"""

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from datareplication.core.names import variable_prefix
from datareplication.errors import UsageError
from datareplication.jobs import care, pruning_arguments
from datareplication.jobs.arguments import Parser, count, instant, positive
from datareplication.jobs.care import Care
from datareplication.jobs.pruning import Order

SOURCE_PREFIX = "PROD"
COMPRESSIONS = ("Zstd", "Gzip", "None")
STRATEGIES = ("Swap", "InPlace")
VERIFICATIONS = ("Rows", "Checksum")
OVERWRITES = ("OnlyManaged", "Any")
OWNERS = ("Keep", "TargetOwner")
GRANTS = ("Keep", "Drop")
TARGET_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
"""A DNS label, as the resource's target names are: it becomes a part of variable names."""

DEFAULT_TERMINATION_MESSAGE_PATH = "/dev/termination-log"


@dataclass(frozen=True)
class Connection:
    """How to reach one database.

    prefix: of the environment variables it was read from, so that messages can name them. conninfo: libpq's connection
    string or URI, without credentials.
    """

    prefix: str
    conninfo: str
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class RunSettings:
    """What both programs are told of the run they belong to; empty when run by hand."""

    name: str = ""
    uid: str = ""
    replication: str = ""
    timeout_seconds: int | None = None


@dataclass(frozen=True)
class DumpSettings:
    """Everything a dump is told. output: the snapshot's directory, which must not exist yet."""

    run: RunSettings
    source: Connection
    output: Path
    workers: int = 4
    compression: str = "Zstd"
    data_interval_start: str = ""
    data_interval_end: str = ""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    schema_only: tuple[str, ...] = ()
    checksum: bool = False
    pruning: Order | None = None
    care: Care = field(default_factory=Care)


@dataclass(frozen=True)
class LoadSettings:
    """Everything a load is told. input: a published snapshot's directory; a rollback reads none and has an empty path.

    siblings: databases on the same server that the same run loads with the same role. is_any_run: whether another run's
    snapshot will do. builder: a role to build as, whose rights end at the database that is built.
    """

    run: RunSettings
    target_name: str
    target: Connection
    input: Path
    strategy: str = "Swap"
    maintenance_database: str = "postgres"
    workers: int = 2
    verify: str = "Rows"
    keep_previous: int = 1
    overwrite: str = "OnlyManaged"
    is_physical_clone_of_source: bool = False
    after_load: Path | None = None
    siblings: tuple[str, ...] = ()
    owners: str = "Keep"
    grants: str = "Keep"
    is_any_run: bool = False
    is_rollback: bool = False
    builder: Connection | None = None


def parse_dump(arguments: Sequence[str], environment: Mapping[str, str]) -> DumpSettings:
    """Read the dump's settings; a bad argument or a missing variable is a UsageError that names it."""
    given = dump_parser().parse_args(arguments)
    return DumpSettings(
        run=_run(given),
        source=_connection(SOURCE_PREFIX, environment),
        output=_directory(given.output, "--output", environment),
        workers=given.workers,
        compression=given.compression,
        data_interval_start=given.data_interval_start,
        data_interval_end=given.data_interval_end,
        include=tuple(given.include),
        exclude=tuple(given.exclude),
        schema_only=tuple(given.schema_only),
        checksum=given.checksum,
        pruning=pruning_arguments.dump_order(given),
        care=care.read(given),
    )


def parse_load(arguments: Sequence[str], environment: Mapping[str, str]) -> LoadSettings:
    """Read the load's settings; a bad argument or a missing variable is a UsageError that names it."""
    given = load_parser().parse_args(arguments)
    return LoadSettings(
        run=_run(given),
        target_name=given.target,
        target=_connection(variable_prefix(given.target), environment),
        input=Path() if given.rollback else _directory(given.input, "--input", environment),
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
        builder=_builder(variable_prefix(given.target), environment),
    )


def refuse_unsupported_load(settings: LoadSettings) -> None:
    """Refuse by UsageError what this version accepts but does not carry out; it is never ignored."""
    unsupported = {
        "--keep-previous above 1": settings.keep_previous > 1,
    }
    _refuse([option for option, is_asked in unsupported.items() if is_asked])


def _refuse(options: Sequence[str]) -> None:
    if options:
        raise UsageError(f"not supported by this version yet: {', '.join(options)}", reason="NotSupportedYet")


def dump_parser() -> argparse.ArgumentParser:
    """Return the parser of `datareplication-dump`, for its help too."""
    parser = _parser(
        "datareplication-dump",
        "Write one consistent snapshot of a PostgreSQL database: its schema, and each table as CSV.",
        _environment_help(SOURCE_PREFIX, "The snapshot's directory, when --output is not given."),
    )
    parser.add_argument("--output", metavar="DIR", help="the snapshot's directory; it must not exist yet")
    _add_run_arguments(parser)
    _add_workers(parser, 4)
    parser.add_argument("--compression", choices=COMPRESSIONS, default="Zstd", help="of the CSV files (default: Zstd)")
    for edge in ("start", "end"):
        text = f"{edge} of the run's data interval, RFC 3339; recorded in the snapshot"
        parser.add_argument(f"--data-interval-{edge}", metavar="TIME", type=instant, default="", help=text)
    text = "also record a checksum of each table's content, for loads with --verify Checksum; reads every table twice"
    parser.add_argument("--checksum", action="store_true", help=text)
    _add_patterns(parser)
    pruning_arguments.add_dump_arguments(parser)
    care.add_arguments(parser, positive)
    return parser


def load_parser() -> argparse.ArgumentParser:
    """Return the parser of `datareplication-load`, for its help too."""
    parser = _parser(
        "datareplication-load",
        "Replace a database by a snapshot that datareplication-dump wrote: all of it, or nothing.",
        _environment_help("DEV", "The snapshot's directory, when --input is not given.")
        + "\nThe variables' prefix is the target's name in capitals, with - as _; DEV is for --target dev.",
    )
    parser.add_argument("--target", metavar="NAME", type=_target_name, required=True, help="name of the target")
    parser.add_argument("--input", metavar="DIR", help="the snapshot's directory")
    _add_run_arguments(parser)
    _add_workers(parser, 2)
    _add_load_choices(parser)
    return parser


def _add_load_choices(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--any-run", action="store_true", help="load the snapshot of any run of --replication-name")
    add("--rollback", action="store_true", help="load nothing: <database> and <database>__previous change places")
    add("--strategy", choices=STRATEGIES, default="Swap", help="how the data is replaced (default: Swap)")
    add("--maintenance-database", metavar="NAME", default="postgres", help="where to stand while databases are renamed")
    add("--verify", choices=VERIFICATIONS, default="Rows", help="what is compared before the swap (default: Rows)")
    text = "how many earlier databases to keep, as <database>__previous (default: 1)"
    add("--keep-previous", metavar="N", type=count, default=1, help=text)
    text = "Any also replaces a database that holds data this program has not loaded (default: OnlyManaged)"
    add("--overwrite", choices=OVERWRITES, default="OnlyManaged", help=text)
    text = "the target is a physical clone of the source and has its system identifier"
    add("--physical-clone-of-source", action="store_true", help=text)
    text = "a database on the same server that this run loads with the same role: built once, cloned; may be repeated"
    add("--sibling-database", metavar="NAME", action="append", default=[], help=text)
    text = "to whom objects belong: to the source's owners, or all to the target database's owner (default: Keep)"
    add("--owners", choices=OWNERS, default="Keep", help=text)
    add("--grants", choices=GRANTS, default="Keep", help="what becomes of the source's grants (default: Keep)")
    add("--after-load", metavar="FILE", help="SQL to run in the loaded database before it is shown, in one transaction")


def _add_patterns(parser: argparse.ArgumentParser) -> None:
    texts = {"include": "copy only these", "exclude": "leave these out", "schema-only": "copy these without their rows"}
    for name, what in texts.items():
        text = f"{what}: tables by schema.table with * and ?; may be repeated"
        parser.add_argument(f"--{name}", metavar="PATTERN", action="append", default=[], help=text)


def _add_run_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--run-name", metavar="NAME", default="", help="name of the run, for messages and application_name")
    add("--run-uid", metavar="UID", default="", help="identity of the run; a load refuses another run's snapshot")
    add("--replication-name", metavar="NAME", default="", help="name of the DataReplication, recorded")
    add("--timeout-seconds", metavar="N", type=positive, help="give up (exit 75) after so many seconds")


def _add_workers(parser: argparse.ArgumentParser, default: int) -> None:
    text = f"processes that copy data, each with one connection (default: {default})"
    parser.add_argument("--workers", metavar="N", type=positive, default=default, help=text)


def _parser(program: str, description: str, epilog: str) -> Parser:
    return Parser(
        prog=program,
        description=description,
        epilog=epilog,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _environment_help(prefix: str, path_text: str) -> str:
    rows = {
        "CSV_OUTPUT_PATH": path_text,
        f"{prefix}_DB_CONNECTION": "libpq connection string or URI, without credentials.",
        f"{prefix}_DB_USERNAME": "Role to log in as.",
        f"{prefix}_DB_PASSWORD": "Its password.",
        **({} if prefix == SOURCE_PREFIX else _builder_help(prefix)),
        "TERMINATION_MESSAGE_PATH": f"Where the final report goes (default: {DEFAULT_TERMINATION_MESSAGE_PATH}).",
    }
    codes = "0 done, 75 try again, 64 arguments, 65 data, 69 missing capability, 73 volume, 77 rights, 78 guard"
    lines = "\n".join(f"  {name:<25} {text}" for name, text in rows.items())
    return f"environment:\n{lines}\n\nexit codes:\n  {codes}"


def _builder_help(prefix: str) -> dict[str, str]:
    return {
        f"{prefix}_DB_BUILD_USERNAME": "Role to build as, without rights of its own (optional).",
        f"{prefix}_DB_BUILD_PASSWORD": "Its password.",
    }


def _run(given: argparse.Namespace) -> RunSettings:
    return RunSettings(given.run_name, given.run_uid, given.replication_name, given.timeout_seconds)


def _connection(prefix: str, environment: Mapping[str, str]) -> Connection:
    names = [f"{prefix}_DB_{part}" for part in ("CONNECTION", "USERNAME", "PASSWORD")]
    missing = [name for name in names if name not in environment]
    if missing:
        raise UsageError(f"missing environment variable: {', '.join(missing)}", reason="MissingVariable")
    conninfo, username, password = (environment[name] for name in names)
    if not username:
        raise UsageError(f"{names[1]} is empty: it is the role to log in as", reason="MissingVariable")
    return Connection(prefix, conninfo, username, password)


def _builder(prefix: str, environment: Mapping[str, str]) -> Connection | None:
    """Return how the role that builds logs in, None when none is given; a half of it is a UsageError."""
    names = [f"{prefix}_DB_BUILD_{part}" for part in ("USERNAME", "PASSWORD")]
    given = [environment.get(name, "") for name in names]
    if not any(given):
        return None
    if not all(given):
        raise UsageError(f"{' and '.join(names)} go together", reason="MissingVariable")
    return Connection(f"{prefix}_DB_BUILD", environment.get(f"{prefix}_DB_CONNECTION", ""), *given)


def _directory(given: str | None, option: str, environment: Mapping[str, str]) -> Path:
    directory = given or environment.get("CSV_OUTPUT_PATH")
    if not directory:
        raise UsageError(f"missing environment variable: CSV_OUTPUT_PATH (or {option})", reason="MissingVariable")
    if Path(directory).name in {"", ".."}:
        raise UsageError(f"{directory} is no name for a snapshot's directory (CSV_OUTPUT_PATH or {option})")
    return Path(directory)


def _target_name(text: str) -> str:
    if not TARGET_NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a name of lower-case letters, digits and -")
    return text
