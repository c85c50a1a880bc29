"""Error output of pg_dump and pg_restore becomes an exit code and a message that names the place."""

import pytest

from datareplication.jobs.frame import complaints


@pytest.mark.parametrize(
    ("output", "code", "reason"),
    [
        ("pg_dump: error: could not write to output file: No space left on device", 73, "CannotWriteSnapshot"),
        (
            "pg_restore: error: could not execute query: ERROR:  could not extend file: No space left on device",
            69,
            "ServerDiskFull",
        ),
        ("pg_restore: error: could not execute query: ERROR:  permission denied for schema s", 77, "PermissionDenied"),
        ("pg_restore: error: could not execute query: ERROR:  must be owner of table t", 77, "PermissionDenied"),
        ('pg_restore: error: could not execute query: ERROR:  role "x" does not exist', 77, "MissingRole"),
        ('pg_restore: error: ... ERROR:  extension "postgis" is not available', 69, "MissingExtension"),
        ('pg_restore: error: ... ERROR:  could not create unique index "i"', 65, "ConstraintViolated"),
        ("pg_dump: error: query failed: ERROR:  canceling statement due to lock timeout", 75, "ConnectionLost"),
        ('pg_dump: error: connection to server at "x" failed: Connection refused', 75, "ConnectionLost"),
        ('pg_dump: error: query failed: ERROR:  column "x" does not exist', 69, "NotSupportedByServer"),
        (
            "pg_restore: error: could not execute query: ERROR:  function g(integer) does not exist",
            65,
            "StatementRefused",
        ),
        (
            'pg_restore: error: could not execute query: ERROR:  collation "x" for encoding "UTF8" does not exist',
            69,
            "NotSupportedByServer",
        ),
        (
            'pg_restore: error: could not execute query: ERROR:  unrecognized configuration parameter "x"',
            69,
            "NotSupportedByServer",
        ),
        (
            "pg_restore: error: could not execute query: ERROR:  compression method lz4 not supported",
            69,
            "NotSupportedByServer",
        ),
        ("pg_restore: error: could not execute query: ERROR:  anything a trigger raises", 65, "StatementRefused"),
        ("pg_restore: error: could not execute query: FEHLER:  Relation existiert nicht", 65, "StatementRefused"),
        ("pg_dump: error: query failed: ERROR:  out of shared memory", 69, "TooManyLocks"),
        ("pg_restore: error: could not execute query: ERROR:  out of memory", 69, "ServerOutOfMemory"),
        ("pg_dump: error: out of memory", 75, "OutOfMemory"),
        ("pg_restore: error: could not create worker process: Resource temporarily unavailable", 75, "OutOfMemory"),
        (
            "pg_dump: error: query failed: ERROR:  cache lookup failed for attribute 1 of relation 16384",
            75,
            "SchemaChanged",
        ),
        ("pg_dump: error: schema with OID 16384 does not exist", 75, "SchemaChanged"),
        ("pg_dump: error: query failed: ERROR:  anything else", 65, "StatementRefused"),
        ("pg_restore: error: could not read from input file: end of file", 65, "SnapshotCorrupt"),
        ("pg_restore: error: did not find magic string in file header", 65, "SnapshotCorrupt"),
        ("pg_restore: error: input file appears to be a text format dump. Please use psql.", 65, "SnapshotCorrupt"),
        ("pg_restore: error: could not uncompress data: (null)", 65, "SnapshotCorrupt"),
        (
            'pg_dump: error: query failed: ERROR:  invalid snapshot identifier: "00000002-00000024-1"',
            75,
            "SnapshotLost",
        ),
        ('pg_dump: error: query failed: ERROR:  snapshot "00000002-00000024-1" does not exist', 75, "SnapshotLost"),
        (
            "pg_dump: error: query failed: could not receive data from server: Connection reset by peer",
            75,
            "ConnectionLost",
        ),
        ("pg_restore: error: query failed: SSL SYSCALL error: EOF detected", 75, "ConnectionLost"),
        ("pg_restore: error: query failed: no connection to the server", 75, "ConnectionLost"),
        ("pg_restore: error: a worker process died unexpectedly", 75, "ToolKilled"),
        (
            'pg_restore: error: ERROR:  violates "fk"\npg_restore: error: a worker process died unexpectedly',
            65,
            "ConstraintViolated",
        ),
        (
            (
                'pg_dump: error: connection to server at "x" failed: authentication method requirement "!password" failed:'
                " server requested a cleartext password"
            ),
            77,
            "PasswordInClear",
        ),
        ('pg_dump: error: invalid connection option "sslnegotiation"', 64, "BadConnection"),
        ("pg_restore: connecting to database for restore\npg_restore: terminated by user", 75, "ToolKilled"),
        ("pg_dump: terminated by user", 75, "ToolKilled"),
        ("pg_restore: error: unsupported version (1.99) in file header", 65, "SnapshotCorrupt"),
        ("pg_restore: error: entry ID 16777310 out of range -- perhaps a corrupt TOC", 65, "SnapshotCorrupt"),
        ("pg_restore: error: sanity check on integer size (99) failed", 65, "SnapshotCorrupt"),
        ("pg_restore: error: found unexpected block ID (7) when reading data -- expected 3", 65, "SnapshotCorrupt"),
        ("pg_restore: error: something never seen", 70, "ToolFailed"),
        ("", 70, "ToolFailed"),
    ],
)
def test_what_a_tools_output_means(output: str, code: int, reason: str) -> None:
    found = complaints.failure("pg_restore", 1, output)
    assert (found.exit_code, found.reason) == (code, reason)


def test_rows_are_not_quoted() -> None:
    output = (
        'pg_restore: error: could not execute query: ERROR:  violates "fk"\nDETAIL:  Key (email)=(a@b) is not present'
    )
    assert "a@b" not in complaints.failure("pg_restore", 1, output).message


OUTPUT = """\
pg_restore: connecting to database for restore
pg_restore: creating TABLE "public.error: of a kind"
pg_restore: creating CAST "CAST (integer AS public.casttesttype)"
pg_restore: while PROCESSING TOC:
pg_restore: from TOC entry 2619; 2605 16391 CAST CAST (integer AS public.casttesttype)\x20
pg_restore: error: could not execute query: ERROR:  function public.f(integer) does not exist
DETAIL:  Key (email)=(a@b)
CONTEXT:  row (a@b)
Command was: CREATE CAST (integer AS public.casttesttype) WITH FUNCTION public.f(integer) AS IMPLICIT;
-- a@b


pg_restore: error: a worker process died unexpectedly
"""


def test_a_failing_entry_is_named_with_its_statements_first_line() -> None:
    found = complaints.failure("pg_restore", 1, OUTPUT)
    assert (found.exit_code, found.reason) == (65, "StatementRefused")
    where = (
        "(entry CAST CAST (integer AS public.casttesttype), statement CREATE CAST (integer AS public.casttesttype) WITH"
    )
    assert where in found.message
    assert "a@b" not in found.message
    assert "of a kind" not in found.message


def test_too_many_locks_are_answered_with_the_setting() -> None:
    output = "pg_dump: error: query failed: ERROR:  out of shared memory\nHINT:  You might need something."
    assert "max_locks_per_transaction" in complaints.failure("pg_dump", 1, output).message


def test_a_name_that_sounds_like_an_error_decides_nothing() -> None:
    output = OUTPUT.replace("casttesttype", "permission denied").replace("of a kind", "No space left on device")
    assert complaints.failure("pg_restore", 1, output).reason == "StatementRefused"


def test_a_killed_tool_is_worth_another_attempt() -> None:
    assert complaints.failure("pg_dump", -9, "").exit_code == 75


def test_grants_that_the_server_only_warns_of_are_known() -> None:
    output = """pg_restore: creating ACL "public.FUNCTION crypt(text, text)"
pg_restore: WARNING:  no privileges could be revoked for "crypt"
pg_restore: WARNING:  no privileges could be revoked for "crypt"
pg_restore: while PROCESSING TOC:
pg_restore: WARNING:  not all privileges were granted for "plpgsql"
"""
    assert complaints.lost_grants(output) == [
        'no privileges could be revoked for "crypt"',
        'not all privileges were granted for "plpgsql"',
    ]
