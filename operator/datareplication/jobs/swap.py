"""The strategy Swap: build `<db>__next` from a snapshot, verify it, give it what belongs to the target, rename.

It owns the order of the steps. Whatever ends it early, the target stays as it was and `<db>__next` goes.
"""

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from datareplication.errors import GuardError
from datareplication.jobs.identity import application_name, tool_version
from datareplication.jobs.loading import Analyze, CopyPart, CountRows, Refresh, Task, WorkerConfig, open_worker
from datareplication.jobs.manifest import Manifest, Relation
from datareplication.jobs.postgres import carry, copying, databases, provenance, rename, target
from datareplication.jobs.postgres.connection import Session, connect, execute
from datareplication.jobs.postgres.conninfo import parameters
from datareplication.jobs.postgres.copying import Shape
from datareplication.jobs.postgres.databases import Database
from datareplication.jobs.postgres.provenance import Provenance
from datareplication.jobs.postgres.target import Server
from datareplication.jobs.program import Frame
from datareplication.jobs.settings import LoadSettings
from datareplication.jobs.snapshot import ARCHIVE
from datareplication.jobs.tally import Tally
from datareplication.jobs.tools import Login, Running, Tool
from datareplication.jobs.workers import Crew, crew

PROGRAM = "datareplication-load"
DROP_ATTEMPTS = 3
"""A cancel request that was on its way when the work stopped may hit the first."""


@dataclass(frozen=True)
class Replaced:
    """What a Swap did. not_carried: what belonged to the target and could not be given to the new database."""

    provenance: Provenance
    not_carried: Sequence[str]


@dataclass(frozen=True)
class Swap:
    """One load by Swap. maintenance: the session that holds the target's lock."""

    given: LoadSettings
    frame: Frame
    manifest: Manifest
    maintenance: Session
    server: Server
    database: Database
    pg_restore: Tool
    tally: Tally
    started: float = field(default_factory=time.monotonic)

    def run(self) -> Replaced:
        """Replace the target."""
        self._drop_left_over()
        try:
            with self.frame.stop.interrupting(self.maintenance.cancel):
                databases.create_next(self.maintenance, self.database, self._owner())
                written = self._build()
            self.tally.phase("Swapping")
            return Replaced(written, self._swap())
        except BaseException:
            self._clean_up()
            raise

    def _owner(self) -> str:
        """Return whom `<db>__next` belongs to until the swap: the load's role, so that nobody else sees it half loaded.

        A role that is no superuser can give objects only to a role that may create them there, so it needs the target's
        owner from the start.
        """
        return self.server.role if self.server.is_superuser else self.database.owner

    def _build(self) -> Provenance:
        """Fill `<db>__next`: schema, data, verification, indexes and constraints, statistics."""
        started = crew(self.given.workers, open_worker, self.frame.stop)
        with started as workers, contextlib.closing(self._connect(self.database.next_name)) as session:
            if not self.manifest.schema.has_public:
                execute(session, "DROP SCHEMA public", doing="dropping schema public, which the source lacks")
            self.tally.phase("Schema")
            self._restore("pre-data")
            self._fill(workers)
            copying.set_sequences(session, self.manifest.sequences)
            self.tally.phase("Indexes")
            self._restore("post-data", "--jobs", str(self.given.workers))
            self._finish(workers)
            written = self._provenance()
            provenance.write(session, written)
            return written

    def _fill(self, workers: Crew[Task, Task]) -> None:
        """Copy all parts, largest first, and compare each table's rows with the manifest's."""
        relations = [relation for relation in self.manifest.relations if relation.kind == "Table"]
        tasks = sorted((task for relation in relations for task in self._copies(relation)), key=lambda t: -t.part.bytes)
        self.tally.expect(len(relations), [task.oid for task in tasks], self.manifest.rows, self.manifest.bytes)
        self.tally.phase("Data")
        config = WorkerConfig(self.given.target, self._application, self.database.next_name, self.given.input)
        workers.open(config, max(len(relations), 1))
        workers.perform(tasks, self._hear)
        self.tally.phase("Verifying")
        workers.perform([CountRows(self._shape(relation), relation.rows) for relation in relations], self._hear)

    def _finish(self, workers: Crew[Task, Task]) -> None:
        # One at a time: a view may read from the one before it.
        for name in self.manifest.schema.materialized_views:
            workers.perform([Refresh(name)], self._hear)
        filled = sorted((r for r in self.manifest.relations if r.rows), key=lambda relation: -relation.bytes)
        workers.perform([Analyze(self._shape(relation)) for relation in filled], self._hear)

    def _copies(self, relation: Relation) -> Iterator[CopyPart]:
        shape, is_only = self._shape(relation), len(relation.parts) == 1
        return (CopyPart(relation.oid, shape, part, is_only) for part in relation.parts)

    def _shape(self, relation: Relation) -> Shape:
        columns = tuple(column.name for column in relation.columns)
        return Shape(relation.schema, relation.name, columns, self.manifest.source.csv_encoding)

    def _hear(self, done: Task | None, moved: int) -> None:
        self.tally.moved(moved)
        if isinstance(done, CopyPart):
            self.tally.done(done.oid, done.part.rows)

    def _restore(self, section: str, *options: str) -> None:
        wanted = {**parameters(self.given.target, self.database.next_name), "application_name": self._application}
        arguments = [
            "--exit-on-error",
            "--no-tablespaces",
            f"--section={section}",
            *options,
            str(self.given.input / ARCHIVE),
        ]
        with Running(self.pg_restore, arguments, Login(wanted, self.given.target.password)) as restore:
            restore.wait(self.frame.stop, lambda: self.tally.moved(0))

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
            loaded_by_run_uid=self.given.run.uid,
            snapshot=str(self.given.input),
            tables=manifest.tables,
            rows=manifest.rows,
            bytes=manifest.bytes,
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
        if left_over.comment != databases.MARK and self._is_filled(left_over.name):
            text = f"database {left_over.name} exists and was not left by a load: rename or drop it"
            raise GuardError(text, reason="NextNotOurs")
        databases.drop(self.maintenance, left_over.name)
        self.frame.log.info("dropped what an earlier attempt left", database=left_over.name)

    def _is_filled(self, name: str) -> bool:
        with contextlib.closing(self._connect(name)) as session:
            return bool(target.filled_tables(session))

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

    def _connect(self, database: str) -> Session:
        return connect(self.given.target, self._application, database)

    def _connect_maintenance(self) -> Session:
        return self._connect(self.given.maintenance_database)

    @property
    def _application(self) -> str:
        return application_name(PROGRAM, self.given.run.name)
