"""The only orchestration: observe -> plan -> apply -> report, for one DataReplication and its runs.

`core` makes every decision; this module reads the live state, asks `core`, carries out the answer and writes each
status once. It may be killed between any two API calls: called again, it reaches the same end.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from datareplication.controller.accepting import Acceptor
from datareplication.controller.advancing import Advancer
from datareplication.controller.closing import Closer
from datareplication.controller.cluster import (
    REPLICATION,
    RUN,
    Cluster,
    ClusterError,
    Object,
    RejectedError,
)
from datareplication.controller.delivering import Courier
from datareplication.controller.growing import grow
from datareplication.controller.metrics import Metrics
from datareplication.controller.options import Options
from datareplication.controller.reporting import Reporter
from datareplication.controller.starting import Starter
from datareplication.core import (
    answers,
    concurrency,
    effective_schedule,
    events,
    found_runs,
    growth,
    leftovers,
    moves,
    names,
    origin,
    outcome,
    plan,
    run,
    schedule,
    state,
    summary,
)
from datareplication.core.moves import Advance, Close, HoldBack, Move
from datareplication.core.names import Key
from datareplication.core.notifying import Happened
from datareplication.core.outcome import Outcome
from datareplication.core.pods import Why
from datareplication.core.run import Run
from datareplication.core.spec import ReplicationSpec
from datareplication.core.state import ReplicationStatus
from datareplication.core.summary import SeenReplication
from datareplication.errors import SpecError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sorted:
    """Runs of one DataReplication: those to carry out, and beside them those that are being ended."""

    ours: tuple[Run, ...]
    beside: tuple[Run, ...] = ()


@dataclass(frozen=True)
class Moved:
    """Runs as they are after their moves, and when to look at them again."""

    runs: tuple[Run, ...]
    requeues: tuple[datetime | None, ...]

    def waiting(self, refused: tuple[Run, ...], now: datetime) -> "Moved":
        """Return these and the runs that Kubernetes refused for now."""
        again = (answers.refused_again(now),) if refused else ()
        return Moved((*self.runs, *refused), (*self.requeues, *again))


class Reconciler:
    """Brings one DataReplication and its runs a step further."""

    def __init__(
        self, cluster: Cluster, options: Options, metrics: Metrics, now: Callable[[], datetime], courier: Courier
    ) -> None:
        self._cluster = cluster
        self._now = now
        self._reporter = Reporter(cluster, options, metrics, now, courier)
        self._advancer = Advancer(cluster, options.jobs, self._reporter, now)
        self._closer = Closer(cluster, self._reporter, now)
        self._acceptor = Acceptor(cluster, self._reporter, now)
        self._starter = Starter(cluster, self._advancer, self._reporter, now)

    def forget(self, key: Key) -> None:
        """Forget a DataReplication that is gone."""
        self._advancer.forget(key)
        self._reporter.forget(key)

    async def reconcile(self, key: Key, *, is_from_rest: bool = False) -> Outcome:
        """Do what is due now for `key`. A ClusterError means: nothing is lost, call again later.

        is_from_rest: the DataReplication rested until its slot, which is due now, and no event came meanwhile.
        """
        if is_from_rest and await self._starter.start_from_rest(key):
            return Outcome(self._now())
        raw = await self._cluster.get(REPLICATION, key.namespace, key.name)
        fields = f"spec.replicationName={key.name}"
        found = await self._cluster.list_all(RUN, key.namespace, fields=fields, keep=run.kept)
        readable = await self._readable(found)
        if raw is None:
            return await self._reconcile_orphans(key, readable)
        return replace(await self._reconcile(raw, found, readable), seen=outcome.versions(raw, found))

    async def _reconcile(self, raw: Object, found: list[Object], readable: Sorted) -> Outcome:
        if raw["metadata"].get("deletionTimestamp"):
            return Outcome()
        gone: tuple[Run, ...] = ()
        old = state.read_status(ReplicationStatus, raw)
        if leftovers.may_have_orphans(old, found):
            gone = await self._closer.end_orphans(names.key_of(raw), old.active_runs)
        readable = replace(readable, beside=(*readable.beside, *gone))
        try:
            parsed = schedule.spec_of(raw)
        except SpecError as error:
            return await self._reconcile_invalid(raw, await self._sorted(raw, None, readable), error)
        return await self._reconcile_valid(raw, parsed, await self._sorted(raw, parsed, readable))

    async def _readable(self, raw_runs: Iterable[Object]) -> Sorted:
        """Return the runs that can be read; beside them unreadable runs and those being deleted, which are ended."""
        parts = []
        for raw in raw_runs:
            parts.append(found_runs.read_all((raw,)))
            await asyncio.sleep(0)  # reading a large copy takes time, and the lease has to be renewed
        found = found_runs.together(parts)
        closed = [await self._closer.close(one, why) for one, why in found.unreadable]
        closed += [await self._closer.close(one, leftovers.DELETED) for one in found.going]
        return Sorted(found.readable, tuple(closed))

    async def _sorted(self, raw: Object, parsed: ReplicationSpec | None, found: Sorted) -> Sorted:
        """Return the runs to carry out; beside them those that were restored without their status, which are ended.

        parsed: the spec; None when it is invalid.
        """
        judged = origin.sort_runs(found.ours, origin.judged_by(raw, parsed, self._now()))
        closed = [await self._closer.close(one, origin.RESTORED) for one in judged.restored]
        return Sorted(judged.ours, (*found.beside, *closed))

    async def _reconcile_orphans(self, key: Key, readable: Sorted) -> Outcome:
        """Go on with the runs and Jobs that outlive a deleted DataReplication."""
        await self._closer.end_orphans(key)
        orphans = leftovers.runs_without_owner(readable.ours)
        why = leftovers.why_without_replication(key)
        left = await self._move(orphans, moves.moves_without_spec(orphans, why, readable.beside))
        return outcome.without_replication(left.runs, readable.beside, left.requeues, self._now())

    async def _reconcile_invalid(self, raw: Object, found: Sorted, error: SpecError) -> Outcome:
        """Report the fault. Runs that have begun go on with their own copy of the spec; others fail."""
        why = Why(error.reason, error.message)
        moved = await self._move(found.ours, moves.moves_without_spec(found.ours, why, found.beside))
        now, old = self._now(), state.read_status(ReplicationStatus, raw)
        new = summary.invalid(old, raw["metadata"]["generation"], error, (*moved.runs, *found.beside), now)
        await self._reporter.write_replication(raw, old, new, Happened(raw, moved.runs, found.beside))
        return outcome.of_invalid(new, found.beside, moved.requeues, now)

    async def _reconcile_valid(self, raw: Object, parsed: ReplicationSpec, found: Sorted) -> Outcome:
        now, runs = self._now(), found.ours
        old = state.read_status(ReplicationStatus, raw)
        in_effect, decision = effective_schedule.decide(raw, parsed, old, runs, now)
        accepted = await self._acceptor.accept(raw, parsed, runs)
        runs = accepted.runs
        allowed = concurrency.turn(parsed, runs, decision.due, summary.last_runs(old, runs, now).ended, found.beside)
        if allowed.slots:
            raw = await self._reporter.announce(raw, old, Happened(raw, runs, found.beside, decision))
            old = state.read_status(ReplicationStatus, raw)
        started = await self._starter.start(raw, parsed, runs, allowed.slots)
        moved = await self._move(started.runs, moves.moves(parsed, started.runs, self._now(), found.beside))
        moved = moved.waiting(accepted.refused, self._now())
        if allowed.slots and not started.taken and not started.refused and not decision.missed:
            return Outcome(now)  # other DataReplications may be due too: their Jobs come before this status
        for note in (*events.of_missed(decision), *events.of_made_runs(old, moved.runs)):
            await self._reporter.post(raw, note)
        in_effect = effective_schedule.after_missed(in_effect, decision)
        held = started.why_refused or allowed.held
        generation = raw["metadata"]["generation"]
        grown = await grow(self._cluster, raw, parsed) if growth.is_due(old, generation, moved.runs) else None
        seen = SeenReplication(parsed, generation, moved.runs, in_effect, decision, held, found.beside, grown)
        new = summary.summarize(old.having(last_schedule_time=started.taken or old.last_schedule_time), seen, now)
        happened = Happened(raw, moved.runs, found.beside, decision)
        is_written = await self._reporter.write_replication(raw, old, new, happened)
        await self._delete_expired(raw, parsed, moved.runs, found.beside, is_written=is_written)
        if started.refused:
            raise started.refused  # retried with back-off; all else has been done
        return outcome.of_valid(new, moved.runs, found.beside, moved.requeues, now)

    async def _move(self, runs: tuple[Run, ...], wanted: tuple[Move, ...]) -> Moved:
        """Carry out what becomes of each run."""
        moved = [await self._move_alone(one, move) for one, move in zip(runs, wanted, strict=True)]
        return Moved(tuple(one for one, _ in moved), tuple(again for _, again in moved))

    async def _move_alone(self, one: Run, move: Move) -> tuple[Run, datetime | None]:
        """Carry out what becomes of a run; an error with this run alone does not stop the others.

        What Kubernetes refuses is tried again. A run that meets a defect of the operator fails, or is skipped.
        """
        try:
            return await self._move_one(one, move)
        except RejectedError as error:
            logger.warning("run %s/%s is skipped: %s", one.namespace, one.name, error.message)
        except ClusterError:
            raise  # the whole reconcile is retried
        except Exception as error:
            logger.exception("run %s/%s: unexpected", one.namespace, one.name)
            one = await self._after_defect(one, error)
        return one, answers.refused_again(self._now())

    async def _after_defect(self, one: Run, error: Exception) -> Run:
        try:
            moved, _ = await self._move_one(one, moves.after_defect(one, error, self._now()))
        except ClusterError:
            raise
        except Exception:
            logger.exception("run %s/%s cannot be ended", one.namespace, one.name)
            return one
        return moved

    async def _move_one(self, one: Run, move: Move) -> tuple[Run, datetime | None]:
        match move:
            case Advance():
                return await self._advancer.advance(one, move)
            case HoldBack(status):
                return await self._reporter.write_run(one, status), None
            case Close(why):
                return await self._closer.close(one, why), None
            case None:
                return one, None

    async def _delete_expired(
        self, raw: Object, parsed: ReplicationSpec, runs: tuple[Run, ...], beside: tuple[Run, ...], *, is_written: bool
    ) -> None:
        """Delete runs beyond the history limits; by now the status has recorded what they achieved."""
        expired = plan.expired_runs(runs, parsed.history.successful, parsed.history.failed)
        expired += plan.expired_beside(beside, parsed.history.failed)
        if expired and not is_written:
            await self._reporter.confirm(REPLICATION, raw)
        for one in expired:
            await self._cluster.delete(RUN, one.namespace, one.name, one.uid)
            logger.info("run %s/%s is beyond the history limit; deleted", one.namespace, one.name)
