"""Settings of sessions: those that all sessions of the programs pin, and those that affect the rows of views.

Settings of a role, a database, a server's file or the environment must not change the meaning of text, neither when it
is read nor when it is written. This module has the names and values.
"""

from collections.abc import Mapping

from datareplication.jobs.model.databases import Server

PINNED: Mapping[str, str] = {
    # First: as which role the session acts, how names are looked up, and that no setting keeps it from starting.
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
    # What the planner evaluates: with `on` it would run CHECK constraints, as the session's role.
    "constraint_exclusion": "partition",
    # The properties of a transaction, and where objects are created.
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "default_transaction_deferrable": "off",
    "default_tablespace": "",
    "default_table_access_method": "heap",
    # How long statements and waits may take: the programs have deadlines of their own.
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
"""Settings with which all sessions start: PostgreSQL's usual values, except settings that pg_dump sets too, the time
zone and the keepalives. Settings that are only in SHAPING matter only to queries of views and to after-load SQL."""

NEWER: Mapping[str, str] = {
    "transaction_timeout": "0",
    "icu_validation_level": "warning",
    "restrict_nonsystem_relation_kind": "",
}
"""Settings that not all supported servers know; a server refuses a startup packet with an unknown setting."""

RESTRICTED: Mapping[str, str] = {"restrict_nonsystem_relation_kind": "view, foreign-table"}
"""For sessions that read tables of others: if an owner replaces a table by a view or a foreign table, its code must not
run (CVE-2024-7348). Servers know this setting from the minor releases of August 2024 on."""

STARTUP_ONLY = frozenset({"role", "local_preload_libraries", "ignore_system_indexes", "post_auth_delay"})
"""Settings that cannot be set later. `role` can, but is not in pg_settings like the others."""

SUPERUSERS: Mapping[str, str] = {
    "session_replication_role": "origin",
    "zero_damaged_pages": "off",
    "ignore_checksum_failure": "off",
    "allow_system_table_mods": "off",
    "lc_messages": "C",
}
"""Settings that only superusers may set, or roles with a grant; a superuser can set them for any role."""

HARMFUL = frozenset({"session_replication_role", "zero_damaged_pages", "ignore_checksum_failure"})
"""Those of SUPERUSERS that may lose rows or checks. If one has another value and the role may not change it, the
session cannot be used."""

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
"""Settings that affect the rows of a view: the day of a point in time depends on the time zone, and a policy may hide
rows from a view's owner."""

DECIDING_TEXT = frozenset({"IntervalStyle", "lc_monetary", "xmloption", "row_security"})
"""Those of SHAPING that affect how a snapshot's text is read, or whether rows are accepted. The others only affect the
code of users: the snapshot's text has the same meaning with all their values, since times have an offset and dates are
in ISO format."""

UNSHAPED: Mapping[str, str] = {name: value for name, value in PINNED.items() if name not in SHAPING}
"""What a session pins if it must see rows as other programs do."""

EVENT_TRIGGERS_SINCE = 170000
"""Servers from this version on have the setting event_triggers. Only superusers may set it."""


def quiet(server: Server) -> dict[str, str]:
    """Return settings that stop a database's event triggers for logins from running code in our sessions."""
    is_known = server.version >= EVENT_TRIGGERS_SINCE and server.is_superuser
    return {"event_triggers": "off"} if is_known else {}


def options(settings: Mapping[str, str]) -> str:
    """Return the value of libpq's parameter `options` that sets these for a session."""
    return " ".join(f"-c {name}={_escaped(value)}" for name, value in settings.items())


def _escaped(value: str) -> str:
    # The server splits the options at blanks.
    return value.replace("\\", "\\\\").replace(" ", "\\ ")
