"""Ends the Jobs of runs that cannot go on, or are gone."""

import logging
from collections.abc import Callable, Container, Iterable
from datetime import datetime

from datareplication.controller.cluster import JOB, POD, RUN, Cluster, ConflictError, Object, RejectedError
from datareplication.controller.reporting import Reporter
from datareplication.core import leftovers, names
from datareplication.core.names import Key
from datareplication.core.plan import PatchJob
from datareplication.core.pods import Why
from datareplication.core.run import Run

logger = logging.getLogger(__name__)


class Closer:
    """Ends Jobs that are still at work. `core/leftovers.py` decides which, and what is reported."""

    def __init__(self, cluster: Cluster, reporter: Reporter, now: Callable[[], datetime]) -> None:
        self._cluster = cluster
        self._reporter = reporter
        self._now = now

    async def close(self, run: Run, why: Why) -> Run:
        """End a run that cannot go on: first its Jobs; the run has failed once none of them is at work."""
        if run.is_finished:
            return run
        jobs, pods = await self._jobs_and_pods(run.namespace, f"{names.RUN_LABEL}={run.name}")
        now = self._now()
        found = leftovers.of_run(run, jobs, pods, now)
        actions = leftovers.ends(found, why)
        written = await self._reporter.write_run(run, leftovers.closing(run, found, why, now))
        if actions and written.raw is run.raw:
            await self._reporter.confirm(RUN, run.raw)
        await self._carry_out(run.namespace, actions)
        return written

    async def end_orphans(self, key: Key, active: Container[str] = ()) -> tuple[Run, ...]:
        """End the Jobs whose run was deleted without them; return those runs, as far as the Jobs tell.

        active: runs that were active at the last look.
        """
        jobs, pods = await self._jobs_and_pods(key.namespace, f"{names.REPLICATION_LABEL}={key.name}")
        now = self._now()
        found = leftovers.orphans(jobs, pods, now)
        for one in found:
            await self._carry_out(key.namespace, leftovers.ends([one], leftovers.why_orphan(one)))
        return leftovers.as_runs(found, key.name, active, now)

    async def _jobs_and_pods(self, namespace: str, labels: str) -> tuple[list[Object], list[Object]]:
        jobs = await self._cluster.list_all(JOB, namespace, labels=labels)
        return jobs, await self._cluster.list_all(POD, namespace, labels=labels) if jobs else []

    async def _carry_out(self, namespace: str, actions: Iterable[PatchJob]) -> None:
        for action in actions:
            try:
                await self._cluster.patch(JOB, namespace, action.name, action.patch)
                logger.info("job %s/%s is being ended: %s", namespace, action.name, action.why)
            except ConflictError:
                logger.info("job %s/%s has changed meanwhile; looking again", namespace, action.name)
            except RejectedError as error:  # the status says that the Job is at work; the next look tries again
                logger.warning("job %s/%s cannot be ended: %s", namespace, action.name, error.message)
