"""datareplication-dump: one consistent snapshot of production, as files.

It owns the order of the steps. PostgreSQL is behind `postgres`, the directory behind `snapshot`, pg_dump behind
`tools`.
"""

import contextlib
import os
import sys
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from datareplication.core.report import Report
from datareplication.errors import CapabilityError, RightsError
from datareplication.jobs import manifest as manifests
from datareplication.jobs import plan, program, settings, snapshot, tools
from datareplication.jobs.dumping import WorkerConfig, Written, open_worker
from datareplication.jobs.identity import application_name, tool_version
from datareplication.jobs.manifest import Manifest, Part, Relation
from datareplication.jobs.parts import hashed_file
from datareplication.jobs.plan import PartTask
from datareplication.jobs.postgres import catalog, source
from datareplication.jobs.postgres.catalog import Table
from datareplication.jobs.postgres.connection import Session
from datareplication.jobs.postgres.conninfo import parameters
from datareplication.jobs.postgres.source import Snapshot
from datareplication.jobs.program import Frame
from datareplication.jobs.settings import DumpSettings
from datareplication.jobs.snapshot import Draft
from datareplication.jobs.tally import Tally
from datareplication.jobs.tools import Login, Running
from datareplication.jobs.watch import Watch
from datareplication.jobs.workers import Crew, crew

PROGRAM = "datareplication-dump"
NAMES_IN_A_MESSAGE = 5


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; return its exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    os.umask(snapshot.UMASK)
    return program.run(lambda: settings.parse_dump(arguments, os.environ), dump, os.environ)


def dump(given: DumpSettings, frame: Frame) -> Report:
    """Write the snapshot and return what is in it. One that this run has published already is reported again."""
    settings.refuse_unsupported_dump(given)
    manifest = snapshot.published(given.output, given.run.uid)
    if manifest is not None:
        frame.log.info("this run has published its snapshot already", path=str(given.output))
        return _report(given.output, manifest)
    with snapshot.draft(given.output) as draft, crew(given.workers, open_worker, frame.stop) as workers:
        manifest = _Dump(given, frame, draft, workers).write()
        frame.stop.check()
        draft.publish(manifest)
    frame.log.info("snapshot published", path=str(given.output), run=manifest.run.uid)
    return _report(given.output, manifest)


@dataclass(frozen=True)
class _Seen:
    """What the dump is of: a database, at one instant."""

    identity: manifests.Source
    snapshot: Snapshot
    tables: Sequence[Table]
    pg_dump_version: int


@dataclass(frozen=True)
class _Dump:
    """One dump under way."""

    given: DumpSettings
    frame: Frame
    draft: Draft
    workers: Crew[PartTask, Written]
    started: float = field(default_factory=time.monotonic)

    def write(self) -> Manifest:
        """Write all files; return the manifest."""
        tally = Tally(self.frame.log)
        given, frame, application = self.given, self.frame, self._application
        session = source.opened(given.source, application, given.care.lock_timeout_seconds)
        watch = Watch(given.care, given.source, application, frame, tally)
        with contextlib.closing(session), frame.stop.interrupting(session.cancel), watch:
            identity = source.identity(session)
            pg_dump = tools.choose_dump(tools.found("pg_dump"), identity.server_version // 10000)
            _refuse_what_cannot_be_dumped(session)
            tally.phase("Schema")
            with source.exported(session) as (taken, tables):
                watch.snapshot_taken()
                seen = _Seen(identity, taken, tables, pg_dump.version)
                _refuse_unlogged_on_standby(seen)
                self.frame.log.info("snapshot taken", snapshot_time=taken.time, lsn=taken.lsn, tables=len(tables))
                with Running(pg_dump, self._schema_arguments(taken), self._login()) as schema_dump:
                    relations = self._copy(seen, schema_dump, tally)
                    schema_dump.wait(self.frame.stop, lambda: tally.moved(0))
                tally.phase("Publishing")
                return self._manifest(session, seen, relations)

    def _copy(self, seen: _Seen, schema_dump: Running, tally: Tally) -> tuple[Relation, ...]:
        """Write all parts, with pg_dump at work beside; return the relations."""
        given = self.given
        tasks = plan.parts(seen.tables, given.workers, given.compression, seen.identity.csv_encoding)
        tables = [table for table in seen.tables if table.kind == "Table"]
        tally.expect(len(tables), [task.oid for task in tasks], sum(table.estimated_rows for table in tables))
        tally.phase("Data")
        written: list[Written] = []

        def hear(result: Written | None, moved: int) -> None:
            schema_dump.check()
            tally.moved(moved)
            if result is not None:
                written.append(result)
                tally.done(result.oid, result.part.rows)

        patience = given.care.lock_timeout_seconds
        config = WorkerConfig(
            given.source, self._application, patience, seen.snapshot.id, self.draft.root, given.compression
        )
        self.workers.open(config, len(tasks))
        self.workers.perform(tasks, hear)
        return _relations(seen.tables, written)

    def _manifest(self, session: Session, seen: _Seen, relations: tuple[Relation, ...]) -> Manifest:
        run = self.given.run
        interval = (self.given.data_interval_start, self.given.data_interval_end)
        return Manifest(
            run=manifests.Run(run.uid or str(uuid.uuid4()), run.name, run.replication, *interval),
            source=seen.identity,
            snapshot_time=seen.snapshot.time,
            lsn=seen.snapshot.lsn,
            compression=self.given.compression,
            schema=self._schema(session, seen, relations),
            relations=relations,
            sequences=catalog.sequences(session),
            tool_version=tool_version(),
            duration_seconds=round(time.monotonic() - self.started, 3),
        )

    def _schema(self, session: Session, seen: _Seen, relations: tuple[Relation, ...]) -> manifests.Schema:
        return manifests.Schema(
            archive=hashed_file(self.draft.root, snapshot.ARCHIVE),
            pg_dump_version=seen.pg_dump_version,
            fingerprint=manifests.fingerprint(relations),
            roles=catalog.roles(session),
            extensions=catalog.extensions(session),
            materialized_views=catalog.materialized_views(session),
            has_public=catalog.has_public_schema(session),
        )

    def _schema_arguments(self, taken: Snapshot) -> list[str]:
        return [
            "--format=custom",
            "--schema-only",
            "--no-publications",
            "--no-subscriptions",
            f"--exclude-schema={catalog.PROVENANCE[0]}",
            f"--lock-wait-timeout={self.given.care.lock_timeout_seconds}s",
            f"--snapshot={taken.id}",
            f"--file={self.draft.root / snapshot.ARCHIVE}",
        ]

    def _login(self) -> Login:
        wanted = {**parameters(self.given.source), "application_name": self._application}
        return Login(wanted, self.given.source.password)

    @property
    def _application(self) -> str:
        return application_name(PROGRAM, self.given.run.name)


def _relations(tables: Sequence[Table], written: Sequence[Written]) -> tuple[Relation, ...]:
    parts: dict[int, list[Part]] = {table.oid: [] for table in tables}
    for one in written:
        parts[one.oid].append(one.part)
    return tuple(
        Relation(
            oid=table.oid,
            schema=table.schema,
            name=table.name,
            kind=table.kind,
            columns=table.columns,
            indexes=table.indexes,
            parts=_in_order(parts[table.oid]),
        )
        for table in tables
    )


def _in_order(parts: Sequence[Part]) -> tuple[Part, ...]:
    return tuple(sorted(parts, key=lambda part: (len(part.path), part.path)))


def _refuse_what_cannot_be_dumped(session: Session) -> None:
    if unreadable := catalog.unreadable(session):
        names = _some([name for name, _ in unreadable])
        statements = _some([f"{statement};" for statement in dict.fromkeys(statement for _, statement in unreadable)])
        text = f"the role cannot read all of {names}; as their owner or a superuser: {statements}"
        raise RightsError(f"{text} (or GRANT pg_read_all_data)", reason="CannotReadTables")
    if strangers := catalog.strangers_in_our_schema(session):
        text = f"schema {catalog.PROVENANCE[0]} is this program's own and is not copied; move out {_some(strangers)}"
        raise CapabilityError(text, reason="ReservedSchema")
    if count := catalog.large_objects(session):
        text = f"the source has {count} large objects (pg_largeobject), which this version does not carry yet"
        raise CapabilityError(text, reason="LargeObjects")
    if kept := catalog.extension_tables_with_rows(session):
        names = _some([f"{table} of extension {extension}" for extension, table in kept])
        text = f"rows that users keep in tables of extensions are not carried by this version yet: {names}"
        raise CapabilityError(text, reason="ExtensionData")


def _refuse_unlogged_on_standby(seen: _Seen) -> None:
    unlogged = [f"{table.schema}.{table.name}" for table in seen.tables if table.is_unlogged]
    if seen.identity.is_standby and unlogged:
        text = f"the source is a standby, where unlogged tables cannot be read: {_some(unlogged)}; dump its primary"
        raise CapabilityError(text, reason="UnloggedOnStandby")


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:NAMES_IN_A_MESSAGE])
    left = len(names) - NAMES_IN_A_MESSAGE
    return f"{shown} and {left} more" if left > 0 else shown


def _report(path: Path, manifest: Manifest) -> Report:
    return Report(
        outcome="Succeeded",
        reason="Dumped",
        message=f"{manifest.tables} tables, {manifest.rows} rows",
        snapshot=str(path),
        snapshot_time=manifest.snapshot_time,
        lsn=manifest.lsn,
        tables=manifest.tables,
        rows=manifest.rows,
        bytes=manifest.bytes,
        duration_seconds=manifest.duration_seconds,
    )


if __name__ == "__main__":
    sys.exit(main())
