"""A server and its databases, as values; the names that a load gives to databases beside the target's."""

from dataclasses import dataclass

NEXT_SUFFIX = "__next"
PREVIOUS_SUFFIX = "__previous"
OBSOLETE_SUFFIX = "__obsolete"
LONGEST_NAME_BYTES = 51
"""PostgreSQL cuts a name at 63 bytes; 12 are left for a suffix."""

MARK = "datareplication: being loaded, dropped if the load fails"
"""Comment of `<db>__next` from its creation to the swap. It only says that the database may be dropped."""

JUST_MADE = 1_403_957_261
"""Connection limit with which `<db>__next` is made, closed even to superusers, before it can be marked. Nobody else
chooses this number: it is the mark of one that a crash left in that instant."""

FIXED = ("encoding", "collate", "ctype", "provider", "locale", "icu_rules", "tablespace")
"""What a database is made with: what CREATE DATABASE cannot change of a template, or not without a further right."""

OPTIONS_SINCE = 160000
"""Memberships have options of their own, and SET is a right of its own."""


@dataclass(frozen=True)
class Database:
    """A database as the catalogs have it. provider: `libc`, `icu` or `builtin`; locale: of the latter two."""

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
        """Whether a load has made it, and nobody has been in it yet."""
        return self.connection_limit == JUST_MADE and not self.allows_connections

    @property
    def next_name(self) -> str:
        """Name of the database that is to replace it."""
        return self.name + NEXT_SUFFIX

    @property
    def previous_name(self) -> str:
        """Name that it gets when it is replaced."""
        return self.name + PREVIOUS_SUFFIX

    @property
    def obsolete_name(self) -> str:
        """Name that its `<db>__previous` gets when that makes room, until it is dropped."""
        return self.name + OBSOLETE_SUFFIX


@dataclass(frozen=True)
class Server:
    """The target's server, and what the load's role may do there. version: as server_version_num."""

    system_identifier: str
    version: int
    postmaster_started: str
    is_standby: bool
    role: str
    is_superuser: bool
    can_create_databases: bool
    can_signal: bool
