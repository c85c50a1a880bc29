"""The strategy Swap: build `<db>__next` from a snapshot, verify it, give it what belongs to the target, rename.

It owns the order of the steps. Whatever ends it early, the target stays as it was and `<db>__next` goes.
"""

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from datareplication.errors import GuardError
from datareplication.jobs import archive, pipeline, siblings
from datareplication.jobs.identity import application_name, tool_version
from datareplication.jobs.loading import CopyParts, Refresh, Restorer, Task, WorkerConfig, open_worker
from datareplication.jobs.manifest import Manifest
from datareplication.jobs.pipeline import Pipeline
from datareplication.jobs.postgres import bulk, carry, copying, databases, provenance, rename, target
from datareplication.jobs.postgres.connection import NEWER_SETTINGS, Session, connect, execute, known
from datareplication.jobs.postgres.conninfo import parameters
from datareplication.jobs.postgres.databases import Database
from datareplication.jobs.postgres.provenance import Provenance
from datareplication.jobs.postgres.target import Server
from datareplication.jobs.program import Frame
from datareplication.jobs.settings import LoadSettings
from datareplication.jobs.siblings import Cloning
from datareplication.jobs.snapshot import ARCHIVE
from datareplication.jobs.tally import Tally
from datareplication.jobs.tools import Login, Tool
from datareplication.jobs.workers import Crew, crew

PROGRAM = "datareplication-load"
EVENT_TRIGGERS_SINCE = 170000
"""The setting event_triggers, for superusers, who alone restore such triggers."""

DROP_ATTEMPTS = 3
"""A cancel request that was on its way when the work stopped may hit the first."""


@dataclass(frozen=True)
class Replaced:
    """What a Swap did. not_carried: what belonged to the target and could not be given to the new database."""

    provenance: Provenance
    not_carried: Sequence[str]


@dataclass(frozen=True)
class Swap:
    """One load by Swap. maintenance: the session that holds the target's lock. building: the siblings' build lock."""

    given: LoadSettings
    frame: Frame
    manifest: Manifest
    maintenance: Session
    server: Server
    database: Database
    pg_restore: Tool
    tally: Tally
    building: contextlib.ExitStack
    started: float = field(default_factory=time.monotonic)

    def run(self) -> Replaced:
        """Replace the target."""
        try:
            with self.frame.stop.interrupting(self.maintenance.cancel):
                if not self._has_clone():
                    self._drop_left_over()
                    databases.create_next(self.maintenance, self.database, self._owner())
                    self._build()
                    self._clone()
                self.building.close()
                written = self._finish()
            self.tally.phase("Swapping")
            return Replaced(written, self._swap())
        except BaseException:
            self._clean_up()
            raise

    def _has_clone(self) -> bool:
        """Whether a sibling of this run has built `<db>__next` for this target."""
        found = databases.describe(self.maintenance, self.database.next_name)
        return found is not None and found.comment == siblings.mark(self.manifest.run.uid)

    def _clone(self) -> None:
        server, uid = self.server, self.manifest.run.uid
        cloning = Cloning(
            self.maintenance, self.given, self.database, uid, server.is_superuser, self._owner(), self.frame.log
        )
        cloning.offer()

    def _owner(self) -> str:
        """Return whom `<db>__next` belongs to until the swap: the load's role, so that nobody else sees it half loaded.

        A role that is no superuser can give objects only to a role that may create them there, so it needs the target's
        owner from the start.
        """
        return self.server.role if self.server.is_superuser else self.database.owner

    def _build(self) -> None:
        """Fill `<db>__next`: schema, data, indexes and constraints, verification, statistics."""
        started = crew(self.given.workers, open_worker, self.frame.stop)
        with started as workers, contextlib.closing(self._connect(self.database.next_name)) as session:
            if not self.manifest.schema.has_public:
                execute(session, "DROP SCHEMA public", doing="dropping schema public, which the source lacks")
            self.tally.phase("Schema")
            # pg_restore itself switches off only the timeouts that it knows, and may be older than the server.
            settings = {**bulk.settings(session, self.given.workers), **known(session, NEWER_SETTINGS), **self._quiet}
            restorer = self._restorer(settings)
            with self._pre_data() as options:
                self._restore(restorer, *options)
            self._fill(workers, restorer, settings)
            copying.set_sequences(session, self.manifest.sequences)
            # One at a time: a view may read from the one before it.
            for name in self.manifest.schema.materialized_views:
                workers.perform([Refresh(name)], self._hear)
            provenance.write(session, self._provenance())

    def _finish(self) -> Provenance:
        """Make what was built or cloned this target's own."""
        written = self._provenance()
        with contextlib.closing(self._connect(self.database.next_name, self._quiet)) as session:
            provenance.write(session, written)
        return written

    @property
    def _quiet(self) -> dict[str, str]:
        """Settings that keep the restored database from running code when the load connects to it (event login)."""
        is_known = self.server.version >= EVENT_TRIGGERS_SINCE and self.server.is_superuser
        return {"event_triggers": "off"} if is_known else {}

    def _fill(self, workers: Crew[Task, Task], restorer: Restorer, settings: Mapping[str, str]) -> None:
        """Do all that concerns one table at a time, then restore what is left of the schema."""
        manifest, root = self.manifest, self.given.input
        post_data = archive.entries(self.pg_restore, root / ARCHIVE, "--section=post-data")
        planned = pipeline.plan(manifest, post_data, self.given.workers)
        parts = [relation.oid for relation in manifest.relations for _ in relation.parts]
        self.tally.expect(manifest.tables, parts, manifest.rows, manifest.bytes)
        self.tally.phase("Data")
        config = WorkerConfig(self.given.target, self._application, self.database.next_name, root, restorer, settings)
        workers.open(config, max(len(planned.steps), 1))
        waiting = Pipeline(planned.steps)

        def hear(done: Task | None, moved: int) -> None:
            self._hear(done, moved)
            if done is not None:
                waiting.done(done)

        workers.supply(waiting.take, hear)
        if planned.rest:
            self.tally.phase("Indexes")
        for ids in planned.rest:
            with archive.use_list(ids) as option:
                self._restore(restorer, option, "--jobs", str(self.given.workers))

    def _hear(self, done: Task | None, moved: int) -> None:
        self.tally.moved(moved)
        if isinstance(done, CopyParts):
            for part in done.parts:
                self.tally.done(done.oid, part.rows)

    def _restorer(self, settings: Mapping[str, str]) -> Restorer:
        wanted = {**parameters(self.given.target, self.database.next_name), "application_name": self._application}
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        wanted["options"] = f"{wanted.get('options', '')} {options}".strip()
        login = Login(wanted, self.given.target.password)
        return Restorer(self.pg_restore, login, ("--exit-on-error", "--no-tablespaces"))

    @contextlib.contextmanager
    def _pre_data(self) -> Iterator[Sequence[str]]:
        """Yield pg_restore's options for what comes before the data.

        Schema public is there already. pg_dump hands over its owner where it is not pg_database_owner: up to 14 the
        server's first superuser, to whom only a superuser may give it.
        """
        section = "--section=pre-data"
        if self.server.is_superuser:
            yield [section]
            return
        mine = {self.server.role, self.database.owner}
        found = archive.entries(self.pg_restore, self.given.input / ARCHIVE, section)
        kept = [entry.id for entry in found if not entry.is_public_schema or entry.owner in mine]
        if len(kept) < len(found):
            self.frame.log.info("schema public keeps the owner that a new database gives it")
        with archive.use_list(kept) as option:
            yield [section, option]

    def _restore(self, restorer: Restorer, *options: str) -> None:
        with restorer.command(*options, root=self.given.input) as child:
            child.wait(self.frame.stop, lambda: self.tally.moved(0))

    def _provenance(self) -> Provenance:
        manifest = self.manifest
        return Provenance(
            source_system_identifier=manifest.source.system_identifier,
            source_database=manifest.source.database,
            snapshot_time=manifest.snapshot_time,
            lsn=manifest.lsn,
            run_uid=manifest.run.uid,
            run_name=manifest.run.name,
            replication=manifest.run.replication,
            target_system_identifier=self.server.system_identifier,
            target_database=self.database.name,
            previous_database=self.database.oid,
            schema_fingerprint=manifest.schema.fingerprint,
            tool_version=tool_version(),
            duration_seconds=round(time.monotonic() - self.started, 3),
        )

    def _swap(self) -> list[str]:
        """Not interrupted by a signal: it takes seconds, and what it did is done."""
        wanted = carry.steps(self.maintenance, self.database)
        databases.drop(self.maintenance, self.database.previous_name)
        refused = rename.swap(self.maintenance, self._connect_maintenance, self.database, wanted)
        if self.given.keep_previous == 0:
            self._drop_quietly(self.database.previous_name)
        return refused

    def _drop_left_over(self) -> None:
        """Drop `<db>__next` of an earlier attempt; one that is not ours is a GuardError."""
        left_over = databases.describe(self.maintenance, self.database.next_name)
        if left_over is None:
            return
        if not siblings.is_mark(left_over.comment) and self._is_filled(left_over.name):
            text = f"database {left_over.name} exists and was not left by a load: rename or drop it"
            raise GuardError(text, reason="NextNotOurs")
        databases.drop(self.maintenance, left_over.name)
        self.frame.log.info("dropped what an earlier attempt left", database=left_over.name)

    def _is_filled(self, name: str) -> bool:
        """Whether a database holds data that no load put there."""
        with contextlib.closing(self._connect(name)) as session:
            return bool(target.filled_tables(session)) and provenance.read(session) is None

    def _clean_up(self) -> None:
        """Drop `<db>__next`, over a new connection if the old one broke; else the next attempt drops it."""
        for _ in range(DROP_ATTEMPTS):
            if not self.maintenance.closed and self._drop_quietly(self.database.next_name):
                return
        if not self.maintenance.closed:
            return
        with contextlib.suppress(Exception), contextlib.ExitStack() as stack:
            session = stack.enter_context(contextlib.closing(self._connect_maintenance()))
            stack.enter_context(target.locked(session, self.database.name))
            databases.drop(session, self.database.next_name)

    def _drop_quietly(self, name: str) -> bool:
        try:
            databases.drop(self.maintenance, name)
        except Exception as error:  # noqa: BLE001 - the load's own outcome is what counts
            self.frame.log.warning("could not drop a database", database=name, error=str(error))
            return False
        return True

    def _connect(self, database: str, settings: Mapping[str, str] | None = None) -> Session:
        return connect(self.given.target, self._application, database, settings)

    def _connect_maintenance(self) -> Session:
        return self._connect(self.given.maintenance_database)

    @property
    def _application(self) -> str:
        return application_name(PROGRAM, self.given.run.name)
