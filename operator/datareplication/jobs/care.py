"""How much a dump may ask of production: how long it waits, holds VACUUM back and makes others wait.

It owns these limits and their options. It refuses to know how they are watched.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Care:
    """Limits in seconds. lock_timeout: of one wait for a lock. max_snapshot_age: of the transaction that holds xmin.

    blocking_patience: how long others may wait for the dump's locks.
    """

    lock_timeout_seconds: int = 30
    max_snapshot_age_seconds: int = 14_400
    blocking_patience_seconds: int = 30


def add_arguments(parser: argparse.ArgumentParser, seconds: Callable[[str], int]) -> None:
    """Add the options; `seconds` reads their values."""
    default = Care()
    texts = {
        "lock_timeout_seconds": "give up (exit 75) after waiting so long for a lock on a table",
        "max_snapshot_age_seconds": "give up (exit 75) when the snapshot has held VACUUM back for so long",
        "blocking_patience_seconds": "give way (exit 75) when others have waited so long for the dump's locks",
    }
    for name, text in texts.items():
        option, value = f"--{name.replace('_', '-')}", getattr(default, name)
        parser.add_argument(option, metavar="N", type=seconds, default=value, help=f"{text} (default: {value})")


def read(given: argparse.Namespace) -> Care:
    """Return the limits that were given."""
    return Care(given.lock_timeout_seconds, given.max_snapshot_age_seconds, given.blocking_patience_seconds)
