"""Settings of sessions that make a bulk load faster and need no superuser."""

from datareplication.jobs.postgres.connection import Session, row

SYNCHRONOUS_COMMIT = "synchronous_commit"

_MEMORY = """
    SELECT greatest(pg_size_bytes(current_setting('maintenance_work_mem')),
                    least(pg_size_bytes(current_setting('shared_buffers')) / (2 * %s), %s)) / 1024
"""
LARGEST_MEMORY_BYTES = 1 << 30
"""For one index build. More memory gains little (PostgreSQL's documentation has this figure for autovacuum too)."""


def settings(session: Session, workers: int) -> dict[str, str]:
    """Return settings for the sessions of `workers` parallel workers on the session's server.

    Memory for index builds is the server's own setting, or, if that is more, half of shared_buffers divided among the
    workers: shared_buffers shows how large the machine is. A database that is being built need not survive a crash of
    the server, so no commit waits for the WAL.
    """
    (kibibytes,) = row(session, _MEMORY, [workers, LARGEST_MEMORY_BYTES], doing="reading the server's settings")
    return {SYNCHRONOUS_COMMIT: "off", "maintenance_work_mem": f"{kibibytes}kB"}
