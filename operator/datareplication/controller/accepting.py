"""How runs that somebody else made, or may have, become the operator's: set aside, adopted, completed."""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime

from datareplication.controller.applying import Applier
from datareplication.controller.cluster import RUN, Cluster, Object, RejectedError
from datareplication.core import names, objects, origin, run, schedule, state, status, summary
from datareplication.core.origin import Known
from datareplication.core.pods import Why
from datareplication.core.run import Run
from datareplication.core.spec import ReplicationSpec
from datareplication.core.state import ReplicationStatus

logger = logging.getLogger(__name__)


def known(raw: Object, parsed: ReplicationSpec | None, now: datetime) -> Known:
    """Return what a run is judged by; parsed is None for a spec that is invalid."""
    old = state.read_status(ReplicationStatus, raw)
    return Known(raw, parsed, summary.last_slot(old, (), now), now)


class Acceptor:
    """Decides nothing: `core/origin.py` does."""

    def __init__(self, cluster: Cluster, applier: Applier, now: Callable[[], datetime]) -> None:
        self._cluster = cluster
        self._applier = applier
        self._now = now

    async def ours(self, raw: Object, parsed: ReplicationSpec | None, runs: Iterable[Run]) -> tuple[Run, ...]:
        """Return the runs to be carried out; one that was restored without its status is failed."""
        judged = known(raw, parsed, self._now())
        kept = []
        for one in runs:
            verdict = origin.of(one, judged)
            if verdict == "Ours":
                kept.append(one)
            elif verdict == "Restored" and not one.is_finished:
                await self._applier.write_run(one, status.failed_run(one, origin.RESTORED, self._now()))
        return tuple(kept)

    async def complete(self, raw: Object, parsed: ReplicationSpec, one: Run) -> Run:
        """Give a run that has not begun what the operator fills in: owner, labels, data interval, copy of the spec."""
        is_owned = names.is_owned_by(one.raw, raw["metadata"]["uid"])
        if one.is_finished or one.is_admitted or (is_owned and one.request.replication == parsed):
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
