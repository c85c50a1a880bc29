"""The only orchestration: observe -> plan -> apply -> report, for one DataReplication and its runs.

Every decision is `core`'s; this module reads the live state, asks, does what it is told and writes each status once. It
may be killed between any two API calls: called again, it reaches the same end.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from datareplication.controller.accepting import Acceptor, Sorted
from datareplication.controller.applying import Applier
from datareplication.controller.closing import Closer
from datareplication.controller.cluster import (
    REPLICATION,
    RUN,
    Cluster,
    Object,
)
from datareplication.controller.growing import grow
from datareplication.controller.metrics import Metrics
from datareplication.controller.queue import Key
from datareplication.controller.starting import Starter
from datareplication.core import (
    concurrency,
    effect,
    events,
    growth,
    leftovers,
    paths,
    plan,
    run,
    schedule,
    state,
    status,
    summary,
)
from datareplication.core.manifests import JobImage
from datareplication.core.pods import Why
from datareplication.core.run import Run
from datareplication.core.spec import ReplicationSpec
from datareplication.core.state import ReplicationStatus, RunStatus
from datareplication.core.summary import Facts
from datareplication.errors import SpecError

logger = logging.getLogger(__name__)

CLOSING_SECONDS = 10
"""How often is looked at what is being ended."""


@dataclass(frozen=True)
class Outcome:
    """What one reconcile asks for: when to come again at the latest; `is_gone` when there is nothing to come for.

    seen: the `versions` it was decided by. rests_until: its next slot, where the resource is in order and all its runs
    have ended.
    """

    requeue_at: datetime | None = None
    is_gone: bool = False
    seen: int = 0
    rests_until: datetime | None = None


def versions(replication: Object, runs: Iterable[Object]) -> int:
    """Return a number that changes when the DataReplication or one of its runs does; of use in this process only."""
    found = [(one["metadata"]["uid"], one["metadata"]["resourceVersion"]) for one in (replication, *runs)]
    return hash(tuple(sorted(found)))


class Reconciler:
    """Brings one DataReplication and its runs a step further."""

    def __init__(
        self, cluster: Cluster, image: JobImage, instance: str, now: Callable[[], datetime], metrics: Metrics
    ) -> None:
        self._cluster = cluster
        self._now = now
        self._metrics = metrics
        self._applier = Applier(cluster, image, instance, now, metrics)
        self._closer = Closer(cluster, self._applier, now)
        self._acceptor = Acceptor(cluster, self._applier, self._closer, now)
        self._starter = Starter(cluster, self._applier, now)

    async def reconcile(self, key: Key, *, is_from_rest: bool = False) -> Outcome:
        """Do what is due now for `key`. A ClusterError means: nothing is lost, ask again later.

        is_from_rest: it rested until now, when its slot is due, and nothing was heard of it meanwhile.
        """
        if is_from_rest and await self._starter.start_from_rest(key):
            return Outcome(self._now())
        raw = await self._cluster.get(REPLICATION, key.namespace, key.name)
        found = await self._cluster.list_all(RUN, key.namespace, fields=f"spec.replicationName={key.name}")
        readable = await self._readable(found)
        if raw is None:
            return await self._reconcile_orphans(key, readable.ours)
        return replace(await self._reconcile(raw, found, readable), seen=versions(raw, found))

    async def _reconcile(self, raw: Object, found: list[Object], readable: Sorted) -> Outcome:
        if raw["metadata"].get("deletionTimestamp"):
            return Outcome()
        old = state.read_status(ReplicationStatus, raw)
        gone: tuple[Run, ...] = ()
        if leftovers.may_have_orphans(old, found):
            gone = await self._closer.end_orphans(Key(*_identity(raw)))
        beside = (*readable.beside, *gone)
        try:
            parsed = schedule.spec_of(raw)
        except SpecError as error:
            runs = await self._acceptor.sort(raw, None, readable.ours, beside)
            return await self._reconcile_invalid(raw, runs, error)
        return await self._reconcile_valid(raw, parsed, await self._acceptor.sort(raw, parsed, readable.ours, beside))

    async def _readable(self, found: Iterable[Object]) -> Sorted:
        """Return the runs that can be read, and beside them those that are being deleted, or cannot and are ended."""
        runs: list[Run] = []
        beside: list[Run] = []
        for raw in found:
            is_going = "deletionTimestamp" in raw["metadata"]
            try:
                (beside if is_going else runs).append(run.read(raw))
            except SpecError as error:
                blank = run.read({**raw, "spec": {"replicationName": "unreadable"}})
                why = Why(error.reason, error.message)
                beside.append(blank if is_going else await self._closer.close(blank, why))
        return Sorted(tuple(runs), tuple(beside))

    async def _reconcile_orphans(self, key: Key, runs: tuple[Run, ...]) -> Outcome:
        """Go on with what outlives a DataReplication that was deleted without it; owned runs go with their owner.

        A run that has begun ends by its own copy of the spec; others fail, as those made for one that never was.
        """
        await self._closer.end_orphans(key)
        message = f"spec.replicationName: there is no DataReplication {key.name!r} in namespace {key.namespace}"
        orphans = tuple(one for one in runs if not one.raw["metadata"].get("ownerReferences"))
        left, requeues = await self._carry_on(orphans, Why("ReplicationNotFound", message))
        again = min(filter(None, requeues), default=None)
        return Outcome(again, is_gone=all(one.is_finished for one in left))

    async def _reconcile_invalid(self, raw: Object, runs: Sorted, error: SpecError) -> Outcome:
        """Report the fault. Runs that have begun go on with their own copy of the spec; others fail."""
        ours, requeues = await self._carry_on(runs.ours, Why(error.reason, error.message))
        old = state.read_status(ReplicationStatus, raw)
        new = summary.invalid(old, raw["metadata"]["generation"], error, (*ours, *runs.beside), self._now())
        await self._write_replication(raw, old, new)
        moments = [summary.looked_at_again(new, self._now()), *requeues, self._again_for(runs.beside)]
        return Outcome(min(filter(None, moments), default=None))

    async def _carry_on(self, runs: tuple[Run, ...], why: Why) -> tuple[tuple[Run, ...], list[datetime | None]]:
        """Advance the runs whose status says that they have begun; fail those that have not."""
        advanced: list[Run] = []
        requeues: list[datetime | None] = []
        for one in runs:
            if one.raw.get("status") and one.is_admitted and not one.is_finished:
                ahead = concurrency.loads_ahead(one, runs)
                further, again = await self._applier.advance(one, paths.in_use(runs), ahead=ahead)
                advanced.append(further)
                requeues.append(again)
            else:
                advanced.append(await self._closer.close(one, why))
        return tuple(advanced), requeues

    def _again_for(self, runs: Iterable[Run]) -> datetime | None:
        """Return when to look again for what is being ended; an event of its Jobs may be missed."""
        is_open = any(not one.is_finished for one in runs)
        return self._now() + timedelta(seconds=CLOSING_SECONDS) if is_open else None

    async def _reconcile_valid(self, raw: Object, parsed: ReplicationSpec, found: Sorted) -> Outcome:
        now, runs = self._now(), found.ours
        old = state.read_status(ReplicationStatus, raw)
        in_effect, decision = effect.decide(raw, parsed, old, runs, now)
        runs = tuple([await self._acceptor.complete(raw, parsed, one) for one in runs])
        allowed = concurrency.turn(parsed, runs, decision.due, summary.last_runs(old, runs).ended)
        if allowed.slots:
            await self._applier.confirm(REPLICATION, raw)
        started = await self._starter.start(raw, parsed, runs, allowed.slots)
        runs, requeues = await self._advance_all(started.runs, parsed)
        if allowed.slots and not started.taken and not started.refused and not decision.missed:
            return Outcome(now)  # others may be due as well: what tells of it comes after their Jobs
        for note in (*events.of_missed(decision), *events.of_made_runs(old, runs)):
            await self._applier.emit(raw, note)
        in_effect = effect.after_missed(in_effect, decision)
        held = started.why_refused or allowed.held
        generation = raw["metadata"]["generation"]
        grown = await grow(self._cluster, raw, parsed) if growth.is_due(old, generation, runs) else None
        seen = Facts(parsed, generation, runs, in_effect, decision, held, found.beside, grown)
        new = summary.summarize(old.having(last_schedule_time=started.taken or old.last_schedule_time), seen, now)
        expired = plan.expired_runs(runs, parsed.history.successful, parsed.history.failed)
        is_written = await self._write_replication(raw, old, new)
        if expired and not is_written:
            await self._applier.confirm(REPLICATION, raw)
        await self._delete(expired)
        if started.refused:
            raise started.refused  # asked again later and later; all else has been done
        moments = [new.next_schedule_time, summary.looked_at_again(new, now), *requeues, self._again_for(found.beside)]
        again = min((moment for moment in moments if moment and moment > now), default=None)
        is_at_rest = all(one.is_finished for one in runs)
        return Outcome(again, rests_until=new.next_schedule_time if is_at_rest else None)

    async def _advance_all(
        self, runs: tuple[Run, ...], parsed: ReplicationSpec
    ) -> tuple[tuple[Run, ...], list[datetime | None]]:
        admitted = {one.name for one in concurrency.to_admit(parsed, runs)}
        active = [one.name for one in runs if one.is_admitted and not one.is_finished]
        advanced: list[Run] = []
        requeues: list[datetime | None] = []
        for one in runs:
            successor = concurrency.replaced_by(parsed, one, runs)
            if one.is_finished:
                advanced.append(one)
            elif one.is_admitted or (one.name in admitted and not successor):
                ahead = concurrency.loads_ahead(one, runs)
                further, again = await self._applier.advance(one, paths.in_use(runs), successor, ahead)
                advanced.append(further)
                requeues.append(again)
            else:
                advanced.append(await self._applier.write_run(one, self._held_back(one, successor, active)))
        return tuple(advanced), requeues

    def _held_back(self, one: Run, successor: str, active: list[str]) -> RunStatus:
        """Return the status of a run that may not begin: it waits, or it is replaced before it began."""
        if successor and (why := plan.why_ending(one, successor, self._now())):
            return status.replaced_run(one, why, self._now())
        return status.waiting_run(one, f"waits for {', '.join(active) or 'other runs'}", self._now())

    async def _delete(self, expired: Iterable[Run]) -> None:
        """Delete runs beyond the limits; what they achieved stands in the status by now."""
        for one in expired:
            await self._cluster.delete(RUN, one.namespace, one.name, one.uid)
            logger.info("run %s/%s is beyond the history limit; deleted", one.namespace, one.name)

    async def _write_replication(self, raw: Object, old: ReplicationStatus, new: ReplicationStatus) -> bool:
        """Write the status and its Events if it changed; say whether it did."""
        self._metrics.show(Key(*_identity(raw)), new)
        if state.to_raw(new) == state.to_raw(old) and "status" in raw:
            return False
        for note in events.of_replication(old, new):
            await self._applier.emit(raw, note)
        await self._cluster.write_status(REPLICATION, {**raw, "status": state.to_raw(new)})
        return True


def _identity(raw: Object) -> tuple[str, str]:
    return raw["metadata"]["namespace"], raw["metadata"]["name"]
