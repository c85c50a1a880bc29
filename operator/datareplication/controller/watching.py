"""kopf's watches as one task: it ends as soon as any part of them has. What is watched is `handlers.py`'s."""

import asyncio
import logging
import re
from collections.abc import Callable, Iterator
from typing import Any, cast

import kopf

from datareplication.controller import ending
from datareplication.core import names

LAST_RESORT_SECONDS = 5.0
"""After a part has failed the process ends by then, whatever hangs."""

LONGEST_BACKOFF_SECONDS = 8.0

LABELLED = ("jobs", "pods")
"""What others have more of than we: only what bears our label is asked for, else all of a cluster's would be read."""

PAGE_SIZE = 100
"""Objects of one answer to a list; of whose size their makers decide."""


class ForEver:
    """Delays between attempts, in seconds: 1, 2, 4, 8, 8, … An API that is away is waited for, however long."""

    def __iter__(self) -> Iterator[float]:
        """Yield without end."""
        delay = 1.0
        while True:
            yield delay
            delay = min(2 * delay, LONGEST_BACKOFF_SECONDS)


class FewRepetitions(logging.Filter):
    """Passes over most of what kopf says of a request that it repeats: of a forbidden namespace thirty lines a minute.

    The first tells the fault, each hundredth that it lasts.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is told."""
        repeated = re.match(r"Request attempt #(\d+)\S* failed; will retry", record.getMessage())
        return repeated is None or int(repeated[1]) == 1 or int(repeated[1]) % 100 == 0


class _NoDiffBase(kopf.DiffBaseStorage):
    """What kopf last handled of an object: nothing, we only watch. Making it costs more than all else of an event."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        """Return that nothing is looked at."""
        return kopf.BodyEssence()

    def fetch(self, **_: Any) -> None:
        """Return that nothing was kept."""

    def store(self, **_: Any) -> None:
        """Keep nothing."""


class _NoProgress(kopf.ProgressStorage):
    """How far kopf's handlers are: ours are called once for each event, and keep nothing in the object."""

    def fetch(self, **_: Any) -> None:
        """Return that nothing was kept."""

    def store(self, **_: Any) -> None:
        """Keep nothing."""

    def purge(self, **_: Any) -> None:
        """Keep nothing."""

    def touch(self, **_: Any) -> None:
        """Write nothing."""

    def clear(self, *, essence: kopf.BodyEssence) -> kopf.BodyEssence:
        """Return what is without kopf's own marks, of which there are none."""
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
    # An event is held for as long as its object's next one is waited for.
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

    started: called when kopf has started, which takes the process's signals for itself.

    kopf would first wait for all other parts to end, and a watch that is about to repeat a request waits for new
    credentials then, which nobody gives it any more, and does not let itself be cancelled: the process would live on,
    blind.
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
