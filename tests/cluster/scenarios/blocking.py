"""Ways to keep a run busy for as long as a scenario needs: no sleep in a program, only what happens in production."""

import contextlib
import threading
import uuid
from collections.abc import Iterator
from typing import Any

from harness.errors import ProgramError
from lab.databases import Server
from lab.replications import Scene, wait_for

MINUTELY = {"cron": "* * * * *"}
PATIENT = {"retries": 10, "delaySeconds": 1}
"""A load that finds its target busy gives up after 20 s and is tried again soon."""


def one_target(scene: Scene, **more: Any) -> list[dict[str, Any]]:
    """Return the target dev alone."""
    return [{"name": "dev", **scene.connection(scene.lab.targets["dev"]), **more}]


@contextlib.contextmanager
def held(server: Server, sql: str, database: str = "postgres") -> Iterator[None]:
    """Hold what `sql` locks in a session of that database until the body ends."""
    mark = f"held-{uuid.uuid4().hex}"
    holder = threading.Thread(target=_hold, args=(server, sql, mark, database), daemon=True)
    holder.start()
    pid = f"SELECT pid FROM pg_stat_activity WHERE application_name = '{mark}' AND query LIKE '%pg_sleep%'"
    try:
        wait_for(lambda: {"pid": server.psql(pid).strip()}, lambda seen: bool(seen["pid"]), 60)
        yield
    finally:
        server.psql(f"SELECT pg_terminate_backend(pid) FROM ({pid}) holder")
        holder.join()


def _hold(server: Server, sql: str, mark: str, database: str) -> None:
    script = f"SET application_name = '{mark}'; BEGIN; {sql}; SELECT pg_sleep(900);"
    with contextlib.suppress(ProgramError):
        server.psql(script, database)


def busy_target(scene: Scene) -> contextlib.AbstractContextManager[None]:
    """Hold the lock of the target dev, as a load of somebody else does."""
    key = f"SELECT pg_advisory_lock(hashtextextended('datareplication:{scene.database}', 0))"
    return held(scene.lab.targets["dev"], key)


def blocked_source(scene: Scene) -> contextlib.AbstractContextManager[None]:
    """Hold a table of the source, as a migration does."""
    return held(scene.lab.source, "LOCK TABLE purchase IN ACCESS EXCLUSIVE MODE", scene.database)
