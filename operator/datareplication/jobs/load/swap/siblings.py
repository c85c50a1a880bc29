"""Targets on one server with one role: loaded once, cloned for the others.

The first load of a run on that server builds and verifies its `<db>__next` under the build lock and clones it into
`<sibling>__next` of each sibling. A sibling waits for that lock, finds its clone and goes on from there. A sibling
without a clone builds by itself. This module owns the marks of clones and who gets one. It does not know how a database
is built.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from datareplication.errors import ReplicationError
from datareplication.jobs.frame.log import Log
from datareplication.jobs.frame.stop import Stop
from datareplication.jobs.frame.tally import Tally
from datareplication.jobs.model.databases import FIXED, MARK, Database
from datareplication.jobs.model.manifest import Manifest
from datareplication.jobs.model.notes import clone_for, loaded_by
from datareplication.jobs.model.settings import LoadSettings
from datareplication.jobs.postgres import databases, notes, target
from datareplication.jobs.postgres.connection import Session


def run_of(given: LoadSettings, manifest: Manifest) -> str:
    """Return the uid of the run whose loads are siblings; for a load by hand, of the run that made the snapshot."""
    return given.run.uid or manifest.run.uid


def is_mark(comment: str | None) -> bool:
    """Whether a database with this comment was left by a load."""
    return comment is not None and comment.startswith(MARK)


def can_clone(built: Database, sibling: Database, *, any_owner: bool) -> bool:
    """Whether a clone of `built` may become `sibling`. any_owner: also if their owners differ."""
    is_same = all(getattr(built, name) == getattr(sibling, name) for name in FIXED)
    return is_same and not sibling.is_template and (any_owner or built.owner == sibling.owner)


@contextlib.contextmanager
def build_lock(session: Session, given: LoadSettings, run_uid: str, stop: Stop, tally: Tally) -> Iterator[None]:
    """Hold the lock under which one of the siblings builds; without siblings there is no lock.

    It is taken before the target's own lock: only a sibling whose target is not locked can be given a clone.
    """
    if not given.siblings:
        yield
        return
    name = f"build of {run_uid}"
    with contextlib.ExitStack() as stack:
        if not stack.enter_context(target.try_locked(session, name)):
            tally.phase("Waiting")
            with stop.interrupting(session.cancel):
                stack.enter_context(target.locked(session, name, wait_seconds=0))
        yield


@dataclass(frozen=True)
class Cloning:
    """Gives clones of the `<db>__next` that a load has built and verified. session: to the maintenance database."""

    session: Session
    given: LoadSettings
    built: Database
    run_uid: str
    is_superuser: bool
    log: Log

    def offer(self) -> None:
        """Make a clone for every sibling that can use one. A failure only costs that sibling the time to build."""
        for name in self.given.siblings:
            try:
                with target.try_locked(self.session, name) as is_free:
                    if is_free:
                        self._offer(name)
            except ReplicationError as error:
                self.log.warning("could not clone for a sibling", database=name, error=error.message)

    def _offer(self, name: str) -> None:
        sibling = databases.describe(self.session, name)
        # With TargetOwner the objects belong to the owner of the database that they were built for.
        any_owner = self.is_superuser and self.given.owners == "Keep"
        if sibling is None or not can_clone(self.built, sibling, any_owner=any_owner):
            return
        left_over = databases.describe(self.session, sibling.next_name)
        if left_over is not None and not is_mark(left_over.comment):
            return
        if clone(self.session, sibling.next_name, self.run_uid) or self._is_loaded(sibling):
            return
        databases.drop(self.session, sibling.next_name)
        databases.clone_next(self.session, self.built, sibling, clone_for(self.run_uid))
        self.log.info("cloned for a sibling", database=name)

    def _is_loaded(self, sibling: Database) -> bool:
        """Whether this run has loaded the sibling already: then the sibling needs no clone."""
        return notes.read(self.session, sibling.oid) == loaded_by(self.given.run.uid)


def clone(session: Session, name: str, run_uid: str) -> Database | None:
    """Return the database of that name if the load's role has noted that it is a clone for the loads of this run."""
    found = databases.describe(session, name)
    is_clone = found is not None and notes.read(session, found.oid) == clone_for(run_uid)
    return found if is_clone else None
