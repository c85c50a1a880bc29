"""The schema's pg_dump, which is looked after beside the copies: when it has ended, what it read must not have changed.

It owns when that is asked. It refuses to wait for the dump's end: hours later much may have changed that it never saw.
"""

from collections.abc import Callable
from dataclasses import dataclass

from datareplication.errors import TransientError
from datareplication.jobs.frame.tools import Running


@dataclass
class Settling:
    """pg_dump at work. changed: names an object that was changed since the snapshot, or none."""

    archive: Running
    changed: Callable[[], str]
    is_settled: bool = False

    def check(self) -> None:
        """Raise if it has ended in failure, or in a schema that never was: a TransientError."""
        self.archive.check()
        if self.is_settled or not self.archive.has_ended:
            return
        self.is_settled = True
        if what := self.changed():
            text = f"{what} was changed or dropped while pg_dump read the schema"
            raise TransientError(text, reason="SchemaChanging")
