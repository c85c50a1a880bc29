"""datareplication-dump: one consistent snapshot of production, as files.

It decides the order of the steps. `postgres` talks to PostgreSQL, `snapshot` writes the directory, `tools` runs
pg_dump.
"""

import contextlib
import time
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from datareplication.core.report import Report
from datareplication.jobs.dump import large_object_archive, refusal, schema_archive, splitting, volume, worker
from datareplication.jobs.dump.published import report
from datareplication.jobs.dump.results import Results
from datareplication.jobs.dump.seen import Seen
from datareplication.jobs.dump.settling import Settling
from datareplication.jobs.dump.tasks import Result, Task, Written
from datareplication.jobs.dump.watch import Watch
from datareplication.jobs.dump.worker import WorkerConfig, open_worker
from datareplication.jobs.frame import tools
from datareplication.jobs.frame.identity import application_name, tool_version
from datareplication.jobs.frame.program import Frame
from datareplication.jobs.frame.tally import Tally
from datareplication.jobs.frame.tools import Running, Tool
from datareplication.jobs.frame.workers import Crew, crew
from datareplication.jobs.model import contents, filling, left_behind, omission, selection
from datareplication.jobs.model import manifest as manifests
from datareplication.jobs.model.connections import Login
from datareplication.jobs.model.manifest import LargeObjects, Manifest, Part, Relation
from datareplication.jobs.model.selection import Patterns, Selection
from datareplication.jobs.model.settings import DumpSettings
from datareplication.jobs.model.tables import Table
from datareplication.jobs.model.volume import Inventory
from datareplication.jobs.postgres import (
    catalog,
    checksum,
    graph,
    large_objects,
    owners,
    source,
    unlocked,
    unplanned,
    untrusted,
)
from datareplication.jobs.postgres import left_behind as left
from datareplication.jobs.postgres.connection import Session, for_tools, login
from datareplication.jobs.postgres.source import Exported
from datareplication.jobs.snapshot import below, lock, store
from datareplication.jobs.snapshot.hashing import hashed_file
from datareplication.jobs.snapshot.store import Draft

if TYPE_CHECKING:
    from datareplication.jobs.model.masking.masking import Masking

PROGRAM = "datareplication-dump"


def dump(given: DumpSettings, frame: Frame) -> Report:
    """Write the snapshot and return the report. If this run has already published it, only report it again."""
    patterns = Patterns(given.include, given.exclude, given.schema_only)
    manifest = store.published(given.output, given.run.uid)
    if manifest is not None:
        frame.log.info("this run has published its snapshot already", path=str(given.output))
        lock.remove(given.output)
        volume.prune(given, None, frame)
        return report(given.output, manifest)
    present, also = volume.present(given), [worker.MASKS] if given.masking else []
    with store.draft(given.output) as draft, crew(given.workers, open_worker, frame.stop, also) as workers:
        # Another attempt, which held the lock until now, may have published the snapshot meanwhile.
        if (manifest := store.published(given.output, given.run.uid)) is None:
            manifest = _Dump(given, patterns, frame, draft, workers, present).write()
            frame.stop.check()
            draft.publish(manifest)
    frame.log.info("snapshot published", path=str(given.output), run=manifest.run.uid)
    volume.prune(given, volume.with_published(present, given, manifest), frame)
    return report(given.output, manifest)


@dataclass(frozen=True)
class _Dump:
    """One dump under way. present: what was on the volume before."""

    given: DumpSettings
    patterns: Patterns
    frame: Frame
    draft: Draft
    workers: Crew[Task, Result]
    present: Inventory | None
    started: float = field(default_factory=time.monotonic)

    def write(self) -> Manifest:
        """Write all files; return the manifest."""
        tally = Tally(self.frame.log)
        given, frame, application = self.given, self.frame, self._application
        session = source.opened(given.source, application, given.care.lock_timeout_seconds)
        watch = Watch(given.care, given.source, application, frame, tally)
        with contextlib.closing(session), frame.stop.interrupting(session.cancel), watch:
            identity = source.identity(session)
            pg_dump = tools.choose_dump(tools.installed("pg_dump"), identity.server_version // 10000)
            refusal.what_cannot_be_dumped(session, self._select(session))
            tally.phase("Schema")
            with source.exported(session, lambda: self._select(session)) as exported:
                watch.snapshot_taken()
                seen = self._seen(session, identity, pg_dump, exported)
                size = sum(table.bytes for table in seen.copied)
                volume.make_room(self.given, self.present, self.draft.root, size, self.frame)
                with contextlib.ExitStack() as stack:
                    archives = [stack.enter_context(one) for one in self._archives(seen)]
                    schema = Settling(archives[0], lambda: self._changed(seen))
                    done = self._copy(seen, [schema, *archives[1:]], tally)
                    for archive in archives:
                        archive.wait(self.frame.stop, lambda: tally.moved(0))
                    schema.check()
                tally.phase("Publishing")
                return self._manifest(session, seen, done)

    def _select(self, session: Session) -> Selection:
        return selection.select(graph.read(session), self.patterns) if self.patterns else Selection()

    def _seen(self, session: Session, identity: manifests.Source, pg_dump: Tool, exported: Exported) -> Seen:
        """Return what is to be dumped, as the snapshot sees it, after the last checks."""
        selected, taken, never = exported.selection, exported.snapshot, unplanned.tables(session)
        selection.refuse_dependents(selected, graph.dependents(session, selected.left_out_oids))
        seen = Seen(
            identity=identity,
            snapshot=taken,
            tables=exported.tables,
            selection=selected,
            sequences=catalog.sequences(session, selected.left_out_oids),
            large_objects=large_objects.count(session),
            pg_dump=pg_dump,
            settings=source.own_settings(self.given.source, self._application),
            for_tools=for_tools(session),
            views=filling.decide(catalog.materialized_views(session), selected.rowless_oids),
            masking=None,
            unplanned=never,
            versions=unlocked.versions(session),
        )
        refusal.unlogged_on_standby(seen.copied, is_standby=identity.is_standby)
        if self.given.masking:
            seen = replace(seen, masking=self._decided(session, exported, never))
        self.frame.log.info("snapshot taken", snapshot_time=taken.time, lsn=taken.lsn, tables=len(seen.copied))
        omitted = omission.omitted_by(selected, seen.views.unfilled)
        if left_out := omission.describe(omitted):
            self.frame.log.warning("not copied", what=left_out, **omission.named(omitted))
        return seen

    def _decided(self, session: Session, exported: Exported, never: Collection[int]) -> "Masking | None":
        # A dump without masks does not load the modules of masking, and starts some 50 ms sooner.
        from datareplication.jobs.dump.masking import deciding  # noqa: PLC0415

        return deciding.decided(
            self.given.masking, deciding.Source(session, exported, never, self._opened), self.frame.log
        )

    def _changed(self, seen: Seen) -> str:
        with contextlib.closing(self._opened({})) as session:
            return unlocked.changed(session, seen.versions)

    def _opened(self, settings: Mapping[str, str]) -> Session:
        patience = self.given.care.lock_timeout_seconds
        return source.opened(self.given.source, self._application, patience, settings)

    def _archives(self, seen: Seen) -> Iterator[Running]:
        """Start pg_dump for the schema, and again for the large objects if there are any."""
        yield self._pg_dump(seen, contents.ARCHIVE, self._schema_arguments(seen))
        if seen.large_objects:
            arguments = large_object_archive.dump_options(seen.snapshot.id, self.given.compression)
            yield self._pg_dump(seen, contents.LARGE_OBJECTS, arguments)

    def _pg_dump(self, seen: Seen, path: str, arguments: Sequence[str]) -> Running:
        with self.draft.made(path) as made:
            file = ["--no-sync", f"--file={below.path_of(made)}"]  # hashed_file waits until it is on the disk
            return Running(seen.pg_dump, [*arguments, *file], self._login(seen), passed=[made])

    def _copy(self, seen: Seen, archives: Sequence[Running | Settling], tally: Tally) -> Results:
        """Write all parts while pg_dump is at work."""
        given = self.given
        encoding = seen.identity.csv_encoding
        tasks = splitting.parts(seen.copied, given.workers, given.compression, encoding, seen.unplanned)
        tables = [table for table in seen.copied if table.kind != "PartitionedTable"]
        rows, size = sum(table.estimated_rows for table in tables), volume.expected_bytes(given, self.present)
        tally.expect(len(tables), [task.oid for task in tasks], rows, size)
        tally.phase("Data")
        done = Results()

        def hear(result: Result | None, moved: int) -> None:
            for archive in archives:
                archive.check()
            tally.moved(moved)
            if result is not None:
                done.add(result)
            if isinstance(result, Written):
                self.draft.written(result.part.path)
                tally.done(result.oid, result.part.rows)

        # A table without a file gets no task: if no table has a file, there is no worker.
        parted = {task.oid for task in tasks}
        self.workers.open(self._worker_config(seen), len(tasks))
        self.workers.perform([*tasks, *_samples(seen, [table for table in tables if table.oid in parted])], hear)
        if given.checksum:
            unparted = [table for table in seen.tables if table.kind == "Table" and table.oid not in parted]
            done.sums |= {table.oid: checksum.EMPTY for table in unparted}
            tally.phase("Verifying")
            filled = [table for table in tables if table.kind == "Table" and table.oid in parted]
            self.workers.perform(worker.sums(filled, encoding), hear)
        return done

    def _worker_config(self, seen: Seen) -> WorkerConfig:
        given, patience = self.given, self.given.care.lock_timeout_seconds
        place, choice = (seen.snapshot.id, self.draft.root), (given.compression, seen.masking)
        return WorkerConfig(given.source, self._application, patience, *place, *choice)

    def _manifest(self, session: Session, seen: Seen, done: Results) -> Manifest:
        run = self.given.run
        relations = worker.relations(seen.tables, done.written, done.sums)
        interval = (self.given.data_interval_start, self.given.data_interval_end)
        schema = self._schema(session, seen, relations)
        gate, seal = self._leak_gate(seen, done)
        return Manifest(
            run=manifests.Run(run.uid or str(uuid.uuid4()), run.name, run.replication, *interval),
            source=seen.identity,
            snapshot_time=seen.snapshot.time,
            lsn=seen.snapshot.lsn,
            compression=self.given.compression,
            schema=schema,
            relations=relations,
            sequences=seen.sequences,
            tool_version=tool_version(),
            duration_seconds=round(time.monotonic() - self.started, 3),
            large_objects=self._large_objects(seen),
            omitted=omission.omitted_by(seen.selection, seen.views.unfilled),
            not_carried=_not_carried(session, schema),
            masked=seen.masking.stamp(seal) if seen.masking else None,
            leak_gate=gate,
        )

    def _leak_gate(self, seen: Seen, done: Results) -> tuple[Part | None, str]:
        if seen.masking is None:
            return None, ""
        from datareplication.jobs.dump.masking import masks  # noqa: PLC0415

        return masks.write_gate(self.draft, seen, done.sampled, self.frame.log, self.frame.stop)

    def _large_objects(self, seen: Seen) -> LargeObjects | None:
        if not seen.large_objects:
            return None
        return LargeObjects(
            hashed_file(self.draft.root, contents.LARGE_OBJECTS, self.frame.stop.check), seen.large_objects
        )

    def _schema(self, session: Session, seen: Seen, relations: tuple[Relation, ...]) -> manifests.Schema:
        return manifests.Schema(
            archive=hashed_file(self.draft.root, contents.ARCHIVE, self.frame.stop.check),
            pg_dump_version=seen.pg_dump.version,
            fingerprint=manifests.fingerprint(relations),
            roles=catalog.roles(session, seen.selection.left_out_oids),
            extensions=catalog.extensions(session),
            materialized_views=seen.views.filled,
            has_public=catalog.has_public_schema(session),
            settings=seen.settings,
            ownership=owners.read(session),
            only_superusers=untrusted.only_superusers(session),
        )

    def _schema_arguments(self, seen: Seen) -> list[str]:
        patience, encoding = self.given.care.lock_timeout_seconds, seen.identity.csv_encoding
        return schema_archive.dump_options(seen.snapshot.id, seen.selection, encoding, patience)

    def _login(self, seen: Seen) -> Login:
        return login(self.given.source, self._application, seen.for_tools)

    @property
    def _application(self) -> str:
        return application_name(PROGRAM, self.given.run.name)


def _samples(seen: Seen, tables: Sequence[Table]) -> Sequence[Task]:
    if seen.masking is None:
        return []
    from datareplication.jobs.dump.masking import masks  # noqa: PLC0415

    return masks.samples(seen.masking, tables)


def _not_carried(session: Session, schema: manifests.Schema) -> tuple[str, ...]:
    return left_behind.describe({left_behind.ROLES: [role.name for role in schema.roles], **left.read(session)})
