"""datareplication-snapshot: list, verify and prune the snapshots on a volume, for people.

Standard output is for people to read; errors go to standard error.
"""

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from datareplication.errors import CapabilityError, DataError, ReplicationError, StorageError, UsageError
from datareplication.jobs.commands import pruning_arguments
from datareplication.jobs.commands.arguments import Parser, exit_codes
from datareplication.jobs.frame import standard, surprises
from datareplication.jobs.model import contents
from datareplication.jobs.model.sizes import readable
from datareplication.jobs.snapshot import inventory, listing, pruning, store, verification

PROGRAM = "datareplication-snapshot"
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; return its exit code."""
    standard.opened()
    try:
        given = parser().parse_args(sys.argv[1:] if argv is None else argv)
        given.command(given)
        _flush()
    except BrokenPipeError:  # `| head` has seen enough
        _give_up_output()
        return 0
    except (ReplicationError, OSError) as error:
        _give_up_output()
        known = surprises.of_system(error) if isinstance(error, OSError) else error
        _complain(f"{PROGRAM}: {known.reason}: {known.message}")
        return known.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser, for its help too."""
    made = Parser(
        prog=PROGRAM,
        description="List, verify and prune snapshots that datareplication-dump wrote.",
        epilog=f"exit codes: {exit_codes(UsageError, DataError, CapabilityError, StorageError)}",
        allow_abbrev=False,
    )
    commands = made.add_subparsers(required=True, metavar="COMMAND")
    _add_list(commands.add_parser("list", help="what is below a directory", allow_abbrev=False))
    _add_verify(commands.add_parser("verify", help="read a snapshot to its last byte", allow_abbrev=False))
    _add_prune(commands.add_parser("prune", help="remove old snapshots and left-overs", allow_abbrev=False))
    return made


def _add_list(command: argparse.ArgumentParser) -> None:
    command.add_argument("root", metavar="ROOT", nargs="?", default=".", help="directory (default: the current one)")
    command.add_argument("--output", choices=("table", "json"), default="table", help="form (default: table)")
    command.set_defaults(command=_list)


def _add_verify(command: argparse.ArgumentParser) -> None:
    command.add_argument("path", metavar="PATH", help="the snapshot's directory")
    command.set_defaults(command=_verify)


def _add_prune(command: argparse.ArgumentParser) -> None:
    command.add_argument("root", metavar="ROOT", help="directory that holds the runs' directories")
    command.add_argument("--replication", metavar="NAME", required=True, help="only snapshots of this DataReplication")
    pruning_arguments.add_rule(command)
    command.add_argument("--dry-run", action="store_true", help="only say what would be removed")
    command.set_defaults(command=_prune)


def _list(given: argparse.Namespace) -> None:
    found = inventory.take(_directory(given.root)).found
    _write(listing.as_json(found) if given.output == "json" else listing.table(found))


def _verify(given: argparse.Namespace) -> None:
    path = _directory(given.path)
    manifest = store.read_manifest(path)
    wrong = list(verification.faults(path, manifest))
    for fault in wrong:
        _say(fault)
    if wrong:
        text = f"{path}: {len(wrong)} of {len(manifest.parts)} files are not what was dumped; do not load it"
        raise DataError(text, reason="SnapshotCorrupt")
    content = f"{manifest.tables} tables, {manifest.rows} rows, {readable(manifest.bytes)} of CSV"
    _say(f"{path} is whole: {content}; {len(manifest.parts)} files read and compared")


def _prune(given: argparse.Namespace) -> None:
    root = _directory(given.root)
    if not given.replication:
        raise UsageError("--replication is empty: name the DataReplication whose snapshots are pruned")
    if (root / contents.MANIFEST).exists():
        raise UsageError(f"{root} is a snapshot itself; give the directory above the runs' directories")
    order = pruning_arguments.order(given, given.root, given.replication)
    done = pruning.prune(order, datetime.now(UTC), is_dry=given.dry_run)
    try:
        _say_pruned(done.removed, is_dry=given.dry_run)
    except OSError:  # the pruning is done, even if its output cannot be written
        _give_up_output()
    if done.problems:
        raise StorageError(f"could not remove: {'; '.join(done.problems)}", reason="CannotPrune")


def _say_pruned(paths: Sequence[str], *, is_dry: bool) -> None:
    for path in paths:
        _say(f"{'would remove' if is_dry else 'removed'} {path}")
    if not paths:
        _say("nothing to remove")
    _flush()


def _directory(text: str) -> Path:
    path = Path(text)
    if not path.is_dir():
        raise UsageError(f"{text} is no directory")
    return path


def _say(text: str) -> None:
    """Write a line, escaped: names on the volume may hold any character."""
    _write(listing.shown(text))


def _write(text: str) -> None:
    """Write lines, with escapes for characters that standard output cannot encode; do nothing if it is closed."""
    if sys.stdout is not None:
        encoding = sys.stdout.encoding or "ascii"
        sys.stdout.write(text.encode(encoding, errors="backslashreplace").decode(encoding) + "\n")


def _flush() -> None:
    if sys.stdout is not None:
        sys.stdout.flush()


def _complain(text: str) -> None:
    with contextlib.suppress(AttributeError, OSError):
        sys.stderr.write(listing.shown(text) + "\n")


def _give_up_output() -> None:
    """Drop what could not be written to standard output: otherwise Python tries again at its end, and ends with 120."""
    try:
        _flush()
    except (OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
