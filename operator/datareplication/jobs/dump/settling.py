"""Watches pg_dump while rows are copied: when pg_dump has ended, the objects that it read must not have changed.

The check comes right after pg_dump's end. At the end of the dump, hours later, it would also find changes that pg_dump
has not met.
"""

from collections.abc import Callable
from dataclasses import dataclass

from datareplication.errors import TransientError
from datareplication.jobs.frame.tools import Running


@dataclass
class Settling:
    """pg_dump at work. changed: returns an object that was changed since the snapshot, or an empty text."""

    archive: Running
    changed: Callable[[], str]
    is_settled: bool = False

    def check(self) -> None:
        """Raise if pg_dump has failed; TransientError if objects were changed, so that its schema never existed."""
        self.archive.check()
        if self.is_settled or not self.archive.has_ended:
            return
        self.is_settled = True
        if what := self.changed():
            text = f"{what} was changed or dropped while pg_dump read the schema"
            raise TransientError(text, reason="SchemaChanging")
