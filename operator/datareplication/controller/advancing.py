"""One run, one step further: observe its Jobs, plan, write its status, apply."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from datareplication.controller.applying import Applier
from datareplication.controller.cluster import RUN, Cluster, RejectedError
from datareplication.controller.observing import Observer
from datareplication.controller.reporting import Reporter
from datareplication.core import answers, observed, plan, status, volume
from datareplication.core import run as running
from datareplication.core.answers import Done
from datareplication.core.manifests import JobDefaults
from datareplication.core.moves import Advance
from datareplication.core.names import Key
from datareplication.core.plan import CreateJob, JobAction, SeenRun
from datareplication.core.pods import Why
from datareplication.core.run import Run
from datareplication.core.volume import Volume
from datareplication.errors import SpecError


class Advancer:
    """Brings admitted runs further. defaults: what all Jobs have in common."""

    def __init__(
        self, cluster: Cluster, defaults: JobDefaults, reporter: Reporter, now: Callable[[], datetime]
    ) -> None:
        self._observer = Observer(cluster, now)
        self._applier = Applier(cluster)
        self._reporter = reporter
        self._defaults = defaults
        self._now = now
        self._volumes: dict[Key, Volume] = {}

    async def advance(self, run: Run, move: Advance) -> tuple[Run, datetime | None]:
        """Do what is due for an admitted run; return it with its new status, and when to come again.

        The status is written first: so a run whose Job exists is known as begun, whenever the operator dies, and no Job
        is made after an outdated read of the run.
        """
        try:
            running.check(run)
        except SpecError as error:
            failed = status.failed_run(run, Why(error.reason, error.message), self._now())
            return await self._reporter.write_run(run, failed), None
        is_over = plan.why_ending(run, move.replaced_by, self._now()) is not None
        try:
            found, claim = await self._observer.jobs(run, is_over=is_over), await self._volume(run)
        except RejectedError as error:
            return await self._cannot_look(run, error)
        now = self._now()
        run = running.begun(run, now)
        seen = SeenRun(run, found, claim, plan.why_ending(run, move.replaced_by, now), move.ahead, move.in_use)
        planned = plan.plan_run(seen, self._defaults, now)
        written = await self._reporter.write_run(run, status.run_status(seen, now))
        if written.raw is run.raw and any(isinstance(action, CreateJob) for action in planned.actions):
            await self._reporter.confirm(RUN, run.raw)
        results: list[Done] = []
        for action in planned.actions:
            results.append(await self._apply(run, action))
            if refused := results[-1].refused:
                seen = replace(seen, observed={**seen.observed, action.step: refused})
                written = await self._reporter.write_run(written, status.run_status(replace(seen, run=written), now))
        return written, answers.look_again(seen, planned, results, now)

    async def _cannot_look(self, run: Run, error: RejectedError) -> tuple[Run, datetime | None]:
        """Report that a run cannot be looked at; return it and when to come again, at its deadline at the latest."""
        now = self._now()
        written = await self._reporter.write_run(run, status.unseen_run(run, error.message, now))
        return written, answers.look_after_refusal(run, now)

    async def begin(self, run: Run, in_use: tuple[str, ...]) -> None:
        """Make the first Job of a run that was just created and is marked as begun.

        The next full reconcile writes the run's status, and reports what went wrong here.
        """
        now = self._now()
        found = {step: observed.observe(step, None, [], run.uid, now) for step in plan.steps_to_observe(run)}
        # The cached claim may have been deleted; the next full reconcile notices.
        known = self._volumes.get(_key(run))
        claim = known if known and volume.is_usable(known, run) else await self._volume(run)
        for action in plan.plan_run(SeenRun(run, found, claim, in_use=in_use), self._defaults, now).actions:
            await self._apply(run, action)

    def forget(self, key: Key) -> None:
        """Forget a DataReplication that is gone."""
        self._volumes.pop(key, None)

    async def _apply(self, run: Run, action: JobAction) -> Done:
        done = await self._applier.apply(run, action)
        if isinstance(action, CreateJob) and done == Done():
            self._reporter.job_made(run, action.step)
        return done

    async def _volume(self, run: Run) -> Volume:
        """Look at the snapshots' claim; for a dump, make a missing claim from its template."""
        if run.is_rollback:
            return volume.NOT_NEEDED
        seen = await self._observer.volume(run)
        if (wanted := volume.claim_to_make(run, seen)) is not None:
            seen = await self._applier.make_claim(wanted)
        self._volumes[_key(run)] = seen
        return seen


def _key(run: Run) -> Key:
    return Key(run.namespace, run.request.replication_name)
