"""datareplication-load: one snapshot into one target, all of it or nothing.

It does what comes before a target is touched: the snapshot's checks, the lock, the guard, the rights. The strategy does
the rest.
"""

import contextlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from datareplication.core import words
from datareplication.core.report import Report
from datareplication.errors import DataError, ReplicationError, UsageError
from datareplication.jobs.frame import tools
from datareplication.jobs.frame.program import Frame
from datareplication.jobs.frame.tally import Tally
from datareplication.jobs.load import facts, guard, rights, rollback, sessions, unmasked
from datareplication.jobs.load.guard import Facts
from datareplication.jobs.load.inplace.steps import InPlace
from datareplication.jobs.load.outcome import Replaced
from datareplication.jobs.load.rights import Wants
from datareplication.jobs.load.swap import leftovers, siblings
from datareplication.jobs.load.swap.building import Building
from datareplication.jobs.load.swap.steps import Swap
from datareplication.jobs.model import omission
from datareplication.jobs.model.databases import NEXT_SUFFIX
from datareplication.jobs.model.manifest import Manifest
from datareplication.jobs.model.settings import LoadSettings
from datareplication.jobs.postgres import afterload, builders, databases, target
from datareplication.jobs.postgres.connection import Session
from datareplication.jobs.snapshot import store
from datareplication.jobs.snapshot.archives import Archives

if TYPE_CHECKING:
    from datareplication.jobs.load.searching import Known


def load(given: LoadSettings, frame: Frame) -> Report:
    """Replace the target by the snapshot, or roll it back; if this run has already done so, only report it again."""
    if given.is_rollback:
        return rollback.roll_back(given, frame)
    refuse_unsupported(given)
    script = afterload.read(given.after_load)
    manifest = checked_manifest(given)
    archives = store.check_files(given.input, manifest, frame.stop.check)
    leaks = _leaks(given, manifest, archives) if manifest.masked or given.masking_key else None
    name = facts.target_name(given)
    tally = Tally(frame.log)
    with contextlib.closing(sessions.maintenance(given)) as session:
        build_lock, target_lock = contextlib.ExitStack(), contextlib.ExitStack()
        with build_lock, target_lock:
            run_uid = siblings.run_of(given, manifest)
            build_lock.enter_context(siblings.build_lock(session, given, run_uid, frame.stop, tally))
            with frame.stop.interrupting(session.cancel):
                target_lock.enter_context(target.locked(session, name))
            return _Load(given, frame, manifest, archives, session, tally, build_lock, script, leaks).run()


def _leaks(given: LoadSettings, manifest: Manifest, archives: Archives) -> "Known | None":
    from datareplication.jobs.load import gate  # noqa: PLC0415 - only loads of masked snapshots need it

    return gate.known(given, manifest, archives)


def refuse_unsupported(given: LoadSettings) -> None:
    """Raise UsageError for a setting that this version accepts but does not support; it is never ignored."""
    if given.keep_previous > 1:
        raise UsageError("not supported by this version yet: --keep-previous above 1", reason="NotSupportedYet")


def checked_manifest(given: LoadSettings) -> Manifest:
    """Return the snapshot's manifest if this run may load it; else raise DataError."""
    manifest = store.read_manifest(given.input)
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
    if given.verify == "Checksum" and not manifest.has_checksums:
        text = "the snapshot has no checksums of its tables: dump it with --checksum, or load it with --verify Rows"
        raise DataError(text, reason="NoChecksums")
    return manifest


@dataclass(frozen=True)
class _Load:
    """One load under way."""

    given: LoadSettings
    frame: Frame
    manifest: Manifest
    archives: Archives
    session: Session
    """To the maintenance database; it holds the target's lock."""
    tally: Tally
    build_lock: contextlib.ExitStack
    """The lock of all siblings; the strategy releases it early."""
    script: str = field(default="", repr=False)
    """The after-load SQL."""
    leaks: "Known | None" = None
    """What must not be in the target; None if the snapshot is not masked."""

    def run(self) -> Report:
        """Load; after a permanent error, drop a clone that would otherwise never be used."""
        try:
            return self._run()
        except ReplicationError as error:
            if not error.is_transient:
                self._discard_clone()
            raise

    def _run(self) -> Report:
        """Check that the target may be replaced, and let the strategy do it."""
        given, manifest = self.given, self.manifest
        found = facts.look(given, self.session)
        database = found.database
        if found.is_loaded_by(given.run.uid):
            self.frame.log.info("this run has loaded the target already", database=database.name)
            beside = [found.previous.database.oid] if found.previous else []
            # Killed right after the swap, an attempt may have left the database before the previous one.
            leftovers.drop(self.session, database.obsolete_name, self.frame.log)
            builders.sweep(self.session, [database.oid, *beside])
            self._drop_unmasked()
            return _report(given, manifest, found.provenance.duration_seconds if found.provenance else 0.0)
        strategy = self._in_place(found) if given.strategy == "InPlace" else self._swap(found)
        if unfilled := omission.describe_unfilled(manifest.omitted):
            self.frame.log.warning(unfilled, unfilled=manifest.omitted.unfilled)
        replaced = strategy.run()
        self.frame.log.info("target replaced", database=database.name, strategy=given.strategy)
        if remark := self._drop_unmasked():
            replaced = replace(replaced, remarks=(*replaced.remarks, remark))
        return _report(given, manifest, replaced.provenance.duration_seconds, replaced)

    def _drop_unmasked(self) -> str:
        return unmasked.drop_previous(self.given, self.session, self.frame.log) if self.manifest.masked else ""

    def _discard_clone(self) -> None:
        name = facts.target_name(self.given) + NEXT_SUFFIX
        if siblings.clone(self.session, name, siblings.run_of(self.given, self.manifest)):
            databases.drop(self.session, name)

    def _swap(self, found: Facts) -> Swap:
        given, manifest, server, database = self.given, self.manifest, found.server, found.database
        is_any, is_physical = given.overwrite == "Any", given.is_physical_clone_of_source
        guard.check(manifest.source, found, may_overwrite_any=is_any, is_physical_clone=is_physical)
        rights.check(_wants(given, manifest, self.session, found))
        afterload.check_syntax(self.session, self.script)
        major = server.version // 10000
        pg_restore = tools.choose_restore(tools.installed("pg_restore"), manifest.schema.pg_dump_version, major)
        building = Building(
            given,
            self.frame,
            manifest,
            self.archives,
            server,
            database,
            pg_restore,
            self.tally,
            self.script,
            self.leaks,
        )
        return Swap(building, self.session, self.build_lock, found.previous.database if found.previous else None)

    def _in_place(self, found: Facts) -> InPlace:
        given, source = self.given, self.manifest.source
        is_any, is_physical = given.overwrite == "Any", given.is_physical_clone_of_source
        guard.check_in_place(source, found, may_overwrite_any=is_any, is_physical_clone=is_physical)
        afterload.check_syntax(self.session, self.script)
        return InPlace(given, self.frame, self.manifest, self.session, found, self.tally, self.script, self.leaks)


def _wants(given: LoadSettings, manifest: Manifest, session: Session, found: Facts) -> Wants:
    server, database, previous = found.server, found.database, found.previous
    roles = rights.needed(manifest.schema.roles, given.owners, given.grants)
    missing, superuser = target.extension_problems(session, manifest.schema.extensions)
    return Wants(
        server=server,
        owner=database.owner,
        is_owner=target.can_act_as(session, database.owner, server.version),
        closed_tablespace=None if target.can_use_tablespace(session, database) else database.tablespace,
        owners=[role.name for role in roles if role.owns],
        missing_roles=target.missing_roles(session, roles),
        foreign_sessions=target.foreign_sessions(session, database.name),
        missing_extensions=missing,
        superuser_extensions=superuser,
        closed_previous=previous.database.name
        if previous and not target.can_act_as(session, previous.database.owner, server.version)
        else None,
        default_privileges=[role.name for role in roles if "DefaultPrivileges" in role.uses],
    )


def _report(
    given: LoadSettings, manifest: Manifest, duration_seconds: float, replaced: Replaced | None = None
) -> Report:
    message = f"{manifest.tables} tables, {words.count(manifest.rows)} rows"
    if replaced and replaced.not_carried:
        message += f"; not carried over: {'; '.join(replaced.not_carried)}"
    if replaced and replaced.remarks:
        message += f"; {'; '.join(replaced.remarks)}"
    if unfilled := omission.describe_unfilled(manifest.omitted):
        message += f"; {unfilled}"
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
        masked=manifest.masked.description if manifest.masked else "",
    )
