"""Arguments for pruning: the dump's, and those of `datareplication-snapshot prune`."""

import argparse
from pathlib import Path

from datareplication.core import times
from datareplication.errors import UsageError
from datareplication.jobs.commands.arguments import instant, positive
from datareplication.jobs.model.retention import DEFAULT_KEEP, Order, Rule


def add_dump_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the dump's arguments for pruning."""
    text = "remove old snapshots of --replication-name below DIR after publishing, and left-overs of dead dumps"
    parser.add_argument("--prune-root", metavar="DIR", help=text)
    add_rule(parser)
    text = "time at which the list of --in-use was made; younger snapshots count as in use too"
    parser.add_argument("--in-use-since", metavar="TIME", type=instant, default="", help=text)


def add_rule(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of both programs: how many snapshots are kept, how old they may be, and which are in use."""
    text = f"how many snapshots are kept (default: {DEFAULT_KEEP}); the newest good one is always kept"
    parser.add_argument("--keep", metavar="N", type=positive, help=text)
    text = "also remove snapshots that are older than N days (default: no limit)"
    parser.add_argument("--max-age-days", metavar="N", type=positive, help=text)
    text = "directory of a run below the root that is in use and not touched; may be repeated"
    parser.add_argument("--in-use", metavar="RUN", action="append", default=[], help=text)


def dump_order(given: argparse.Namespace) -> Order | None:
    """Return what the dump prunes, None if it does not prune; UsageError if an argument for it is missing."""
    if not given.prune_root:
        if given.keep or given.max_age_days or given.in_use or given.in_use_since:
            raise UsageError("--keep, --max-age-days, --in-use and --in-use-since need --prune-root")
        return None
    if not given.replication_name:
        raise UsageError("--prune-root needs --replication-name: only snapshots of that name are pruned")
    return order(given, given.prune_root, given.replication_name, given.in_use_since)


def order(given: argparse.Namespace, root: str, replication: str, in_use_since: str = "") -> Order:
    """Return what is pruned below `root`."""
    since = times.optional(in_use_since)
    keep = given.keep or DEFAULT_KEEP
    return Order(Path(root), Rule(replication, keep, given.max_age_days, frozenset(given.in_use), since))
