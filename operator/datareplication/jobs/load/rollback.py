"""The way back from a swap: `<db>` and `<db>__previous` change places, in one transaction.

As in a load, the target keeps its own properties. After a second rollback everything is as before the first one; if a
run is tried again, it does not roll back a second time.
"""

import contextlib
import functools
from collections.abc import Sequence
from dataclasses import dataclass

from datareplication.core.names import PREVIOUS_SUFFIX
from datareplication.core.report import ROLLED_BACK, Report
from datareplication.errors import GuardError
from datareplication.jobs.frame.program import Frame
from datareplication.jobs.frame.tally import Tally
from datareplication.jobs.load import facts, guard, rights, sessions
from datareplication.jobs.load.guard import Facts
from datareplication.jobs.load.rights import Wants
from datareplication.jobs.model.databases import Database
from datareplication.jobs.model.notes import rolled_back_by
from datareplication.jobs.model.provenance import Provenance
from datareplication.jobs.model.settings import LoadSettings
from datareplication.jobs.postgres import databases, rename, target
from datareplication.jobs.postgres.connection import Session


def roll_back(given: LoadSettings, frame: Frame) -> Report:
    """Give the target back the database before its last load; if this run has already done so, only report it again."""
    name = facts.target_name(given)
    if given.strategy == "InPlace":
        text = f"target {given.target_name} is loaded InPlace, which keeps no {name}{PREVIOUS_SUFFIX}"
        raise GuardError(f"{text}; load an older snapshot (action: Load) instead", reason="NoPrevious")
    tally = Tally(frame.log)
    with contextlib.closing(sessions.maintenance(given)) as session, contextlib.ExitStack() as lock:
        with frame.stop.interrupting(session.cancel):
            lock.enter_context(target.locked(session, name))
        return _Rollback(given, frame, session, tally).run()


@dataclass(frozen=True)
class _Rollback:
    """One rollback under way. session: to the maintenance database; it holds the target's lock."""

    given: LoadSettings
    frame: Frame
    session: Session
    tally: Tally

    def run(self) -> Report:
        """Check that the databases may change places, and let them. A signal does not interrupt this last step."""
        found = facts.look(self.given, self.session)
        run_uid = self.given.run.uid
        if run_uid and found.previous and found.previous.note == rolled_back_by(run_uid):
            self.frame.log.info("this run has rolled the target back already", database=found.database.name)
            return _report(found.database, found.provenance)
        guard.check_rollback(found)
        previous = self._checked_previous(found)
        shown = facts.provenance_of(self.given, found.server, previous)
        self.frame.stop.check()
        self.tally.phase("Swapping")
        connect = functools.partial(sessions.maintenance, self.given)
        refused = rename.swap_back(self.session, connect, found.database, previous, run_uid)
        self.frame.log.info("target rolled back", database=found.database.name, previous=previous.name)
        return _report(found.database, shown, refused)

    def _checked_previous(self, found: Facts) -> Database:
        """Return `<db>__previous` if the role has all rights that the change needs; RightsError names missing ones."""
        if found.previous is None:
            raise GuardError(f"there is no database {found.database.previous_name}", reason="NoPrevious")
        for database in (found.database, found.previous.database):
            rights.check(self._wants(found, database))
        if databases.oid_of(self.session, aside := found.database.name + rename.ASIDE_SUFFIX) is not None:
            text = f"database {aside} exists, whose name is needed for a moment: rename or drop it"
            raise GuardError(text, reason="NameTaken")
        return found.previous.database

    def _wants(self, found: Facts, database: Database) -> Wants:
        return Wants(
            server=found.server,
            owner=database.owner,
            is_owner=target.can_act_as(self.session, database.owner, found.server.version),
            closed_tablespace=None,
            owners=(),
            missing_roles=(),
            foreign_sessions=target.foreign_sessions(self.session, database.name),
            missing_extensions=(),
            superuser_extensions=(),
        )


def _report(database: Database, shown: Provenance | None, not_carried: Sequence[str] = ()) -> Report:
    """Return the report. shown: provenance of the data that the target holds now."""
    to = f"the snapshot of {shown.snapshot_time}" if shown else "a database that no load of ours made"
    message = f"rolled back to {to}; the replaced database is kept as {database.previous_name}"
    if not_carried:
        message += f"; not carried over: {'; '.join(not_carried)}"
    if shown is None:
        return Report("Succeeded", ROLLED_BACK, message)
    return Report(
        outcome="Succeeded",
        reason=ROLLED_BACK,
        message=message,
        snapshot=shown.snapshot,
        snapshot_time=shown.snapshot_time,
        lsn=shown.lsn,
        tables=shown.tables,
        rows=shown.rows,
        bytes=shown.bytes,
    )
