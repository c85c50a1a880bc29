"""A server and its databases, as values; the names of the databases that a load creates or keeps beside the target."""

from dataclasses import dataclass

from datareplication.core.names import PREVIOUS_SUFFIX

NEXT_SUFFIX = "__next"
OBSOLETE_SUFFIX = "__obsolete"
LONGEST_NAME_BYTES = 51
"""PostgreSQL cuts a name at 63 bytes; 12 of them are for a suffix."""

MARK = "datareplication: being loaded, dropped if the load fails"
"""Comment of `<db>__next` from its creation to the swap. It only says that the database may be dropped."""

JUST_MADE = 1_403_957_261
"""Connection limit of `<db>__next` between its creation and its mark; until then it is closed even to superusers.
Nobody else chooses this number, so it identifies a `<db>__next` that a crash left between the two."""

FIXED = ("encoding", "collate", "ctype", "provider", "locale", "icu_rules", "tablespace")
"""Properties that a database has from its creation. A clone has its template's: CREATE DATABASE cannot change them, or
only with a further right."""

OPTIONS_SINCE = 160000
"""From this version on each membership in a role has options of its own, and SET is a right of its own."""


@dataclass(frozen=True)
class Database:
    """A database as the catalogs describe it. provider: `libc`, `icu` or `builtin`. locale: for `icu` and `builtin`."""

    oid: int
    name: str
    owner: str
    encoding: str
    collate: str
    ctype: str
    provider: str | None
    locale: str | None
    icu_rules: str | None
    tablespace: str
    connection_limit: int
    allows_connections: bool
    is_template: bool
    comment: str | None

    @property
    def is_just_made(self) -> bool:
        """Whether a load has just created it, and nobody has connected to it yet."""
        return self.connection_limit == JUST_MADE and not self.allows_connections

    @property
    def next_name(self) -> str:
        """Name of the database that will replace it."""
        return self.name + NEXT_SUFFIX

    @property
    def previous_name(self) -> str:
        """Name that it gets when it is replaced."""
        return self.name + PREVIOUS_SUFFIX

    @property
    def obsolete_name(self) -> str:
        """Name that its earlier `<db>__previous` gets in the swap, until that database is dropped."""
        return self.name + OBSOLETE_SUFFIX


@dataclass(frozen=True)
class Server:
    """The target's server, and what the load's role may do there. version: server_version_num."""

    system_identifier: str
    version: int
    postmaster_started: str
    is_standby: bool
    role: str
    is_superuser: bool
    can_create_databases: bool
    can_signal: bool
