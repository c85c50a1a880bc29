"""datareplication-load: one snapshot into one target, all of it or nothing.

It owns what comes before a target is touched: the snapshot's checks, the lock, the guard, the rights. The strategy does
the rest.
"""

import contextlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from datareplication.core.report import Report
from datareplication.errors import DataError, UsageError
from datareplication.jobs import facts, guard, program, rights, rollback, settings, snapshot, tools
from datareplication.jobs.identity import application_name
from datareplication.jobs.manifest import Manifest
from datareplication.jobs.postgres import target
from datareplication.jobs.postgres.connection import Session, connect
from datareplication.jobs.postgres.conninfo import parameters
from datareplication.jobs.postgres.databases import Database
from datareplication.jobs.postgres.target import Server
from datareplication.jobs.program import Frame
from datareplication.jobs.rights import Wants
from datareplication.jobs.settings import LoadSettings
from datareplication.jobs.swap import PROGRAM, Swap
from datareplication.jobs.tally import Tally


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; return its exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    return program.run(lambda: settings.parse_load(arguments, os.environ), load, os.environ)


def load(given: LoadSettings, frame: Frame) -> Report:
    """Replace the target by the snapshot, or roll it back. What this run has done already is reported again."""
    if given.is_rollback:
        return rollback.roll_back(given, frame)
    settings.refuse_unsupported_load(given)
    manifest = checked_manifest(given)
    name = parameters(given.target)["dbname"]
    if name == given.maintenance_database:
        text = f"database {name} cannot be the target and the maintenance database at once (--maintenance-database)"
        raise UsageError(text)
    tally = Tally(frame.log)
    application = application_name(PROGRAM, given.run.name)
    with contextlib.closing(connect(given.target, application, given.maintenance_database)) as session:
        lock = contextlib.ExitStack()
        with frame.stop.interrupting(session.cancel):
            lock.enter_context(target.locked(session, name))
        with lock:
            return _Load(given, frame, manifest, session, tally).run()


def checked_manifest(given: LoadSettings) -> Manifest:
    """Return the snapshot's manifest if it is complete and this run may load it; else raise DataError."""
    manifest = snapshot.read_manifest(given.input)
    run, wanted = manifest.run, given.run
    if given.is_any_run:
        if wanted.replication and run.replication != wanted.replication:
            theirs = run.replication or "no DataReplication"
            text = f"{given.input} is a snapshot of {theirs}, not of {wanted.replication}"
            raise DataError(text, reason="OtherReplicationsSnapshot")
    elif wanted.uid and run.uid != wanted.uid:
        theirs, ours = run.name or run.uid, wanted.name or wanted.uid
        text = f"{given.input} belongs to run {theirs}, not to {ours}; --any-run accepts it"
        raise DataError(text, reason="OtherRunsSnapshot")
    snapshot.check_files(given.input, manifest)
    return manifest


@dataclass(frozen=True)
class _Load:
    """One load under way. session: to the maintenance database, holding the target's lock."""

    given: LoadSettings
    frame: Frame
    manifest: Manifest
    session: Session
    tally: Tally

    def run(self) -> Report:
        """Check that the target may be replaced, and let the strategy do it."""
        given, manifest = self.given, self.manifest
        found = facts.look(given, self.session)
        server, database = found.server, found.database
        if found.is_loaded_by(given.run.uid) and found.provenance:
            self.frame.log.info("this run has loaded the target already", database=database.name)
            return _report(given, manifest, found.provenance.duration_seconds)
        is_any = given.overwrite == "Any"
        guard.check(manifest.source, found, may_overwrite_any=is_any, is_clone=given.is_physical_clone_of_source)
        rights.check(_wants(manifest, self.session, server, database))
        major = server.version // 10000
        pg_restore = tools.choose_restore(tools.found("pg_restore"), manifest.schema.pg_dump_version, major)
        swap = Swap(given, self.frame, manifest, self.session, server, database, pg_restore, self.tally)
        replaced = swap.run()
        self.frame.log.info("target replaced", database=database.name, previous=database.previous_name)
        return _report(given, manifest, replaced.provenance.duration_seconds, replaced.not_carried)


def _wants(manifest: Manifest, session: Session, server: Server, database: Database) -> Wants:
    missing, superuser = target.extension_problems(session, manifest.schema.extensions)
    return Wants(
        server=server,
        owner=database.owner,
        is_owner=target.can_act_as(session, database.owner, server.version),
        closed_tablespace=None if target.can_use_tablespace(session, database) else database.tablespace,
        owners=[role.name for role in manifest.schema.roles if role.owns],
        missing_roles=target.missing_roles(session, manifest.schema.roles),
        foreign_sessions=target.foreign_sessions(session, database.name),
        missing_extensions=missing,
        superuser_extensions=superuser,
    )


def _report(
    given: LoadSettings, manifest: Manifest, duration_seconds: float, not_carried: Sequence[str] = ()
) -> Report:
    message = f"{manifest.tables} tables, {manifest.rows} rows"
    if not_carried:
        message += f"; not carried over for want of rights: {'; '.join(not_carried)}"
    return Report(
        outcome="Succeeded",
        reason="Loaded",
        message=message,
        snapshot=str(given.input),
        snapshot_time=manifest.snapshot_time,
        lsn=manifest.lsn,
        tables=manifest.tables,
        rows=manifest.rows,
        bytes=manifest.bytes,
        duration_seconds=duration_seconds,
    )


if __name__ == "__main__":
    sys.exit(main())
