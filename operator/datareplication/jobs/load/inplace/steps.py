"""The strategy InPlace: replace the rows of a target's tables in one transaction, for roles without CREATEDB.

It decides the order of the steps. If anything ends the load before the commit, the target stays exactly as it was. No
schema is changed: a target with another schema is refused.
"""

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from datareplication.core import words
from datareplication.errors import ReplicationError, TransientError
from datareplication.jobs.frame.program import Frame
from datareplication.jobs.frame.stop import Terminated
from datareplication.jobs.frame.tally import Tally
from datareplication.jobs.load import guard, sessions, view_settings
from datareplication.jobs.load.guard import Facts
from datareplication.jobs.load.inplace import drift, refusal, rights
from datareplication.jobs.load.inplace.rights import Wants
from datareplication.jobs.load.inplace.touched import Touched, check_keys, touched
from datareplication.jobs.load.outcome import Replaced
from datareplication.jobs.load.pipeline import copied_in_order, shape, sums
from datareplication.jobs.load.stamp import Place, stamp
from datareplication.jobs.load.worker import check_rows, compare_sum, copy_part
from datareplication.jobs.model.layout import Constraint, Deferrable, SequenceObject, Table, Trigger, View
from datareplication.jobs.model.manifest import Manifest, Part, Relation
from datareplication.jobs.model.notes import loaded_by
from datareplication.jobs.model.provenance import Provenance
from datareplication.jobs.model.settings import LoadSettings
from datareplication.jobs.model.tables import Shape
from datareplication.jobs.postgres import (
    afterload,
    event_triggers,
    layout,
    not_valid,
    notes,
    owners,
    provenance,
    replacing,
    row_functions,
    shaping,
)
from datareplication.jobs.postgres.connection import Session, for_tools, renew, row, transaction
from datareplication.jobs.snapshot.parts import PartReader

if TYPE_CHECKING:
    from datareplication.jobs.load.searching import Known


@dataclass(frozen=True)
class _Found:
    """The objects of a target that the load changes or locks. views: those to refresh."""

    touched: Touched
    sequences: tuple[SequenceObject, ...]
    views: tuple[View, ...]

    @property
    def oids(self) -> list[int]:
        """Oids of all relations that are locked."""
        return [
            *(table.oid for table in self.touched.locked),
            *(sequence.oid for sequence in self.sequences),
            *(view.oid for view in self.views),
        ]


@dataclass(frozen=True)
class _SetAside:
    """What is switched off while rows are loaded, and restored before the commit."""

    triggers: list[Trigger]
    deferrables: list[Deferrable]
    forced: list[Table]
    """Tables whose row-level security also applies to their owners."""
    of_domains: tuple[Constraint, ...]
    """Constraints of domains that are NOT VALID."""
    valid: list[tuple[str, str, str]]
    """(schema, table, name) of constraints to validate again."""


@dataclass(frozen=True)
class InPlace:
    """One load in place. maintenance: the session with the target's lock. script: the after-load SQL.

    leaks: what must not be in the target; None if the snapshot is not masked.
    """

    given: LoadSettings
    frame: Frame
    manifest: Manifest
    maintenance: Session
    facts: Facts
    tally: Tally
    script: str = field(default="", repr=False)
    leaks: "Known | None" = None
    started: float = field(default_factory=time.monotonic)

    def run(self) -> Replaced:
        """Replace the target's rows."""
        refusal.refuse_uncarried(self.manifest)
        with contextlib.closing(self._connect()) as session:
            with self.frame.stop.interrupting(session.cancel):
                found = self._checked(session)
                settings = view_settings.accepted(session, self.manifest, self.frame.log)
            written = self._replace(session, found, settings)
            self._analyze(session, found)
        return Replaced(written, ())

    def _checked(self, session: Session) -> _Found:
        """Return the target's objects; DataError for a difference that matters, RightsError for a missing right."""
        found = self._look(session)
        check_keys(found.touched.keys)
        wants = Wants(
            role=self.facts.server.role,
            database=self.facts.database.name,
            altered=found.touched.altered,
            referenced=found.touched.referenced,
            sequences=found.sequences,
            views=found.views,
            home=provenance.home(session),
        )
        rights.check(wants)
        if self.facts.server.is_superuser:
            guard.check_code(self.facts, owners.strangers(session))
        return found

    def _look(self, session: Session) -> _Found:
        found = layout.read(session, self.manifest.schema.materialized_views)
        drift.check(self.manifest, found)
        wanted = {(state.schema, state.name) for state in self.manifest.sequences}
        sequences = tuple(one for one in found.sequences if (one.schema, one.name) in wanted)
        return _Found(touched(self.manifest.relations, found), sequences, found.views)

    def _replace(self, session: Session, found: _Found, settings: Mapping[str, str]) -> Provenance:
        """Do all of the load, or nothing. A signal does not interrupt the commit itself: after it the load is done.

        settings: those with which views are filled. Rows are copied with the same settings, except those that affect
        how text is read.
        """
        try:
            with transaction(session, doing="replacing the rows"):
                with self.frame.stop.interrupting(session.cancel):
                    self._lock(session, found)
                    set_aside = self._set_aside(session, found.touched)
                    self._fill(session, found.touched, {**for_tools(session), **shaping.of_rows(settings)})
                    self._put_back(session, found.touched, set_aside)
                    self._after_load(session)
                    shaping.take_over(session, settings)
                    replacing.refresh(session, found.views)
                    renew(session, for_tools(session))
                    if self.leaks:
                        self._search(session, found.touched, self.leaks)
                    written = self._provenance()
                    provenance.replace(session, written)
                    notes.write(session, self.facts.database.name, loaded_by(self.given.run.uid))
                    self._check_lock()
                self.tally.phase("Swapping")
        except TransientError as error:
            if error.reason == "LockTimeout" and not session.closed:
                raise _stayed_locked(session, found, error) from error
            raise
        except ReplicationError as error:
            raise event_triggers.blamed(session, error) from error.__cause__
        return written

    def _lock(self, session: Session, found: _Found) -> None:
        """Lock everything that will be changed, then check that nothing has changed since the first check."""
        self.tally.phase("Schema")
        replacing.lock(session, found.touched.locked)
        replacing.set_sequences(session, self.manifest.sequences)
        replacing.lock_views(session, found.views)
        if self._look(session) != found:
            raise TransientError("the target's tables were changed while they were locked", reason="SchemaChanging")

    def _set_aside(self, session: Session, of: Touched) -> _SetAside:
        oids = [table.oid for table in of.filled]
        domains = not_valid.of_domains(session, oids)
        found = _SetAside(
            layout.triggers(session, oids),
            layout.deferrables(session, oids),
            [table for table in of.filled if table.forces_security],
            domains.ours,
            not_valid.valid_below(session, of.not_valid),
        )
        refusal.refuse_unstoppable(found.triggers)
        if domains.others:
            text = "NOT VALID constraints are checked, because their domains do not belong to the load's role"
            self.frame.log.warning(text, domains=domains.others)
        not_valid.drop(session, [*of.not_valid, *found.of_domains])
        replacing.drop_foreign_keys(session, of.keys)
        replacing.disable_triggers(session, found.triggers)
        replacing.force_security(session, found.forced, is_forced=False)
        replacing.check_at_once(session, found.deferrables)
        return found

    def _put_back(self, session: Session, of: Touched, found: _SetAside) -> None:
        self.tally.phase("Indexes")
        replacing.check_later(session, found.deferrables)
        replacing.add_foreign_keys(session, of.keys)
        not_valid.add(session, [*of.not_valid, *found.of_domains])
        not_valid.validate(session, found.valid)
        replacing.enable_triggers(session, found.triggers)
        replacing.force_security(session, found.forced, is_forced=True)

    def _fill(self, session: Session, of: Touched, settings: Mapping[str, str]) -> None:
        """Replace the rows with these settings, and compare each table's row count with the manifest's."""
        relations = [relation for relation in self.manifest.relations if relation.kind == "Table"]
        oids = [relation.oid for relation in relations for _ in relation.parts]
        self.tally.expect(len(relations), oids, self.manifest.rows, self.manifest.bytes)
        self.tally.phase("Data")
        replacing.empty(session, of.filled)
        for relation in copied_in_order(relations, row_functions.tables(session)):
            for part in relation.parts:
                renew(session, settings)  # all tables are locked and checked, so code of users may read views now
                self._copy(session, relation, part)
        self.tally.phase("Verifying")
        renew(session, for_tools(session))
        for relation in relations:
            self._count(session, relation)
        self._compare_sums(session)
        renew(session, settings)

    def _after_load(self, session: Session) -> None:
        """Run the script while nobody else can see the rows that it scrubs, and before views are filled from them."""
        renew(session, for_tools(session))
        if self.script:
            self.tally.phase("AfterLoad")
            database = self.facts.database.name
            afterload.execute(session, self.script, afterload.search_path(session, database))

    def _search(self, session: Session, of: Touched, leaks: "Known") -> None:
        from datareplication.jobs.load.inplace import leak_search  # noqa: PLC0415 - only masked snapshots need it

        self.tally.phase("Verifying")
        leak_search.refuse_leaks(session, leaks, self.manifest, of, self._tell)

    def _compare_sums(self, session: Session) -> None:
        if self.given.verify == "Checksum":
            for task in sums(self.manifest):
                self.tally.moved(0)
                compare_sum(session, task)

    def _copy(self, session: Session, relation: Relation, part: Part) -> None:
        with PartReader(self.given.input, part, self._tell) as reader:
            # Older snapshots see frozen rows too; without FREEZE they would see the tables as empty.
            copy_part(session, self._shape(relation), part, reader, freeze=True)
        self.tally.done(relation.oid, part.rows)

    def _tell(self, size: int) -> None:
        self.frame.stop.check()
        self.tally.moved(size)

    def _count(self, session: Session, relation: Relation) -> None:
        self.tally.moved(0)
        check_rows(session, self._shape(relation), relation.rows)

    def _shape(self, relation: Relation) -> Shape:
        return shape(relation, self.manifest.source.csv_encoding)

    def _check_lock(self) -> None:
        """Raise TransientError if the session with the target's lock is lost: then nothing must be committed."""
        row(self.maintenance, "SELECT 1", doing="checking the target's lock")

    def _provenance(self) -> Provenance:
        facts = self.facts
        # An earlier Swap may have left <db>__previous; the next Swap must still recognize it.
        previous = facts.provenance.previous_database if facts.provenance and facts.is_ours else 0
        place = Place(facts.server.system_identifier, facts.database.name, previous)
        return stamp(self.given, self.manifest, place, time.monotonic() - self.started)

    def _analyze(self, session: Session, found: _Found) -> None:
        """Gather statistics. The load is already done: if this fails, that is only a warning."""
        names = replacing.names_to_analyze(found.touched.filled, found.views)
        try:
            with self.frame.stop.interrupting(session.cancel):
                replacing.analyze(session, names)
        except (ReplicationError, Terminated) as error:
            self.frame.log.warning("loaded, but not all tables were analyzed", error=str(error))

    def _connect(self) -> Session:
        return sessions.inside(self.given, self.facts.server, self.facts.database.name, sessions.REPLACING)


def _stayed_locked(session: Session, found: _Found, error: TransientError) -> TransientError:
    holders = ", ".join(layout.holders(session, found.oids)) or "a session that has ended since"
    text = f"{error.message}: waited {words.duration(replacing.LOCK_TIMEOUT_SECONDS)} for {holders}"
    return TransientError(text, reason="LockTimeout")
