"""How runs that somebody else made, or may have made, become the operator's. `core/origin.py` decides which do."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from datareplication.controller.cluster import RUN, Cluster, InvalidError, Object, RejectedError
from datareplication.controller.reporting import Reporter
from datareplication.core import objects, origin, run, schedule, status
from datareplication.core.pods import Why
from datareplication.core.run import Run
from datareplication.core.spec import ReplicationSpec

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Accepted:
    """Runs that may begin or go on, and those that wait until Kubernetes lets them be completed."""

    runs: tuple[Run, ...] = ()
    refused: tuple[Run, ...] = ()


class Acceptor:
    """Completes and adopts runs."""

    def __init__(self, cluster: Cluster, reporter: Reporter, now: Callable[[], datetime]) -> None:
        self._cluster = cluster
        self._reporter = reporter
        self._now = now

    async def accept(self, raw: Object, parsed: ReplicationSpec, runs: tuple[Run, ...]) -> Accepted:
        """Give runs what they lack before they may begin: owner, labels, data interval, copy of the spec.

        raw: their DataReplication. parsed: its spec.
        """
        found = [await self._accept(raw, parsed, one) for one in runs]
        return Accepted(
            tuple(one for one, is_refused in found if not is_refused),
            tuple(one for one, is_refused in found if is_refused),
        )

    async def _accept(self, raw: Object, parsed: ReplicationSpec, one: Run) -> tuple[Run, bool]:
        """Return the run afterwards, and whether Kubernetes refused for now to complete it."""
        wanted = origin.completion(one, raw, parsed)
        if wanted == "Adopt":
            return await self._adopt(raw, one), False
        return await self._complete(raw, parsed, one) if wanted == "Complete" else (one, False)

    async def _complete(self, raw: Object, parsed: ReplicationSpec, one: Run) -> tuple[Run, bool]:
        if not one.raw.get("status"):
            # The status comes first: a run that has a copy and no status was not completed by the operator.
            one = await self._reporter.write_run(one, status.waiting_run(one, "", self._now()))
        patch = objects.completion(raw, one.raw, schedule.interval_by_hand(parsed.schedule, one.created))
        try:
            completed = await self._cluster.patch(RUN, one.namespace, one.name, patch)
        except InvalidError as error:
            why = Why("RunRejected", f"Kubernetes refused to complete it: {error.message}")
            return await self._reporter.write_run(one, status.failed_run(one, why, self._now())), False
        except RejectedError as error:
            told = f"Kubernetes refused to complete it; the operator tries again: {error.message}"
            return await self._reporter.write_run(one, status.waiting_run(one, told, self._now())), True
        logger.info("run %s/%s completed", one.namespace, one.name)
        return run.read(completed), False

    async def _adopt(self, raw: Object, one: Run) -> Run:
        try:
            adopted = await self._cluster.patch(RUN, one.namespace, one.name, objects.adoption(raw, one.raw))
        except RejectedError as error:
            logger.warning("run %s/%s cannot be adopted: %s", one.namespace, one.name, error.message)
            return one
        logger.info("run %s/%s had lost its owner; adopted", one.namespace, one.name)
        return run.read(adopted)
