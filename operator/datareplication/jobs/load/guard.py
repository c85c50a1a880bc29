"""The overwrite guard: may this snapshot replace this database? Pure: facts in, an error or nothing out.

A target is recognized by its identity (system identifier and database), never by a host name.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from datareplication.errors import CapabilityError, GuardError
from datareplication.jobs.model.databases import LONGEST_NAME_BYTES, Database, Server
from datareplication.jobs.model.manifest import Source
from datareplication.jobs.model.notes import loaded_by
from datareplication.jobs.model.provenance import Provenance
from datareplication.jobs.model.quoting import quoted


@dataclass(frozen=True)
class Previous:
    """`<db>__previous` as it is found."""

    database: Database
    note: str | None = None
    """The note of the load's role (postgres.notes); None if there is none."""
    provenance: Provenance | None = None
    """Where its data is from; None if it does not say, or if it was not queried."""


@dataclass(frozen=True)
class Facts:
    """What the guard looks at."""

    server: Server
    database: Database
    provenance: Provenance | None
    """From the target itself, so its owner can forge it."""
    filled_tables: Sequence[str]
    """Some of the target's tables that hold data."""
    obstacles: Sequence[tuple[str, str]]
    """(what, remedy)."""
    previous: Previous | None
    """None if there is no `<db>__previous`."""
    note: str | None = None
    """The note of the load's role on the target (postgres.notes); the target's owner cannot forge it."""

    @property
    def is_ours(self) -> bool:
        """Whether a load put the data into this very database; a copy of it elsewhere is not ours."""
        return self._is_from_here(self.provenance)

    def is_loaded_by(self, run_uid: str) -> bool:
        """Whether this run has already loaded the target, no matter which run made the snapshot."""
        return bool(run_uid) and self.note == loaded_by(run_uid)

    @property
    def is_previous_ours(self) -> bool:
        """Whether a load or a rollback left `<db>__previous`.

        A note of the load's role proves it. If another role did the load, there is no such note, but the provenance of
        the target or of `<db>__previous` says so. Anybody can forge that in a database of his own, so it counts only if
        `<db>__previous` belongs to the target's owner.
        """
        if self.previous is None:
            return False
        found, known = self.previous.database, self.provenance.previous_database if self.provenance else None
        says_so = found.oid == known or self._is_from_here(self.previous.provenance)
        return self.previous.note is not None or (says_so and found.owner == self.database.owner)

    def _is_from_here(self, found: Provenance | None) -> bool:
        here = (self.server.system_identifier, self.database.name)
        return found is not None and (found.target_system_identifier, found.target_database) == here


def check(source: Source, facts: Facts, *, may_overwrite_any: bool, is_physical_clone: bool) -> None:
    """Raise GuardError, or CapabilityError for the server's version, if the target must not be replaced."""
    database = facts.database
    # The load also drops and renames the two other databases, so the source must be none of the three.
    _check_not_the_source(source, facts, {database.name, database.next_name, database.previous_name}, is_physical_clone)
    _check_server(source, facts)
    _check_database(facts)
    if facts.filled_tables and not may_overwrite_any and not facts.is_ours:
        _refuse_data(facts, f"replaces it and keeps it as {database.previous_name}")


def check_in_place(source: Source, facts: Facts, *, may_overwrite_any: bool, is_physical_clone: bool) -> None:
    """Do the same as check() for a load in place, which creates, renames and drops no database."""
    _check_not_the_source(source, facts, {facts.database.name}, is_physical_clone)
    _check_server(source, facts)
    if facts.filled_tables and not may_overwrite_any and not facts.is_ours:
        _refuse_data(facts, "replaces the rows of all tables of the snapshot, and keeps no copy of them")


def check_code(facts: Facts, strangers: Sequence[str]) -> None:
    """Raise GuardError if a superuser loads in place and objects belong to `strangers`, roles that are no superusers.

    Functions that a table calls (CHECK, generated columns, indexes) run as the role that writes the rows.
    """
    if strangers:
        text = f"role {facts.server.role} is a superuser, and would run the code of other roles, which own objects of"
        named = f"{text} {facts.database.name}: {', '.join(strangers[:5])}"
        raise GuardError(f"{named}; load in place as the tables' owner, or use Swap", reason="WouldRunAsSuperuser")


def check_rollback(facts: Facts) -> None:
    """Raise GuardError if `<db>__previous` cannot become the target again."""
    _check_primary(facts)
    _check_database(facts)
    database, previous = facts.database, facts.previous
    if previous is None:
        text = f"there is no database {database.previous_name}: nothing to roll back to"
        raise GuardError(f"{text}; load an older snapshot (action: Load) instead", reason="NoPrevious")
    if not previous.database.allows_connections or previous.database.is_template:
        name = previous.database.name
        text = f"ALTER DATABASE {quoted(name)} ALLOW_CONNECTIONS true IS_TEMPLATE false"
        raise GuardError(f"database {name} is closed or a template: {text}", reason="PreviousClosed")


def _check_not_the_source(source: Source, facts: Facts, names: Collection[str], is_physical_clone: bool) -> None:
    server = facts.server
    if server.system_identifier != source.system_identifier or source.database not in names:
        return
    identity = f"database {source.database} of the server with system identifier {source.system_identifier}"
    if not is_physical_clone:
        text = f"the target is the source: {identity}"
        remedy = "a physical clone of the source needs physicalCloneOfSource: true"
        raise GuardError(f"{text}; {remedy}", reason="TargetIsSource")
    if server.postmaster_started == source.postmaster_started:
        text = f"the target is no clone of the source, but the source itself: {identity}, started at the same instant"
        raise GuardError(text, reason="TargetIsSource")


def _check_primary(facts: Facts) -> None:
    if facts.server.is_standby:
        text = "the target's server is a standby, which is read-only: give its primary's address"
        raise GuardError(text, reason="TargetIsStandby")


def _check_server(source: Source, facts: Facts) -> None:
    _check_primary(facts)
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
    if facts.previous is not None and not facts.is_previous_ours:
        text = f"database {database.previous_name} exists and was not left by a load: rename or drop it"
        raise GuardError(text, reason="PreviousNotOurs")


def _refuse_data(facts: Facts, consequence: str) -> None:
    name = facts.database.name
    if facts.provenance is None:
        text = f"database {name} holds data that no load of ours put there ({', '.join(facts.filled_tables)}, …)"
    else:
        text = f"database {name} is a copy of one that was loaded elsewhere ({facts.provenance.target_database})"
    raise GuardError(f"{text}; overwrite: Any (--overwrite Any) {consequence}", reason="TargetHoldsData")
