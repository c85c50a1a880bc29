"""datareplication-snapshot: list, verify and prune the snapshots on a volume, for people.

Standard output is for people to read; errors go to standard error.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from datareplication.core import words
from datareplication.errors import CapabilityError, DataError, StorageError, UsageError
from datareplication.jobs.commands import console, pruning_arguments
from datareplication.jobs.commands.arguments import Parser, exit_codes
from datareplication.jobs.model import contents
from datareplication.jobs.snapshot import inventory, listing, pruning, store, verification

PROGRAM = "datareplication-snapshot"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; return its exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    return console.ended(PROGRAM, lambda: _run(arguments))


def _run(arguments: Sequence[str]) -> None:
    given = parser().parse_args(arguments)
    given.command(given)


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
    console.write(listing.as_json(found) if given.output == "json" else listing.table(found))


def _verify(given: argparse.Namespace) -> None:
    path = _directory(given.path)
    manifest = store.read_manifest(path)
    wrong = list(verification.faults(path, manifest))
    for fault in wrong:
        console.say(fault)
    if wrong:
        text = f"{path}: {len(wrong)} of {len(manifest.parts)} files are not what was dumped; do not load it"
        raise DataError(text, reason="SnapshotCorrupt")
    content = f"{manifest.tables} tables, {words.count(manifest.rows)} rows, {words.size(manifest.bytes)} of CSV"
    console.say(f"{path} is whole: {content}; {len(manifest.parts)} files read and compared")


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
        console.give_up_output()
    if done.problems:
        raise StorageError(f"could not remove: {'; '.join(done.problems)}", reason="CannotPrune")


def _say_pruned(paths: Sequence[str], *, is_dry: bool) -> None:
    for path in paths:
        console.say(f"{'would remove' if is_dry else 'removed'} {path}")
    if not paths:
        console.say("nothing to remove")
    console.flush()


def _directory(text: str) -> Path:
    path = Path(text)
    if not path.is_dir():
        raise UsageError(f"{text} is no directory")
    return path


if __name__ == "__main__":
    sys.exit(main())
