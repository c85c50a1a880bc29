"""pg_dump's arguments for the archive of the schema."""

from datareplication.jobs.dump import exclusion
from datareplication.jobs.model.selection import Selection
from datareplication.jobs.postgres import catalog


def dump_options(snapshot_id: str, selected: Selection, encoding: str, lock_timeout_seconds: int) -> list[str]:
    """Return pg_dump's arguments for the schema without rows and without what is left out."""
    return [
        "--format=custom",
        "--schema-only",
        "--no-publications",
        "--no-subscriptions",
        f"--exclude-schema={catalog.PROVENANCE[0]}",
        f"--lock-wait-timeout={lock_timeout_seconds}s",
        f"--snapshot={snapshot_id}",
        *exclusion.dump_options(selected.left_out, encoding),
    ]
