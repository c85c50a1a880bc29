"""The strategy Swap: build `<db>__next` from a snapshot, verify it, give it what belongs to the target, rename.

It owns the order of the steps. If anything ends the load early, the target stays as it was and `<db>__next` is dropped.
"""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from datareplication.core.reasons import Reason
from datareplication.jobs.load.outcome import Replaced
from datareplication.jobs.load.stamp import Place, stamp
from datareplication.jobs.load.swap import apart, leftovers, siblings
from datareplication.jobs.load.swap.apart import Apart
from datareplication.jobs.load.swap.building import Building, Workers
from datareplication.jobs.load.swap.lending import Lending
from datareplication.jobs.load.swap.makers import Maker
from datareplication.jobs.load.swap.siblings import Cloning
from datareplication.jobs.model.databases import Database
from datareplication.jobs.model.provenance import Provenance
from datareplication.jobs.postgres import builders, databases, notes, provenance, rename, target, untrusted
from datareplication.jobs.postgres.connection import Session
from datareplication.jobs.postgres.rename import Parties

UNTRUSTED_CODE: Reason = "UntrustedCode"

DROP_ATTEMPTS = 3
"""More than one: a cancel request that arrives late may cancel the first attempt."""


@dataclass(frozen=True)
class Swap:
    """One load by Swap."""

    building: Building
    maintenance: Session
    """The session that holds the target's lock."""

    build_lock: contextlib.ExitStack
    """Holds the lock under which one of the siblings builds."""

    previous: Database | None
    """`<db>__previous` as the guard has seen it."""

    started: float = field(default_factory=time.monotonic)
    remarks: list[str] = field(default_factory=list)
    """For the report."""

    made: list[str] = field(default_factory=list)
    """Roles that were made for this load."""

    def run(self) -> Replaced:
        """Replace the target."""
        clone = self._clone_oid()
        self._drop_left_overs(is_next_wanted=clone is not None)
        try:
            with self.building.frame.stop.interrupting(self.maintenance.cancel):
                next_oid = self._build_for_all(clone) if self.building.given.siblings else self._build()
                written = self._provenance()
                self._write(written, self._say_untrusted)
                self.building.seal(is_cloned=clone is not None)
            self.building.tally.phase("Swapping")
            not_carried = [*self.building.restoring.not_restored, *self._swap(next_oid)]
            return Replaced(written, not_carried, (*self.remarks, *self.building.remarks))
        except BaseException:
            self._clean_up()
            raise
        finally:
            self._drop_made()

    def _build(self) -> int:
        """Build `<db>__next`; return its oid."""
        building = self.building
        loader = building.loader(self.maintenance)
        with building.workers() as workers:
            next_oid = self._make(workers, loader, is_final=not building.script)
        with building.workers() as workers:
            building.finish(workers, loader, is_analyzed=not building.script)
        return next_oid

    def _build_for_all(self, clone: int | None) -> int:
        """Take the clone that a sibling made, or build and clone for the siblings; then finish our own database."""
        building = self.building
        loader = building.loader(self.maintenance)
        next_oid = self._build_and_clone(loader) if clone is None else clone
        self.build_lock.close()
        # The next steps cannot be done twice: if this attempt is killed, the next one builds anew.
        notes.erase(self.maintenance, self._database.next_name)
        if clone is not None:
            self._verify_clone(loader)
        with building.workers() as workers:
            building.finish(workers, loader, is_analyzed=False)
        return next_oid

    def _build_and_clone(self, loader: Maker) -> int:
        building = self.building
        with building.workers() as workers:
            next_oid = self._make(workers, loader, is_final=False)
        self._write(self._provenance())  # shows that a clone not yet marked is ours
        self._clone()
        return next_oid

    def _verify_clone(self, loader: Maker) -> None:
        """Count and compare as the build role: planning a query runs the code in indexes."""
        building, found = self.building, self._builder()
        with building.workers() as workers, self._building_as(loader, found) as lending:
            lending.open_up()
            lending.lend()
            building.open(workers, lending.builder)
            building.count_rows(workers)
            building.compare_sums(workers)
            workers.close()

    def _builder(self) -> Apart:
        found = apart.builder(self.building, self.maintenance)
        self.made.append(found.made)
        if found.role is None:
            self._say_built_as_loader(found.why_not)
        return found

    def _building_as(self, loader: Maker, found: Apart) -> contextlib.AbstractContextManager[Lending]:
        return apart.building_as(self.building, self.maintenance, loader, found)

    def _make(self, workers: Workers, loader: Maker, *, is_final: bool) -> int:
        """Make `<db>__next` and fill it, as the build role, if there is one; return its oid."""
        building = self.building
        next_oid = databases.create_next(self.maintenance, self._database)
        found = self._builder()
        with self._building_as(loader, found) as lending:
            late = building.make_schema(loader, lending)
            building.open(workers, lending.builder)
            building.fill(workers, lending.builder, late, is_final=is_final)
            building.compare_sums(workers)
            workers.close()
            if building.restoring.stages.postponed:
                lending.check()
                building.make_postponed(loader, lending)
        building.complete(loader)
        return next_oid

    def _say_untrusted(self, session: Session) -> None:
        """Report code that no role's rights can restrict. Only a superuser can load such code."""
        if self.building.server.is_superuser and (found := untrusted.found(session)):
            some = found[: untrusted.SHOWN]
            text = f"{UNTRUSTED_CODE}: the source has {len(found)} objects that only a superuser may make"
            self.remarks.append(f"{text}, whose code no role's rights hold: {', '.join(some)}")
            self.building.frame.log.warning("the source's code may do what a superuser may", objects=some)

    def _say_built_as_loader(self, why: str) -> None:
        role = self.building.server.role
        text = f"{apart.REASON}: code of the source's (CHECK, defaults, generated columns) ran as role {role}"
        self.remarks.append(f"{text}, since {why}")
        if self.building.server.is_superuser:
            self.building.frame.log.warning("code of the source's ran as a superuser", role=role, why=why)

    def _clone_oid(self) -> int | None:
        """Return the oid of the `<db>__next` that a sibling of this run has built for this target, if there is one."""
        if not self.building.given.siblings:
            return None
        found = siblings.clone(self.maintenance, self._database.next_name, self._run_uid)
        return found.oid if found and found.owner == self.building.server.role else None

    def _clone(self) -> None:
        cloning = Cloning(
            session=self.maintenance,
            given=self.building.given,
            built=self._database,
            run_uid=self._run_uid,
            is_superuser=self.building.server.is_superuser,
            log=self.building.frame.log,
        )
        cloning.offer()

    def _write(self, written: Provenance, then: Callable[[Session], None] = lambda _: None) -> None:
        with contextlib.closing(self._connect(self._database.next_name)) as session:
            provenance.write(session, written)
            then(session)

    def _provenance(self) -> Provenance:
        place = Place(self.building.server.system_identifier, self._database.name, self._database.oid)
        return stamp(self.building.given, self.building.manifest, place, time.monotonic() - self.started)

    def _swap(self, next_oid: int) -> list[str]:
        """Swap the databases. No signal interrupts this: it takes only seconds, and it is final."""
        building, database = self.building, self._database
        parties = Parties(
            database=database,
            next_oid=next_oid,
            previous=self.previous,
            # Otherwise objects were given to the owner found at the start, or the build used that owner's rights.
            may_change_owner=building.server.is_superuser and building.given.owners == "Keep",
        )
        refused = rename.swap(self.maintenance, self._connect_maintenance, parties, building.given.run.uid)
        self._drop_quietly(database.obsolete_name)
        if building.given.keep_previous == 0:
            self._drop_quietly(database.previous_name)
        return refused

    def _drop_left_overs(self, *, is_next_wanted: bool) -> None:
        """Drop what earlier loads left under the names that this load needs; GuardError if a database is not ours."""
        log = self.building.frame.log
        if not is_next_wanted:
            leftovers.drop(self.maintenance, self._database.next_name, log, "NextNotOurs")
        leftovers.drop(self.maintenance, self._database.obsolete_name, log, "ObsoleteNotOurs")
        builders.sweep(self.maintenance, [one.oid for one in (self._database, self.previous) if one])

    def _clean_up(self) -> None:
        """Drop `<db>__next`, over a new connection if the old one broke; if that fails, the next attempt drops it."""
        for _ in range(DROP_ATTEMPTS):
            if not self.maintenance.closed and self._drop_quietly(self._database.next_name):
                return
        if not self.maintenance.closed:
            return
        with contextlib.suppress(Exception), contextlib.ExitStack() as stack:
            session = stack.enter_context(contextlib.closing(self._connect_maintenance()))
            stack.enter_context(target.locked(session, self._database.name))
            databases.drop(session, self._database.next_name)

    def _drop_made(self) -> None:
        """Drop the build role that was made for this load; if that fails, a later load drops it."""
        for name in filter(None, self.made):
            try:
                builders.drop(self.maintenance, name)
            except Exception as error:  # noqa: BLE001 - the load's own outcome is what counts
                text = "could not drop the role that was made to build"
                self.building.frame.log.warning(text, role=name, error=str(error))

    def _drop_quietly(self, name: str) -> bool:
        try:
            databases.drop(self.maintenance, name)
        except Exception as error:  # noqa: BLE001 - the load's own outcome is what counts
            self.building.frame.log.warning("could not drop a database", database=name, error=str(error))
            return False
        return True

    def _connect(self, database: str) -> Session:
        return self.building.connect(database)

    def _connect_maintenance(self) -> Session:
        return self._connect(self.building.given.maintenance_database)

    @property
    def _run_uid(self) -> str:
        return siblings.run_of(self.building.given, self.building.manifest)

    @property
    def _database(self) -> Database:
        return self.building.database
