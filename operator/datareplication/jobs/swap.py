"""The strategy Swap: build `<db>__next` from a snapshot, verify it, give it what belongs to the target, rename.

It owns the order of the steps. Whatever ends it early, the target stays as it was and `<db>__next` goes.
"""

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from datareplication.errors import GuardError
from datareplication.jobs import siblings
from datareplication.jobs.building import Building
from datareplication.jobs.postgres import carry, databases, provenance, rename, target
from datareplication.jobs.postgres.connection import Session
from datareplication.jobs.postgres.databases import Database
from datareplication.jobs.postgres.provenance import Provenance
from datareplication.jobs.siblings import Cloning
from datareplication.jobs.stamp import Place, stamp

DROP_ATTEMPTS = 3
"""A cancel request that was on its way when the work stopped may hit the first."""


@dataclass(frozen=True)
class Replaced:
    """What a Swap did. not_carried: what belonged to the target and could not be given to the new database."""

    provenance: Provenance
    not_carried: Sequence[str]


@dataclass(frozen=True)
class Swap:
    """One load by Swap. maintenance: the session that holds the target's lock. lock: the siblings' build lock."""

    building: Building
    maintenance: Session
    lock: contextlib.ExitStack
    started: float = field(default_factory=time.monotonic)

    def run(self) -> Replaced:
        """Replace the target."""
        is_cloned = self._has_clone()
        if not is_cloned:
            self._drop_left_over()
        try:
            with self.building.frame.stop.interrupting(self.maintenance.cancel):
                if self.building.given.siblings:
                    self._build_for_all(is_cloned=is_cloned)
                else:
                    self._build()
                written = self._provenance()
                self._write(written)
            self.building.tally.phase("Swapping")
            return Replaced(written, [*self.building.not_restored, *self._swap()])
        except BaseException:
            self._clean_up()
            raise

    def _build(self) -> None:
        building = self.building
        settings = building.settings(self.maintenance)
        with building.workers() as workers:
            self._create_next()
            building.open(workers, settings)
            building.build(workers, settings, is_final=not building.script)
            building.compare_sums(workers)
            building.finish(workers, settings, is_analyzed=not building.script)
        building.settle(is_cloned=False)

    def _build_for_all(self, *, is_cloned: bool) -> None:
        """Take the clone that a sibling made, or build and make clones; then go on as all of them do."""
        building = self.building
        settings = building.settings(self.maintenance)
        if not is_cloned:
            with building.workers() as workers:
                self._create_next()
                building.open(workers, settings)
                building.build(workers, settings, is_final=False)
            self._write(self._provenance())  # by which a clone that is not marked yet is known as ours
            self._clone()
        self.lock.close()
        with building.workers() as workers:
            building.open(workers, settings)
            building.compare_sums(workers)
            building.finish(workers, settings, is_analyzed=False)
        building.settle(is_cloned=is_cloned)

    def _create_next(self) -> None:
        databases.create_next(self.maintenance, self._database, self._owner())

    def _owner(self) -> str:
        """Return whom `<db>__next` belongs to until the swap: the load's role.

        A role that is no superuser can give objects only to a role that may create them there, so it needs the target's
        owner from the start.
        """
        server = self.building.server
        return server.role if server.is_superuser else self._database.owner

    def _has_clone(self) -> bool:
        """Whether a sibling of this run has built `<db>__next` for this target."""
        given = self.building.given
        return bool(given.siblings) and siblings.is_clone(self.maintenance, self._database.next_name, self._run_uid)

    def _clone(self) -> None:
        cloning = Cloning(
            session=self.maintenance,
            given=self.building.given,
            built=self._database,
            run_uid=self._run_uid,
            is_superuser=self.building.server.is_superuser,
            owner=self._owner(),
            log=self.building.frame.log,
        )
        cloning.offer()

    def _write(self, written: Provenance) -> None:
        with contextlib.closing(self._connect(self._database.next_name)) as session:
            provenance.write(session, written)

    def _provenance(self) -> Provenance:
        place = Place(self.building.server.system_identifier, self._database.name, self._database.oid)
        return stamp(self.building.given, self.building.manifest, place, time.monotonic() - self.started)

    def _swap(self) -> list[str]:
        """Not interrupted by a signal: it takes seconds, and what it did is done."""
        wanted = carry.steps(self.maintenance, self._database)
        databases.drop(self.maintenance, self._database.previous_name)
        refused = rename.swap(self.maintenance, self._connect_maintenance, self._database, wanted)
        if self.building.given.keep_previous == 0:
            self._drop_quietly(self._database.previous_name)
        return refused

    def _drop_left_over(self) -> None:
        """Drop `<db>__next` of an earlier attempt; one that is not ours is a GuardError."""
        left_over = databases.describe(self.maintenance, self._database.next_name)
        if left_over is None:
            return
        if not siblings.is_mark(left_over.comment) and self._is_filled(left_over):
            text = f"database {left_over.name} exists and was not left by a load: rename or drop it"
            raise GuardError(text, reason="NextNotOurs")
        databases.drop(self.maintenance, left_over.name)
        self.building.frame.log.info("dropped what an earlier attempt left", database=left_over.name)

    def _is_filled(self, database: Database) -> bool:
        """Whether a database holds data that no load put there."""
        databases.admit(self.maintenance, database)
        with contextlib.closing(self._connect(database.name)) as session:
            return bool(target.filled_tables(session)) and provenance.read(session) is None

    def _clean_up(self) -> None:
        """Drop `<db>__next`, over a new connection if the old one broke; else the next attempt drops it."""
        for _ in range(DROP_ATTEMPTS):
            if not self.maintenance.closed and self._drop_quietly(self._database.next_name):
                return
        if not self.maintenance.closed:
            return
        with contextlib.suppress(Exception), contextlib.ExitStack() as stack:
            session = stack.enter_context(contextlib.closing(self._connect_maintenance()))
            stack.enter_context(target.locked(session, self._database.name))
            databases.drop(session, self._database.next_name)

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
