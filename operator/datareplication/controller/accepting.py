"""How runs that somebody else made, or may have, become the operator's: set aside, adopted, completed."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from datareplication.controller.applying import Applier
from datareplication.controller.closing import Closer
from datareplication.controller.cluster import RUN, Cluster, Object, RejectedError
from datareplication.core import names, objects, origin, run, schedule, state, status
from datareplication.core.origin import Known
from datareplication.core.pods import Why
from datareplication.core.run import Run
from datareplication.core.spec import ReplicationSpec
from datareplication.core.state import ReplicationStatus

logger = logging.getLogger(__name__)


def known(raw: Object, parsed: ReplicationSpec | None, now: datetime) -> Known:
    """Return what a run is judged by; parsed is None for a spec that is invalid."""
    return Known(raw, parsed, state.read_status(ReplicationStatus, raw), now)


@dataclass(frozen=True)
class Sorted:
    """Runs of one DataReplication. beside: those that only tell what they still do, and have done."""

    ours: tuple[Run, ...]
    beside: tuple[Run, ...] = ()


class Acceptor:
    """Decides nothing: `core/origin.py` does."""

    def __init__(self, cluster: Cluster, applier: Applier, closer: Closer, now: Callable[[], datetime]) -> None:
        self._cluster = cluster
        self._closer = closer
        self._applier = applier
        self._now = now

    async def sort(
        self, raw: Object, parsed: ReplicationSpec | None, runs: Iterable[Run], aside: Iterable[Run]
    ) -> Sorted:
        """Return which runs are carried out; one that was restored without its status is ended, and beside, as `aside`.

        parsed: the spec; None when it is invalid.
        """
        judged = known(raw, parsed, self._now())
        ours, beside = [], list(aside)
        for one in runs:
            verdict = origin.of(one, judged)
            if verdict == "Ours":
                ours.append(one)
            elif verdict == "Restored":
                beside.append(await self._closer.close(one, origin.RESTORED))
        return Sorted(tuple(ours), tuple(beside))

    async def complete(self, raw: Object, parsed: ReplicationSpec, one: Run) -> Run:
        """Give a run that has not begun what the operator fills in: owner, labels, data interval, copy of the spec.

        One that has begun keeps its copy; if it lost its owner, which was deleted without it, it gets one again.
        """
        is_owned = names.is_owned_by(one.raw, raw["metadata"]["uid"])
        if one.is_finished or one.is_admitted:
            return one if is_owned else await self._adopt(raw, one)
        if is_owned and one.request.replication == parsed:
            return one
        if not one.raw.get("status"):
            # A run that has a copy and no status was not completed by us.
            one = await self._applier.write_run(one, status.waiting_run(one, "", self._now()))
        previous = schedule.slot_before(parsed.schedule, one.created) if parsed.schedule else None
        patch = objects.completion(raw, one.raw, (previous or one.created, one.created))
        try:
            completed = await self._cluster.patch(RUN, one.namespace, one.name, patch)
        except RejectedError as error:
            why = Why("RunRejected", f"Kubernetes refused to complete it: {error.message}")
            return await self._applier.write_run(one, status.failed_run(one, why, self._now()))
        logger.info("run %s/%s completed", one.namespace, one.name)
        return run.read(completed)

    async def _adopt(self, raw: Object, one: Run) -> Run:
        """Own a run that nobody owns; one with another owner goes with that."""
        if one.raw["metadata"].get("ownerReferences"):
            return one
        try:
            adopted = await self._cluster.patch(RUN, one.namespace, one.name, objects.adoption(raw, one.raw))
        except RejectedError as error:
            logger.warning("run %s/%s cannot be adopted: %s", one.namespace, one.name, error.message)
            return one
        logger.info("run %s/%s had lost its owner; adopted", one.namespace, one.name)
        return run.read(adopted)
