"""Settings of sessions: those that every session of the programs pins, and those that a database's own sessions have.

What a role, a database, a server's file or the environment says must not change what text means on its way out or in.
It owns the names and values. It refuses to know what a session is for.
"""

from collections.abc import Mapping

from datareplication.jobs.model.databases import Server

PINNED: Mapping[str, str] = {
    # First of all: who it is, what is looked up by name, and that nothing of a role's keeps it from starting.
    "role": "none",
    "search_path": "",
    "local_preload_libraries": "",
    "exit_on_error": "off",
    # How values are written and read.
    "DateStyle": "ISO,MDY",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "timezone_abbreviations": "Default",
    "extra_float_digits": "3",
    "lc_monetary": "C",
    "bytea_output": "hex",
    "xmlbinary": "base64",
    "xmloption": "content",
    "array_nulls": "on",
    # How statements are read and names are written.
    "standard_conforming_strings": "on",
    "backslash_quote": "safe_encoding",
    "transform_null_equals": "off",
    "quote_all_identifiers": "off",
    "check_function_bodies": "on",
    "plpgsql.extra_errors": "none",
    "plpgsql.extra_warnings": "none",
    "plpgsql.check_asserts": "on",
    # Which rows are found, and in which order.
    "row_security": "off",
    "gin_fuzzy_search_limit": "0",
    "synchronize_seqscans": "off",
    "ignore_system_indexes": "off",
    # What the planner looks at: with `on` it evaluates CHECK constraints, as whoever asks.
    "constraint_exclusion": "partition",
    # What a transaction is, and where things are made.
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "default_transaction_deferrable": "off",
    "default_tablespace": "",
    "default_table_access_method": "heap",
    # How long things may take: the programs have deadlines of their own.
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "post_auth_delay": "0",
    "client_min_messages": "warning",
    "jit": "off",
    # The server's own keepalives free the locks of a client whose machine has gone.
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "0",
}
"""What every session starts with: PostgreSQL's usual values, but for what pg_dump sets as well, the time zone and the
keepalives. Those of SHAPING that are not here matter only to queries of views and to after-load SQL."""

NEWER: Mapping[str, str] = {
    "transaction_timeout": "0",
    "icu_validation_level": "warning",
    "restrict_nonsystem_relation_kind": "",
}
"""Those that not all supported servers know; a startup packet with an unknown one is refused."""

RESTRICTED: Mapping[str, str] = {"restrict_nonsystem_relation_kind": "view, foreign-table"}
"""For sessions among tables of strangers: one that somebody swaps for a view or a foreign table must not run its code
(CVE-2024-7348). Servers know it from the minor releases of August 2024 on."""

STARTUP_ONLY = frozenset({"role", "local_preload_libraries", "ignore_system_indexes", "post_auth_delay"})
"""What cannot be set later. Whom a session acts as can, but not be asked for like the others."""

SUPERUSERS: Mapping[str, str] = {
    "session_replication_role": "origin",
    "zero_damaged_pages": "off",
    "ignore_checksum_failure": "off",
    "allow_system_table_mods": "off",
    "lc_messages": "C",
}
"""Those that only superusers may set, or who was granted it; a superuser can give them to any role."""

HARMFUL = frozenset({"session_replication_role", "zero_damaged_pages", "ignore_checksum_failure"})
"""Those of them under which rows or checks get lost: with another value that it may not change a session is useless."""

SHAPING = (
    "DateStyle",
    "IntervalStyle",
    "TimeZone",
    "timezone_abbreviations",
    "extra_float_digits",
    "lc_monetary",
    "lc_numeric",
    "lc_time",
    "bytea_output",
    "xmlbinary",
    "xmloption",
    "default_text_search_config",
    "row_security",
)
"""Those by which a view's query gives other rows: a day of a point in time depends on the time zone, and a
policy hides rows from a view's owner."""

DECIDING_TEXT = frozenset({"IntervalStyle", "lc_monetary", "xmloption", "row_security"})
"""Those of them that decide how a snapshot's text is read, or whether rows come in. The others decide only what code of
users makes of the values, since the text itself is the same under all: points in time have their offset, days are ISO.
"""

UNSHAPED: Mapping[str, str] = {name: value for name, value in PINNED.items() if name not in SHAPING}
"""What a session pins that is to see rows as any other program's would."""


EVENT_TRIGGERS_SINCE = 170000
"""The setting event_triggers, for superusers, who alone make such triggers."""


def quiet(server: Server) -> dict[str, str]:
    """Return settings that keep a database from running code when our sessions connect to it (event login)."""
    is_known = server.version >= EVENT_TRIGGERS_SINCE and server.is_superuser
    return {"event_triggers": "off"} if is_known else {}


def options(settings: Mapping[str, str]) -> str:
    """Return libpq's `options` that set these for a session."""
    return " ".join(f"-c {name}={_escaped(value)}" for name, value in settings.items())


def _escaped(value: str) -> str:
    # As the server splits them.
    return value.replace("\\", "\\\\").replace(" ", "\\ ")
