"""kopf's watches as one task, which ends as soon as any part of it has. `handlers.py` says what is watched."""

import asyncio
import logging
import re
from collections.abc import Callable, Iterator
from typing import Any, cast

import kopf

from datareplication.controller import ending
from datareplication.core import names

LAST_RESORT_SECONDS = 5.0
"""The process ends at most this long after a part has failed, whatever hangs."""

LONGEST_BACKOFF_SECONDS = 8.0

LABELLED = ("jobs", "pods")
"""Kinds of which only objects with our label are read: otherwise all of the cluster's Jobs and pods would be."""

PAGE_SIZE = 100
"""Objects in one answer to a list; users decide how large each object is."""


class ForEver:
    """Delays between attempts, in seconds: 1, 2, 4, 8, 8, … An API that is away is waited for, however long."""

    def __iter__(self) -> Iterator[float]:
        """Yield without end."""
        delay = 1.0
        while True:
            yield delay
            delay = min(2 * delay, LONGEST_BACKOFF_SECONDS)


class FewRepetitions(logging.Filter):
    """Drops most of kopf's lines about a request that it repeats: thirty a minute for a forbidden namespace.

    The first line tells the fault, every hundredth line that it goes on.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is logged."""
        repeated = re.match(r"Request attempt #(\d+)\S* failed; will retry", record.getMessage())
        return repeated is None or int(repeated[1]) == 1 or int(repeated[1]) % 100 == 0


class _NoDiffBase(kopf.DiffBaseStorage):
    """Keeps no last-handled state of objects: we only watch, and building it costs more than the rest of an event."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        """Return an empty state."""
        return kopf.BodyEssence()

    def fetch(self, **_: Any) -> None:
        """Return None: nothing is kept."""

    def store(self, **_: Any) -> None:
        """Keep nothing."""


class _NoProgress(kopf.ProgressStorage):
    """Keeps no progress of handlers: ours are called once for each event, and keep nothing in the object."""

    def fetch(self, **_: Any) -> None:
        """Return None: nothing is kept."""

    def store(self, **_: Any) -> None:
        """Keep nothing."""

    def purge(self, **_: Any) -> None:
        """Keep nothing."""

    def touch(self, **_: Any) -> None:
        """Write nothing."""

    def clear(self, *, essence: kopf.BodyEssence) -> kopf.BodyEssence:
        """Return the state as it is: it holds no marks of kopf."""
        return essence


def kopf_settings() -> kopf.OperatorSettings:
    """Return kopf's settings: watch, and write nothing. Without scanning no right on namespaces or CRDs is needed."""
    chosen = kopf.OperatorSettings()
    chosen.posting.enabled = False
    chosen.peering.standalone = True
    chosen.scanning.disabled = True
    chosen.watching.server_timeout = 300
    chosen.watching.inactivity_timeout = 360
    chosen.watching.chunk_size = PAGE_SIZE
    # kopf waits this long for an object's next event, and keeps the last one in memory meanwhile.
    chosen.queueing.idle_timeout = 0.5
    for kind in LABELLED:
        chosen.watching.label_selectors[kind] = names.REPLICATION_LABEL
    chosen.persistence.diffbase_storage = _NoDiffBase()
    chosen.persistence.progress_storage = _NoProgress()
    chosen.networking.error_backoffs = ForEver()
    return chosen


async def watch(
    registry: kopf.OperatorRegistry, instance: str, namespaces: tuple[str, ...], started: Callable[[], None]
) -> None:
    """Watch until a part of it ends; raise what that part raised, and end the process soon.

    started: called when kopf has started, because kopf takes the process's signals for itself.

    kopf alone would first wait for all other parts to end. A watch that is about to repeat a request then waits for new
    credentials, which never come, and cannot be cancelled: the process would stay alive, but blind.
    """
    parts = await kopf.spawn_tasks(
        registry=registry,
        settings=kopf_settings(),
        identity=cast("Any", instance),  # kopf's own guess needs a user of the pod's uid to exist
        clusterwide=not namespaces,
        namespaces=namespaces,
    )
    try:
        started()
        done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        for part in done:
            part.result()
    except Exception:
        ending.by_force_after(LAST_RESORT_SECONDS)
        raise
    finally:
        await ending.end(*parts)
