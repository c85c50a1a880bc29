"""How runs that somebody else made, or may have, become the operator's. What becomes of them, `core/origin.py` says."""

import logging
from collections.abc import Callable
from datetime import datetime

from datareplication.controller.cluster import RUN, Cluster, Object, RejectedError
from datareplication.controller.reporting import Reporter
from datareplication.core import objects, origin, run, schedule, status
from datareplication.core.pods import Why
from datareplication.core.run import Run
from datareplication.core.spec import ReplicationSpec

logger = logging.getLogger(__name__)


class Acceptor:
    """Completes and adopts runs."""

    def __init__(self, cluster: Cluster, reporter: Reporter, now: Callable[[], datetime]) -> None:
        self._cluster = cluster
        self._reporter = reporter
        self._now = now

    async def accept(self, raw: Object, parsed: ReplicationSpec, one: Run) -> Run:
        """Give a run what it lacks before it may begin: owner, labels, data interval, copy of the spec.

        raw, parsed: its DataReplication and the spec of that.
        """
        wanted = origin.completion(one, raw, parsed)
        if wanted == "Adopt":
            return await self._adopt(raw, one)
        return await self._complete(raw, parsed, one) if wanted == "Complete" else one

    async def _complete(self, raw: Object, parsed: ReplicationSpec, one: Run) -> Run:
        if not one.raw.get("status"):
            # A run that has a copy and no status was not completed by us.
            one = await self._reporter.write_run(one, status.waiting_run(one, "", self._now()))
        patch = objects.completion(raw, one.raw, schedule.interval_by_hand(parsed.schedule, one.created))
        try:
            completed = await self._cluster.patch(RUN, one.namespace, one.name, patch)
        except RejectedError as error:
            why = Why("RunRejected", f"Kubernetes refused to complete it: {error.message}")
            return await self._reporter.write_run(one, status.failed_run(one, why, self._now()))
        logger.info("run %s/%s completed", one.namespace, one.name)
        return run.read(completed)

    async def _adopt(self, raw: Object, one: Run) -> Run:
        try:
            adopted = await self._cluster.patch(RUN, one.namespace, one.name, objects.adoption(raw, one.raw))
        except RejectedError as error:
            logger.warning("run %s/%s cannot be adopted: %s", one.namespace, one.name, error.message)
            return one
        logger.info("run %s/%s had lost its owner; adopted", one.namespace, one.name)
        return run.read(adopted)
