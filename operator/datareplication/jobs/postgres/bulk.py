"""Settings of the server that make a bulk load faster and that need no superuser."""

from datareplication.jobs.postgres.connection import Session, row

SYNCHRONOUS_COMMIT = "synchronous_commit"

_MEMORY = """
    SELECT greatest(pg_size_bytes(current_setting('maintenance_work_mem')),
                    least(pg_size_bytes(current_setting('shared_buffers')) / (2 * %s), %s)) / 1024
"""
LARGEST_MEMORY_BYTES = 1 << 30
"""For one index build. Beyond, PostgreSQL gains little (its documentation's figure for autovacuum's workers too)."""


def settings(session: Session, workers: int) -> dict[str, str]:
    """Return settings for the sessions of `workers` parallel workers on the session's server.

    Memory for index builds: what the server's own setting gives, or all workers together half of shared_buffers, by
    which an administrator has said how large the machine is. Nothing of a database that is being built must survive a
    crash of the server, so no commit waits for the log.
    """
    (kibibytes,) = row(session, _MEMORY, [workers, LARGEST_MEMORY_BYTES], doing="reading the server's settings")
    return {SYNCHRONOUS_COMMIT: "off", "maintenance_work_mem": f"{kibibytes}kB"}
