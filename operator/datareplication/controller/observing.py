"""What the API shows of a run: its Jobs and pods, what only a log or Events tell, its claim. It changes nothing."""

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus

from datareplication.controller.cluster import (
    CLAIM,
    EVENT,
    JOB,
    POD,
    Cluster,
    ClusterError,
    ConflictError,
    Object,
    RejectedError,
)
from datareplication.core import inquiry, names, plan, recorded, steps, volume
from datareplication.core.inquiry import EventsOf, LogOf
from datareplication.core.names import Step
from datareplication.core.observed import ObservedJob
from datareplication.core.run import Run
from datareplication.core.volume import Volume

logger = logging.getLogger(__name__)

LOG_SECONDS = 3.0
"""How long a reconcile waits for the logs of a run's pods, which are read at the same time: a node may hang."""

SILENT_SECONDS = 60.0
"""After a log could not be read, it is not read again for this long."""


class Observer:
    """Looks at runs' Jobs, pods and claims. now: the clock from which ages are counted."""

    def __init__(self, cluster: Cluster, now: Callable[[], datetime]) -> None:
        self._cluster = cluster
        self._now = now
        self._silent_until: dict[tuple[str, str], float] = {}

    async def jobs(self, run: Run, *, is_over: bool = False) -> dict[Step, ObservedJob]:
        """Return what the Jobs that matter now show; RejectedError if Kubernetes does not let us look at them.

        is_over: the run has to end now; then it is no error if the pods cannot be looked at.
        """
        jobs = {step: await self._job(run, step) for step in plan.steps_to_observe(run)}
        pods = await self._pods(run, is_over=is_over) if recorded.has_pods(run, jobs) else []
        now = self._now()
        found = {step: recorded.observe_step(run, step, job, pods, now) for step, job in jobs.items()}
        is_due = steps.is_progress_due(run.status, now)
        looks = [self._closer(run, one, inquiry.inquiry(one, now, is_progress_due=is_due)) for one in found.values()]
        return dict(zip(found, await asyncio.gather(*looks), strict=True))

    async def _pods(self, run: Run, *, is_over: bool) -> list[Object]:
        try:
            return await self._cluster.list_all(POD, run.namespace, labels=f"{names.RUN_LABEL}={run.name}")
        except RejectedError as error:
            if not is_over:
                raise
            logger.warning("pods of run %s/%s cannot be looked at: %s", run.namespace, run.name, error.message)
            return []

    async def volume(self, run: Run) -> Volume:
        """Return what the snapshots' claim shows; RejectedError if Kubernetes does not let us look at it."""
        name = volume.claim_name(run)
        return volume.from_claim(name, await self._cluster.get(CLAIM, run.namespace, name))

    async def _job(self, run: Run, step: Step) -> Object | None:
        """Return a step's Job. A run has no Job of ours before its status says that the run has begun."""
        if not run.is_admitted:
            return None
        name = names.job_name(run.name, step)
        job = await self._cluster.get(JOB, run.namespace, name)
        return await self._latest(run, name) if job is None and recorded.was_made(run, step) else job

    async def _latest(self, run: Run, name: str) -> Object | None:
        """Return a Job from the answer to an empty patch; None when there is none.

        A Job that is gone fails its step. A read may be outdated, from before the Job was made; a patch never is.
        """
        try:
            return await self._cluster.patch(JOB, run.namespace, name, {})
        except ConflictError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            return None

    async def _closer(self, run: Run, job: ObservedJob, asked: inquiry.Inquiry) -> ObservedJob:
        """Add what only a pod's log or Events tell: progress, or why a volume is not mounted."""
        if isinstance(asked, LogOf):
            return inquiry.with_log(job, await self._last_lines(run, asked))
        if isinstance(asked, EventsOf):
            return inquiry.with_events(job, await self._events(run, asked), asked.since)
        return job

    async def _events(self, run: Run, asked: EventsOf) -> list[Object]:
        """Return the Events of a pod or a Job; empty if they may not be read, because all else works without them."""
        try:
            return await self._cluster.list_all(EVENT, run.namespace, fields=f"involvedObject.name={asked.name}")
        except RejectedError as error:
            logger.info("events of %s/%s cannot be read: %s", run.namespace, asked.name, error.message)
            return []

    async def _last_lines(self, run: Run, asked: LogOf) -> list[str]:
        """Return the end of a pod's log; empty if its node does not answer, which must not hold up all the rest."""
        pod = (run.namespace, asked.pod)
        if self._silent_until.get(pod, 0.0) > time.monotonic():
            return []
        try:
            async with asyncio.timeout(LOG_SECONDS):
                return await self._cluster.log_tail(run.namespace, asked.pod, asked.container, lines=5)
        except (ClusterError, TimeoutError) as error:
            logger.info("log of %s/%s cannot be read: %s", run.namespace, asked.pod, error or "no answer")
            self._leave_alone(pod)
            return []

    def _leave_alone(self, pod: tuple[str, str]) -> None:
        """Do not read a pod's log for a while; forget pods whose time is over, whether they still exist or not."""
        now = time.monotonic()
        self._silent_until = {one: until for one, until in self._silent_until.items() if until > now}
        self._silent_until[pod] = now + SILENT_SECONDS
