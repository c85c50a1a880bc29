"""Everything that the operator reports: statuses, Events, metrics, the log.

Each change of a run's status goes to sinks, which are the functions listed in `Reporter`. To report a run's end
somewhere else as well, add a sink there (`RunChange.has_ended` tells the end). What users are notified of goes through
the DataReplication's status (`core/notifying.py`). `core` decides what is reported.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime

from datareplication.controller.cluster import (
    EVENT,
    REPLICATION,
    RUN,
    AlreadyExistsError,
    Cluster,
    ClusterError,
    Kind,
    Object,
)
from datareplication.controller.delivering import Courier
from datareplication.controller.metrics import Metrics
from datareplication.controller.options import Options
from datareplication.core import changes, events, names, notifying, state
from datareplication.core.changes import RunChange
from datareplication.core.events import Note
from datareplication.core.names import Key, Step
from datareplication.core.notifying import Happened, Post
from datareplication.core.run import Run
from datareplication.core.state import ReplicationStatus, RunStatus

logger = logging.getLogger(__name__)

Sink = Callable[[RunChange], Awaitable[None]]


class Reporter:
    """Writes statuses and passes their changes to the sinks.

    A sink in `_before` gets a change before it is written: at least once, because after a crash in between the change
    is passed again. A sink in `_after` gets a change after it is written: at most once.
    """

    def __init__(
        self, cluster: Cluster, options: Options, metrics: Metrics, now: Callable[[], datetime], courier: Courier
    ) -> None:
        self._cluster = cluster
        self._options = options
        self._metrics = metrics
        self._now = now
        self._courier = courier
        self._sinks = {sink.name: sink for sink in options.notifications.sinks}
        self._before: tuple[Sink, ...] = (self._post_events, self._log_phase)
        self._after: tuple[Sink, ...] = (self._count,)

    async def write_run(self, run: Run, new: RunStatus) -> Run:
        """Write a run's status and call the sinks, if the status changed; return the run afterwards."""
        change = changes.change(run, new)
        if change is None:
            return replace(run, status=new)
        for tell in self._before:
            await tell(change)
        raw = await self._cluster.write_status(RUN, {**run.raw, "status": state.to_raw(new)})
        for tell in self._after:
            await tell(change)
        return replace(run, status=new, raw=raw)

    async def _post_events(self, change: RunChange) -> None:
        for note in events.of_run(change.old, change.new):
            await self.post(change.run.raw, note)

    async def _log_phase(self, change: RunChange) -> None:
        if change.has_new_phase:
            run, new = change.run, change.new
            logger.info("run %s/%s: %s %s", run.namespace, run.name, new.phase, new.message)

    async def _count(self, change: RunChange) -> None:
        self._metrics.count_run(change.run, change.old, change.new)

    async def write_replication(
        self, raw: Object, old: ReplicationStatus, new: ReplicationStatus, seen: Happened
    ) -> bool:
        """Show a DataReplication's metrics; if its status changed, write it and post Events; return whether it did.

        What is to be notified is written with it, and handed to the courier afterwards.
        """
        key, post = names.key_of(raw), self._post_of(raw)
        new = notifying.notified(old, new, seen, post, self._courier.results(key))
        self._metrics.show(key, new)
        is_changed = "status" not in raw or (new != old and state.to_raw(new) != state.to_raw(old))
        if is_changed:
            ended = notifying.ended(old, new)
            for note in (*events.of_replication(old, new), *events.of_deliveries(ended)):
                await self.post(raw, note)
            await self._cluster.write_status(REPLICATION, {**raw, "status": state.to_raw(new)})
            for notice, one in ended:
                self._metrics.count_notification(one.sink, notice.event, one.state)
        outbox = new.notifications.outbox if new.notifications else []
        self._courier.hand_over(key, notifying.parcels(raw, new, post), [notice.id for notice in outbox])
        return is_changed

    async def announce(self, raw: Object, old: ReplicationStatus, seen: Happened) -> Object:
        """Confirm that `raw` is what the API holds now, before runs of slots are made; return it as it is afterwards.

        If slots were missed and that is to be notified, this writes it.
        """
        new = notifying.announced(old, seen, self._post_of(raw))
        manifest = raw if new is old else {**raw, "status": state.to_raw(new)}
        return await self._cluster.write_status(REPLICATION, manifest)

    def _post_of(self, raw: Object) -> Post:
        return notifying.post_of(raw, self._sinks, self._now())

    async def confirm(self, kind: Kind, raw: Object) -> None:
        """Raise ConflictError unless `raw` is what the API holds now; nothing is changed.

        A read may be outdated, and may even lack what this process has written.
        """
        await self._cluster.write_status(kind, raw)

    def job_made(self, run: Run, step: Step) -> None:
        """Count how late the first Job of a slot was made."""
        if run.request.slot is not None and step.role == names.DUMP:
            self._metrics.count_skew(run.request.slot, self._now())

    async def post(self, involved: Object, note: Note) -> None:
        """Post an Event; a repetition increases the count of the existing one. An error is only logged."""
        manifest = events.manifest(involved, note, self._options.instance, self._now())
        namespace, name = manifest["metadata"]["namespace"], manifest["metadata"]["name"]
        try:
            try:
                await self._cluster.create(EVENT, manifest)
            except AlreadyExistsError:
                existing = await self._cluster.get(EVENT, namespace, name) or {}
                await self._cluster.patch(EVENT, namespace, name, events.repetition(existing, manifest))
        except ClusterError as error:
            logger.warning("event %s not posted: %s", note.reason, error.message)

    def forget(self, key: Key) -> None:
        """Forget a DataReplication that is gone."""
        self._metrics.forget(key)
        self._courier.forget(key)
