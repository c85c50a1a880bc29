"""Every setting with which a role's sessions can start is pinned, or known not to affect what is copied."""

from collections.abc import Callable

import pytest

from datareplication.jobs.model.connections import Connection
from datareplication.jobs.postgres import session_settings
from datareplication.jobs.postgres.connection import connect, rows
from support.server import PASSWORD, Server

OF_ROLES = """
    SELECT name, category FROM pg_settings
    WHERE context IN ('user', 'superuser', 'backend', 'superuser-backend') ORDER BY 1
"""

PACE_AND_ROOM = (
    "Resource Usage",
    "Query Tuning",
    "Reporting and Logging",
    "Statistics",
    "Write-Ahead Log",
    "Vacuuming",
    "Autovacuum",
    "Replication",
)
"""Categories of settings that only affect speed, plans, memory, and the server's log."""

HARMLESS = {
    "application_name": "each session says its own",
    "client_encoding": "each session says its own",
    "client_connection_check_interval": "how soon a backend sees that its client has gone",
    "transaction_deferrable": "of a transaction, not of a session",
    "transaction_isolation": "of a transaction, not of a session",
    "transaction_read_only": "of a transaction, not of a session",
    "temp_tablespaces": "where sorts that do not fit into memory go is the server's choice",
    "default_toast_compression": "how a target keeps long values is its choice",
    "file_copy_method": "how a target copies a database's files is its choice",
    "gin_pending_list_limit": "how a GIN index is kept up",
    "escape_string_warning": "a warning",
    "md5_password_warnings": "a warning",
    "vacuum_failsafe_age": "how VACUUM works",
    "vacuum_freeze_min_age": "how VACUUM works",
    "vacuum_freeze_table_age": "how VACUUM works",
    "vacuum_multixact_failsafe_age": "how VACUUM works",
    "vacuum_multixact_freeze_min_age": "how VACUUM works",
    "vacuum_multixact_freeze_table_age": "how VACUUM works",
    "password_encryption": "no password is set by a copy",
    "scram_iterations": "no password is set by a copy",
    "createrole_self_grant": "no role is made by a copy",
    "dynamic_library_path": "where a server finds its extensions",
    "extension_control_path": "where a server finds its extensions",
    "extension_destdir": "where a server finds its extensions",
    "session_preload_libraries": "an extension that a server's administrator wants in each session",
    "lo_compat_privileges": "gives rights, and large objects that cannot be read end the dump",
    "deadlock_timeout": "when a deadlock is looked for",
    "event_triggers": "off for a load's own sessions where it may",
    "allow_alter_system": "no setting of a server is changed by a copy",
    "allow_in_place_tablespaces": "no tablespace is made by a copy",
    "trace_connection_negotiation": "written to the server's log",
}

DEVELOPERS = {
    "backtrace_functions",
    "debug_copy_parse_plan_trees",
    "debug_discard_caches",
    "debug_logical_replication_streaming",
    "debug_parallel_query",
    "debug_raw_expression_coverage_test",
    "debug_write_read_parse_plan_trees",
    "force_parallel_mode",
    "jit_debugging_support",
    "jit_dump_bitcode",
    "jit_expressions",
    "jit_profiling_support",
    "jit_tuple_deforming",
    "log_btree_build_stats",
    "logical_replication_mode",
    "optimize_bounded_sort",
    "trace_locks",
    "trace_lwlocks",
    "trace_notify",
    "trace_sort",
    "trace_syncscan",
    "wal_consistency_checking",
}
"""Settings that check or trace PostgreSQL itself: they make it slower, but the rows are the same."""

DECIDED = {
    *session_settings.PINNED,
    *session_settings.NEWER,
    *session_settings.SUPERUSERS,
    *session_settings.SHAPING,
    *HARMLESS,
    *DEVELOPERS,
}


@pytest.mark.parametrize("major", [14, 15, 16, 17, 18])
def test_every_setting_of_a_role_is_decided_about(server_of: Callable[[int], Server], major: int) -> None:
    found = server_of(major).run(OF_ROLES)

    undecided = [name for name, category in found if name not in DECIDED and not category.startswith(PACE_AND_ROOM)]

    assert undecided == []


@pytest.mark.parametrize("major", [14, 15, 16, 17, 18])
def test_every_pinned_setting_holds_in_a_session(server_of: Callable[[int], Server], major: int) -> None:
    wanted = {**session_settings.PINNED, **session_settings.NEWER, **session_settings.SUPERUSERS}
    session = connect(Connection("PROD", server_of(major).conninfo(), "postgres", PASSWORD), "test")

    query = "SELECT name, current_setting(name, true) FROM unnest(%s::text[]) name"  # pg_settings does not show role
    found = {name: value for name, value in rows(session, query, [list(wanted)], doing="a test") if value is not None}

    session.close()
    unknown = {name for name in wanted if name not in found and not name.startswith("plpgsql.")}
    assert unknown <= set(session_settings.NEWER)
    assert {name: found[name] for name in wanted if name in found} == {
        **{name: value for name, value in wanted.items() if name in found},
        "DateStyle": "ISO, MDY",
        "tcp_keepalives_idle": "30",
    }
