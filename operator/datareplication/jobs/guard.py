"""The overwrite guard: may this snapshot replace this database? Pure: facts in, an error or nothing out.

It owns the rule that a target is known by its identity (system identifier and database), never by a host name.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from datareplication.errors import CapabilityError, GuardError
from datareplication.jobs.manifest import Source
from datareplication.jobs.postgres.databases import LONGEST_NAME_BYTES, Database
from datareplication.jobs.postgres.provenance import Provenance
from datareplication.jobs.postgres.target import Server


@dataclass(frozen=True)
class Facts:
    """What the guard looks at.

    filled_tables: some of the target's tables that hold data. obstacles: (what, remedy). previous_oid: of an existing
    `<db>__previous`.
    """

    server: Server
    database: Database
    provenance: Provenance | None
    filled_tables: Sequence[str]
    obstacles: Sequence[tuple[str, str]]
    previous_oid: int | None

    @property
    def is_ours(self) -> bool:
        """Whether a load put its content here; a copy of such a database elsewhere is not ours."""
        found, here = self.provenance, (self.server.system_identifier, self.database.name)
        return found is not None and (found.target_system_identifier, found.target_database) == here

    def is_loaded_by(self, run_uid: str) -> bool:
        """Whether this run has loaded it already."""
        return bool(run_uid) and self.provenance is not None and self.is_ours and self.provenance.run_uid == run_uid


def check(source: Source, facts: Facts, *, may_overwrite_any: bool, is_clone: bool) -> None:
    """Raise GuardError, or CapabilityError for the server's version, when the target must not be replaced."""
    database = facts.database
    # The load drops and renames the two others, whatever they hold.
    _check_not_the_source(source, facts, {database.name, database.next_name, database.previous_name}, is_clone)
    _check_server(source, facts)
    _check_database(facts)
    if facts.filled_tables and not may_overwrite_any and not facts.is_ours:
        _refuse_data(facts, f"replaces it and keeps it as {database.previous_name}")


def check_in_place(source: Source, facts: Facts, *, may_overwrite_any: bool, is_clone: bool) -> None:
    """Do as check() for a load that replaces rows: it makes, renames and drops no database."""
    _check_not_the_source(source, facts, {facts.database.name}, is_clone)
    _check_server(source, facts)
    if facts.filled_tables and not may_overwrite_any and not facts.is_ours:
        _refuse_data(facts, "replaces the rows of all tables of the snapshot, and keeps none")


def _check_not_the_source(source: Source, facts: Facts, names: Collection[str], is_clone: bool) -> None:
    server = facts.server
    if server.system_identifier != source.system_identifier or source.database not in names:
        return
    identity = f"database {source.database} of the server with system identifier {source.system_identifier}"
    if not is_clone:
        text = f"the target is the source: {identity}"
        remedy = "a physical clone of the source needs physicalCloneOfSource: true"
        raise GuardError(f"{text}; {remedy}", reason="TargetIsSource")
    if server.postmaster_started == source.postmaster_started:
        text = (
            f"the target is no clone of the source but the source itself: {identity}, and started at the same instant"
        )
        raise GuardError(text, reason="TargetIsSource")


def _check_server(source: Source, facts: Facts) -> None:
    if facts.server.is_standby:
        text = "the target's server is a standby, which cannot be written: give its primary's address"
        raise GuardError(text, reason="TargetIsStandby")
    major, source_major = facts.server.version // 10000, source.server_version // 10000
    if major < source_major:
        text = f"the target is PostgreSQL {major}, older than the source ({source_major}): upgrade the target"
        raise CapabilityError(text, reason="TargetTooOld")


def _check_database(facts: Facts) -> None:
    database = facts.database
    if len(database.name.encode()) > LONGEST_NAME_BYTES:
        text = f"the name of database {database.name} is longer than {LONGEST_NAME_BYTES} bytes: no room for __previous"
        raise GuardError(text, reason="NameTooLong")
    if database.is_template:
        raise GuardError(f"database {database.name} is a template", reason="TargetIsTemplate")
    if facts.obstacles:
        what, remedy = facts.obstacles[0]
        text = f"database {database.name} (or its __previous) cannot be replaced while it has {what}: {remedy}"
        raise GuardError(text, reason="TargetInUse")
    known = facts.provenance.previous_database if facts.provenance else None
    if facts.previous_oid is not None and facts.previous_oid != known:
        text = f"database {database.previous_name} exists and was not left by a load: rename or drop it"
        raise GuardError(text, reason="PreviousNotOurs")


def _refuse_data(facts: Facts, consequence: str) -> None:
    name = facts.database.name
    if facts.provenance is None:
        text = f"database {name} holds data that no load of ours put there ({', '.join(facts.filled_tables)}, …)"
    else:
        text = f"database {name} is a copy of one that was loaded elsewhere ({facts.provenance.target_database})"
    raise GuardError(f"{text}; overwrite: Any (--overwrite Any) {consequence}", reason="TargetHoldsData")
