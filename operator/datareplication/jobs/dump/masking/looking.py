"""The source as datareplication-mask sees it: the dump's session, snapshot and refusals, without a copy."""

import contextlib
import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from datareplication.jobs.dump import refusal
from datareplication.jobs.dump.masking import deciding
from datareplication.jobs.frame.stop import Stop
from datareplication.jobs.model import selection
from datareplication.jobs.model.connections import Connection
from datareplication.jobs.model.manifest import Source
from datareplication.jobs.model.selection import Patterns, Selection
from datareplication.jobs.postgres import graph, source, unplanned
from datareplication.jobs.postgres.connection import Session

APPLICATION = "datareplication-mask"


@dataclass(frozen=True)
class LookSettings:
    """Which part of which source is looked at."""

    source: Connection
    patterns: Patterns
    lock_timeout_seconds: int


@dataclass(frozen=True)
class Looked(deciding.Source):
    """The source at one instant."""

    identity: Source


@contextlib.contextmanager
def looked(given: LookSettings, stop: Stop) -> Iterator[Looked]:
    """Yield the source while its tables are locked against changes; raise what the dump raises before its first row."""
    with opened(given, stop) as session:
        identity = source.identity(session)
        refusal.what_cannot_be_dumped(session, _select(session, given.patterns))
        with source.exported(session, lambda: _select(session, given.patterns)) as exported:
            selected, never = exported.selection, unplanned.tables(session)
            selection.refuse_dependents(selected, graph.dependents(session, selected.left_out_oids))
            copied = [table for table in exported.tables if table.oid not in selected.rowless_oids]
            refusal.unlogged_on_standby(copied, is_standby=identity.is_standby)
            yield Looked(session, exported, never, functools.partial(_open, given), identity)


@contextlib.contextmanager
def opened(given: LookSettings, stop: Stop, startup: Mapping[str, str] | None = None) -> Iterator[Session]:
    """Yield a session of the source, which a request to stop interrupts. startup: settings that it starts with."""
    session = _open(given, startup or {})
    with contextlib.closing(session), stop.interrupting(session.cancel):
        yield session


def _open(given: LookSettings, settings: Mapping[str, str]) -> Session:
    return source.opened(given.source, APPLICATION, given.lock_timeout_seconds, settings)


def _select(session: Session, patterns: Patterns) -> Selection:
    return selection.select(graph.read(session), patterns) if patterns else Selection()
