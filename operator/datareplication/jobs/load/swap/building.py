"""What fills `<db>__next`: schema, data, indexes, verification; then after-load SQL, views, statistics.

It owns the order of these steps. It does not know how the database is created, swapped in or dropped.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING

from datareplication.core.reasons import Reason
from datareplication.jobs.frame.identity import load_application
from datareplication.jobs.frame.workers import Crew, crew
from datareplication.jobs.load import (
    extension_rows,
    large_object_archive,
    pipeline,
    sessions,
    view_settings,
    worker,
)
from datareplication.jobs.load.pipeline import Pipeline
from datareplication.jobs.load.swap.lending import Lending
from datareplication.jobs.load.swap.makers import Maker
from datareplication.jobs.load.swap.restoring import Ground, Restoring
from datareplication.jobs.load.swap.stages import ids_of
from datareplication.jobs.load.tasks import Analyze, CopyParts, Refresh, RestoreEntries, Result, Searched, Task
from datareplication.jobs.load.worker import WorkerConfig, open_worker
from datareplication.jobs.model.connections import Connection
from datareplication.jobs.model.masking.searches import Finding
from datareplication.jobs.postgres import afterload, bulk, copying, owners, row_functions, searchable, shaping
from datareplication.jobs.postgres.afterload import Left
from datareplication.jobs.postgres.connection import Session, execute, for_tools
from datareplication.jobs.postgres.session_settings import quiet

if TYPE_CHECKING:
    from datareplication.jobs.load.searching import Known

Workers = Crew[Task, Result]

AFTER_LOAD_AS_LOADER: Reason = "AfterLoadAsLoader"


@dataclass(frozen=True)
class Building(Ground):
    """The building of one `<db>__next`. script: the after-load SQL. remarks: for the report."""

    script: str = field(default="", repr=False)
    leaks: "Known | None" = None
    """What must not be in the database; None if the snapshot is not masked."""

    remarks: list[str] = field(default_factory=list)

    @cached_property
    def restoring(self) -> Restoring:
        """What restores the schema's archive."""
        return Restoring(**{one.name: getattr(self, one.name) for one in fields(Ground)})

    def connect(self, database: str, builder: Connection | None = None) -> Session:
        """Open a session to a database of the target's server, as the build role if one is given."""
        settings = sessions.USUAL if builder else quiet(self.server)
        return sessions.opened(self.given, database, settings, role=builder)

    @contextlib.contextmanager
    def workers(self) -> Iterator[Workers]:
        """Start the workers; they connect when open() is called."""
        also = [worker.SEARCHING] if self.leaks else []
        with crew(self.given.workers, open_worker, self.frame.stop, also) as made:
            yield made

    def open(self, workers: Workers, maker: Maker) -> None:
        """Let the workers connect to `<db>__next`, which exists now."""
        config = WorkerConfig(
            maker.role or self.given.target,
            load_application(self.given.run.name),
            self.database.next_name,
            self.given.input,
            self.restoring.restorer(maker.having(self._of_rows)),
            maker.settings,
            self._of_rows,
            self.leaks,
        )
        workers.open(config, max(self.manifest.tables, 1))

    def loader(self, session: Session) -> Maker:
        """Return the load's role as a Maker. session: any session of the load's role on the server."""
        # pg_restore itself switches off only the timeouts that it knows, and may be older than the server.
        return Maker(None, {**for_tools(session), **bulk.settings(session, self.given.workers), **quiet(self.server)})

    def builder(self, role: Connection) -> Maker:
        """Return the build role as a Maker."""
        with contextlib.closing(self.connect(self.database.next_name, role)) as session:
            return Maker(role, {**for_tools(session), **bulk.settings(session, self.given.workers)})

    def make_schema(self, loader: Maker, lending: Lending) -> frozenset[tuple[str, str]]:
        """Restore what comes before the rows, and lend it to the build role; return which tables come late.

        These are (schema, name) of tables whose rows pass through functions of users, which may read other tables.
        """
        with contextlib.closing(self.connect(self.database.next_name)) as session:
            if not self.manifest.schema.has_public:
                execute(session, "DROP SCHEMA public", doing="dropping schema public, which the source lacks")
            if self._gives_away:
                owners.let_create(session, self.database.owner)
            self.tally.phase("Schema")
            lending.open_up()
            self.restoring.in_turns(self.restoring.stages.before, loader, lending)
            extension_rows.refuse_lacking(session, self.manifest)
            late = row_functions.tables(session)
        lending.lend()
        return late

    def fill(self, workers: Workers, builder: Maker, late: frozenset[tuple[str, str]], *, is_final: bool) -> None:
        """Do all that concerns one table at a time, then restore what is left of the schema.

        late: from `make_schema`. is_final: no clone is made of the database, and no script changes it.
        """
        manifest, after = self.manifest, self.restoring.stages.after
        planned = pipeline.plan(manifest, after, self.given.workers, analyzes=is_final, late=late)
        parts = [relation.oid for relation in manifest.relations for _ in relation.parts]
        self.tally.expect(manifest.tables, parts, manifest.rows, manifest.bytes)
        self.tally.phase("Data")
        waiting = Pipeline(planned.steps)

        def hear(done: Result | None, moved: int) -> None:
            self._hear(done, moved)
            if done is not None and not isinstance(done, Searched):
                waiting.done(done)

        workers.supply(waiting.take, hear)
        if planned.rest:
            self.tally.phase("Indexes")
        for ids in planned.rest:
            self.restoring.restore(ids, builder.having(self._of_rows), "--jobs", str(self.given.workers))

    def make_postponed(self, loader: Maker, lending: Lending) -> None:
        """Restore the objects with an owner that must come after the rows, then what depends on these objects."""
        self.restoring.in_turns(self.restoring.stages.postponed, loader, lending)
        self.restoring.in_turns(self.restoring.stages.following, loader, lending)
        lending.lend()

    def complete(self, loader: Maker) -> None:
        """Restore large objects and set the sequences."""
        with contextlib.closing(self.connect(self.database.next_name)) as session:
            self._restore_large_objects(loader, session)
            copying.set_sequences(session, self.manifest.sequences)

    def count_rows(self, workers: Workers) -> None:
        """Compare the number of each table's rows with the snapshot's."""
        self.tally.phase("Verifying")
        workers.perform(pipeline.counts(self.manifest), self._hear)

    def compare_sums(self, workers: Workers) -> None:
        """Compare contents with the snapshot's checksums where that is asked for."""
        if self.given.verify == "Checksum":
            self.tally.phase("Verifying")
            workers.perform(pipeline.sums(self.manifest), self._hear)

    def finish(self, workers: Workers, loader: Maker, *, is_analyzed: bool) -> None:
        """Give grants, run the after-load SQL, fill materialized views, gather statistics, and look for leaks.

        Views and statistics come after the SQL, because they store what they find in the tables. The workers connect
        before it, and only if there is something to do for them.
        """
        if self.script or self.leaks or self.manifest.schema.materialized_views or not is_analyzed:
            self.open(workers, loader)
        self._give(loader)
        left = self._after_load()
        shaped_by = tuple(self._shaping.items()) if left.materialized_views else ()
        # One at a time: a view may read from the one before it.
        for view in left.materialized_views:
            workers.perform([Refresh(view, shaped_by)], self._hear)
        if not is_analyzed:
            workers.perform([Analyze((shape,)) for shape in left.tables], self._hear)
        if self.script:
            self._forget()
        self._search(workers)

    def seal(self, *, is_cloned: bool) -> None:
        """Restore event triggers, which would act on later commands; raise unless each entry was restored once.

        is_cloned: a sibling has restored all stages but `last`, `grants` and `final`.
        """
        self.archives.check(self.frame.stop.check)
        done = self.restoring.stages
        if done.final:
            with contextlib.closing(self.connect(self.database.next_name)) as session:
                loader = Maker(None, {**for_tools(session), **quiet(self.server)})
            self.restoring.restore(ids_of(done.final), loader)
        built = [done.before, done.after, done.postponed, done.following]
        self.restoring.ledger.settle(*([] if is_cloned else built), done.last, done.grants, done.final)

    @property
    def _gives_away(self) -> bool:
        """Whether objects go to the target's owner, who needs rights while the load's role owns `<db>__next`."""
        return not self.server.is_superuser and self.database.owner != self.server.role

    def _give(self, loader: Maker) -> None:
        """Restore row-level security and grants; with TargetOwner give all objects to the target's owner."""
        owner, stages = self.database.owner, self.restoring.stages
        self.restoring.restore(ids_of(stages.last), loader)
        with contextlib.closing(self.connect(self.database.next_name)) as session:
            if self._gives_away:
                owners.let_create_no_more(session, owner)
            self.restoring.restore(ids_of(stages.grants), loader)
            if self.given.owners == "TargetOwner" and owner != self.server.role:
                is_let = self._gives_away and owners.let_create(session, owner)
                owners.give_all(session, owner)
                if is_let:
                    owners.let_create_no_more(session, owner)

    @property
    def _of_rows(self) -> dict[str, str]:
        return shaping.of_rows(self._shaping)

    @cached_property
    def _shaping(self) -> dict[str, str]:
        """The source's settings that the target's server accepts."""
        with contextlib.closing(self.connect(self.database.next_name)) as session:
            return view_settings.accepted(session, self.manifest, self.frame.log)

    def _restore_large_objects(self, loader: Maker, session: Session) -> None:
        if self.manifest.large_objects:
            path = self.manifest.large_objects.archive.path
            with self.restoring.restorer(loader).command(archive=path) as child:
                child.wait(self.frame.stop, lambda: self.tally.moved(0))
        large_object_archive.verify(session, self.manifest)

    def _after_load(self) -> Left:
        views = self.manifest.schema.materialized_views
        if not self.script:
            return Left(views, pipeline.filled(self.manifest))
        self.tally.phase("AfterLoad")
        with contextlib.closing(self.connect(self.database.next_name)) as session:
            if afterload.may_set_off_code(session):
                self._say_code_as_loader()
            path = afterload.search_path(session, self.database.name)
            return afterload.run(session, self.script, self.frame.stop, path, views)

    def _say_code_as_loader(self) -> None:
        role = self.server.role
        text = f"{AFTER_LOAD_AS_LOADER}: triggers and functions of the source's that the after-load SQL set off"
        self.remarks.append(f"{text} ran as role {role}")
        if self.server.is_superuser:
            self.frame.log.warning("after-load SQL may have set off code of the source's as a superuser", role=role)

    def _forget(self) -> None:
        with contextlib.closing(self.connect(self.database.next_name)) as session:
            kept = afterload.forget(session, is_superuser=self.server.is_superuser)
        if kept:
            text = "the after-load SQL emptied tables whose statistics only a superuser can remove: samples of old rows"
            self.frame.log.warning(text, tables=kept)

    def _search(self, workers: Workers) -> None:
        """Raise DataError if the database holds what must not leave production."""
        if self.leaks is None:
            return
        from datareplication.jobs.load import gate  # noqa: PLC0415 - only loads of masked snapshots need it

        self.tally.phase("Verifying")
        tables = [(one.schema, one.name) for one in self.manifest.extension_tables]
        with contextlib.closing(self.connect(self.database.next_name)) as session:
            every = searchable.read(session, tables)
        findings: list[Finding] = []

        def hear(done: Result | None, _: int) -> None:
            self.tally.moved(0)
            if isinstance(done, Searched):
                findings.extend(done.findings)

        workers.perform(gate.tasks(self.leaks, every, self.manifest.source.csv_encoding), hear)
        gate.refuse(findings)

    def _hear(self, done: Result | None, moved: int) -> None:
        self.tally.moved(moved)
        if isinstance(done, CopyParts):
            for part in done.parts:
                self.tally.done(done.oid, part.rows)
        elif isinstance(done, RestoreEntries):
            self.restoring.ledger.restored(done.ids)
