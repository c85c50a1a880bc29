"""One run, one step further: look at its Jobs, do what the plan says, write its status."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http import HTTPStatus

from datareplication.controller.cluster import (
    CLAIM,
    EVENT,
    JOB,
    POD,
    RUN,
    AlreadyExistsError,
    Cluster,
    ClusterError,
    ConflictError,
    InvalidError,
    Kind,
    Object,
    RejectedError,
)
from datareplication.controller.metrics import Metrics
from datareplication.core import events, manifests, names, objects, plan, recorded, state, status, steps
from datareplication.core import observed as seeing
from datareplication.core import run as running
from datareplication.core.events import Note
from datareplication.core.manifests import JobImage
from datareplication.core.names import Step
from datareplication.core.observed import ObservedJob
from datareplication.core.plan import Action, CreateJob, PatchJob, Seen, Volume
from datareplication.core.pods import ObservedPod, Why, why_from_events
from datareplication.core.report import Progress
from datareplication.core.run import Run
from datareplication.core.state import RunStatus
from datareplication.errors import SpecError

logger = logging.getLogger(__name__)

REFUSED_SECONDS = 30
"""How long after a refusal a Job is asked for again."""

CONFLICT_SECONDS = 1
"""How long after a conflict all is looked at again."""

QUIET_SECONDS = 10
"""A pod that is still being set up after this long is asked for its Events, and a Job that has none for its own."""


class Applier:
    """Carries out plans of runs and writes their status."""

    def __init__(
        self, cluster: Cluster, image: JobImage, instance: str, now: Callable[[], datetime], metrics: Metrics
    ) -> None:
        self._cluster = cluster
        self._metrics = metrics
        self._image = image
        self._instance = instance
        self._now = now
        self._volumes: dict[tuple[str, str], Volume] = {}

    async def advance(
        self,
        run: Run,
        in_use: tuple[str, ...],
        replaced_by: str = "",
        ahead: Mapping[str, str] | None = None,
    ) -> tuple[Run, datetime | None]:
        """Do what is due for an admitted run; return it with its new status, and when to come again.

        The status is written first: a run whose Job exists is known as begun, whenever the operator dies, and no Job is
        made for a run that was read from the past.
        in_use: run directories on the volume that open runs use. replaced_by: name of the run that takes its place, if
        one does. ahead: target -> the run that loads it first.
        """
        try:
            running.check(run)
        except SpecError as error:
            return await self.write_run(
                run, status.failed_run(run, Why(error.reason, error.message), self._now())
            ), None
        observed = await self._observe(run)
        volume = await self._volume(run)
        now = self._now()
        if run.status.start_time is None:
            run = replace(run, status=run.status.having(start_time=now))
        seen = Seen(run, observed, volume, plan.why_ending(run, replaced_by, now), ahead or {}, in_use)
        planned = plan.plan_run(seen, self._image, now)
        written = await self.write_run(run, status.run_status(seen, now))
        if written.raw is run.raw and any(isinstance(action, CreateJob) for action in planned.actions):
            await self.confirm(RUN, run.raw)
        again = [planned.requeue_at]
        for action in planned.actions:
            done = await self._apply(run, action)
            again.append(now + timedelta(seconds=done.again_seconds) if done.again_seconds else None)
            if done.refused:
                seen = replace(seen, observed={**seen.observed, action.step: done.refused})
                written = await self.write_run(written, status.run_status(replace(seen, run=written), now))
        if not volume.exists or any(job.state in ("Running", "Pending") for job in observed.values()):
            again.append(now + timedelta(seconds=steps.PROGRESS_SECONDS + 1))
        return written, min(filter(None, again), default=None)

    async def begin(self, run: Run, in_use: tuple[str, ...]) -> None:
        """Make the first Job of a run that was made just now and is known as begun.

        Its status follows with the next look, which also tells what may have gone wrong here.
        """
        now = self._now()
        observed = {step: seeing.observe(step, None, [], run.uid, now) for step in plan.steps_to_observe(run)}
        name = manifests.volume_claim(run.spec, run.request.replication_name)
        # A claim that was there and is gone since is missed by the next look, as one that goes a moment later.
        volume = self._volumes.get((run.namespace, name)) or await self._volume(run)
        seen = Seen(run, observed, volume, in_use=in_use)
        for action in plan.plan_run(seen, self._image, now).actions:
            await self._apply(run, action)

    async def write_run(self, run: Run, new: RunStatus) -> Run:
        """Write a run's status and its Events if it changed; return the run as it is then."""
        written = run.raw.get("status") or {}
        if state.to_raw(new) == written:
            return replace(run, status=new)
        before = state.read_status(RunStatus, run.raw)
        for note in events.of_run(before, new):
            await self.emit(run.raw, note)
        if new.phase != before.phase or not written:
            logger.info("run %s/%s: %s %s", run.namespace, run.name, new.phase, new.message)
        raw = await self._cluster.write_status(RUN, {**run.raw, "status": state.to_raw(new)})
        self._metrics.count_run(run, before, new)
        return replace(run, status=new, raw=raw)

    async def confirm(self, kind: Kind, raw: Object) -> None:
        """Raise ConflictError unless `raw` is what the API holds now; nothing is changed.

        What was read may be older than what has been done since, even by this process.
        """
        await self._cluster.write_status(kind, raw)

    async def emit(self, involved: Object, note: Note) -> None:
        """Post an Event; a repetition counts up the one that is there. Events are not worth failing for."""
        manifest = events.manifest(involved, note, self._instance, self._now())
        metadata = manifest["metadata"]
        try:
            try:
                await self._cluster.create(EVENT, manifest)
            except AlreadyExistsError:
                existing = await self._cluster.get(EVENT, metadata["namespace"], metadata["name"]) or {}
                again = {"count": int(existing.get("count") or 1) + 1, "lastTimestamp": manifest["lastTimestamp"]}
                await self._cluster.patch(EVENT, metadata["namespace"], metadata["name"], again)
        except ClusterError as error:
            logger.warning("event %s not posted: %s", note.reason, error.message)

    async def _observe(self, run: Run) -> dict[Step, ObservedJob]:
        jobs = {step: await self._job(run, step) for step in plan.steps_to_observe(run)}
        pods: list[Object] = []
        if any(job is not None or recorded.was_made(run, step) for step, job in jobs.items()):
            pods = await self._cluster.list_all(POD, run.namespace, labels=f"{names.RUN_LABEL}={run.name}")
        now = self._now()
        found = {step: recorded.observe_step(run, step, job, pods, now) for step, job in jobs.items()}
        is_due = steps.is_progress_due(run.status, now)
        return {step: await self._look_closer(run, job, is_progress_due=is_due) for step, job in found.items()}

    async def _job(self, run: Run, step: Step) -> Object | None:
        """Return a step's Job. Before its status says that a run has begun, it has none that is ours."""
        if run.status.start_time is None:
            return None
        name = names.job_name(run.name, step)
        job = await self._cluster.get(JOB, run.namespace, name)
        return await self._latest(run, name) if job is None and recorded.was_made(run, step) else job

    async def _latest(self, run: Run, name: str) -> Object | None:
        """Return a Job as a write answers that changes nothing; None when there is none.

        That a Job is gone fails its step: a view of the past, in which it was not made yet, must not say so.
        """
        try:
            return await self._cluster.patch(JOB, run.namespace, name, {})
        except ConflictError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            return None

    async def _look_closer(self, run: Run, job: ObservedJob, *, is_progress_due: bool) -> ObservedJob:
        """Add what only a pod's log or Events tell: progress, or why a volume is not mounted."""
        if job.state == "Running" and job.running_pod is not None:
            if not is_progress_due:
                return job
            lines = await self._last_lines(run, job.running_pod, job.step.role)
            found = [progress for line in lines if (progress := Progress.from_log_line(line))]
            return replace(job, progress=found[-1]) if found else job
        pod = job.waiting_pod
        if pod is None:
            return await self._why_quiet(run, job, job.name, job.quiet_since)
        is_quiet = pod.waiting is not None and not pod.waiting.message
        return await self._why_quiet(run, job, pod.name, pod.created) if is_quiet else job

    async def _why_quiet(self, run: Run, job: ObservedJob, name: str, since: datetime | None) -> ObservedJob:
        """Add what the Events of its pod, or of itself where it has none, tell; they are asked for after a while."""
        if since is None or self._now() - since <= timedelta(seconds=QUIET_SECONDS):
            return job
        found = await self._cluster.list_all(EVENT, run.namespace, fields=f"involvedObject.name={name}")
        told = why_from_events(found, since)
        return replace(job, waiting=told) if told else job

    async def _last_lines(self, run: Run, pod: ObservedPod, container: str) -> list[str]:
        """Return the end of a pod's log; none when its node does not answer, which must not hold up all the rest."""
        if pod.lost:
            return []
        try:
            return await self._cluster.log_tail(run.namespace, pod.name, container, lines=5)
        except ClusterError as error:
            logger.info("log of %s/%s cannot be read: %s", run.namespace, pod.name, error.message)
            return []

    async def _volume(self, run: Run) -> Volume:
        """Look at the snapshots' claim; for a dump, make it from its template when it is not there."""
        if run.is_rollback:
            return Volume("", exists=True)
        name = manifests.volume_claim(run.spec, run.request.replication_name)
        claim = await self._cluster.get(CLAIM, run.namespace, name)
        template = run.spec.snapshot.volume_claim_template
        if claim is None and template is not None and run.has_dump:
            try:
                claim = await self._cluster.create(CLAIM, objects.claim(run, template))
            except RejectedError as error:
                return Volume(name, exists=False, problem=f"spec.snapshot.volumeClaimTemplate: {error.message}")
            logger.info("claim %s/%s created", run.namespace, name)
        if claim is None:
            self._volumes.pop((run.namespace, name), None)
            return Volume(name, exists=False)
        modes = (claim.get("spec") or {}).get("accessModes") or ()
        volume = Volume(
            name,
            exists=True,
            is_single_node=bool(modes) and "ReadWriteMany" not in modes,
            is_single_pod=modes == ["ReadWriteOncePod"],
        )
        self._volumes[run.namespace, name] = volume
        return volume

    async def _apply(self, run: Run, action: Action) -> "Done":
        """Carry out one action; say what came of it where the API did not take it."""
        try:
            if isinstance(action, CreateJob):
                made = await self._cluster.create(JOB, action.manifest)
                logger.info("job %s/%s created", run.namespace, made["metadata"]["name"])
                if run.request.slot is not None and action.step.role == names.DUMP:
                    self._metrics.count_skew(run.request.slot, self._now())
            else:
                await self._cluster.patch(JOB, run.namespace, action.name, action.patch)
                logger.info("job %s/%s patched: %s", run.namespace, action.name, action.why)
        except (AlreadyExistsError, ConflictError):
            logger.info("job of %s in %s/%s is not as it was seen; looking again", action.step, run.namespace, run.name)
            return Done(CONFLICT_SECONDS)
        except RejectedError as error:
            if isinstance(action, PatchJob):  # the Job is there and goes on
                logger.warning("job %s/%s not patched (%s): %s", run.namespace, action.name, action.why, error.message)
                return Done(REFUSED_SECONDS)
            return Done(REFUSED_SECONDS, _refused(action.step, error))
        return Done()


@dataclass(frozen=True)
class Done:
    """What came of an action. again_seconds: when to look again if it failed; refused: what came of a Job's making."""

    again_seconds: int = 0
    refused: ObservedJob | None = None


def _refused(step: Step, error: RejectedError) -> ObservedJob:
    """Return a step's Job that Kubernetes does not make: for good where the Job itself is invalid, else it waits."""
    if isinstance(error, InvalidError):
        why = Why("JobRejected", f"Kubernetes will never take the Job: {error.message}")
        return ObservedJob(step, state="Failed", why=why)
    why = Why(steps.REFUSED, f"Kubernetes refused the Job, which is asked for again: {error.message}")
    return ObservedJob(step, state="Refused", why=why)
