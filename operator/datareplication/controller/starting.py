"""Makes the runs of slots: each is created under the slot's name, adopted if it exists and is ours, or skipped."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from datareplication.controller.advancing import Advancer
from datareplication.controller.cluster import (
    REPLICATION,
    RUN,
    AlreadyExistsError,
    Cluster,
    ConflictError,
    Object,
    RejectedError,
)
from datareplication.controller.reporting import Reporter
from datareplication.core import (
    concurrency,
    effective_schedule,
    events,
    names,
    objects,
    origin,
    paths,
    run,
    schedule,
    times,
)
from datareplication.core.names import Key
from datareplication.core.pods import Why
from datareplication.core.run import Run
from datareplication.core.spec import ReplicationSpec

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Started:
    """What became of slots. taken: a slot whose run name is somebody else's. refused: why `slot` waits."""

    runs: tuple[Run, ...]
    taken: datetime | None = None
    refused: RejectedError | None = None
    slot: datetime | None = None

    @property
    def why_refused(self) -> Why | None:
        """Return what the status says of a slot whose run Kubernetes refused."""
        return concurrency.refused(self.slot, self.refused.message) if self.refused and self.slot else None


class Starter:
    """Makes the runs of slots that are due."""

    def __init__(self, cluster: Cluster, advancer: Advancer, reporter: Reporter, now: Callable[[], datetime]) -> None:
        self._cluster = cluster
        self._advancer = advancer
        self._reporter = reporter
        self._now = now

    async def start_from_rest(self, key: Key) -> bool:
        """Make the runs and Jobs of due slots with as few requests as possible; False, and nothing done, if none is.

        When many slots are due at once, each request delays all others. A run that was made by hand meanwhile waits.
        """
        raw = await self._cluster.confirmed(REPLICATION, key.namespace, key.name)
        due = effective_schedule.rest_end(raw, self._now()) if raw else None
        if raw is None or due is None:
            return False
        runs: tuple[Run, ...] = ()
        for slot in due.slots:
            try:
                made = await self._create_run(raw, due.spec, slot, begun=self._now())
            except AlreadyExistsError:
                break  # a full reconcile finds out whose run that is
            runs = (*runs, run.read(made))
            await self._advancer.begin(runs[-1], paths.in_use(runs))
        return True

    async def start(
        self, raw: Object, parsed: ReplicationSpec, runs: tuple[Run, ...], slots: tuple[datetime, ...]
    ) -> Started:
        """Create the runs of `slots`, up to one whose run cannot be made."""
        for slot in slots:
            try:
                made = await self._create_run(raw, parsed, slot)
            except AlreadyExistsError:
                adopted = await self._adopted(raw, parsed, slot)
                if adopted is None:
                    return Started(runs, taken=slot)
                made = adopted
            except RejectedError as error:
                return Started(runs, refused=error, slot=slot)
            runs = (*(one for one in runs if one.name != made["metadata"]["name"]), run.read(made))
        return Started(runs)

    async def _create_run(
        self, raw: Object, parsed: ReplicationSpec, slot: datetime, begun: datetime | None = None
    ) -> Object:
        """Create and return the run of a slot; AlreadyExistsError when its name is taken."""
        interval = schedule.data_interval(parsed.schedule, slot)  # type: ignore[arg-type]
        made = await self._cluster.create(RUN, objects.run_of_slot(raw, raw["spec"], slot, interval, begun))
        logger.info("slot %s of %s is due; run created", times.to_text(slot), names.key_of(raw))
        return made

    async def _adopted(self, raw: Object, parsed: ReplicationSpec, slot: datetime) -> Object | None:
        """Return the run with the slot's name if it was made for the slot; any other is reported and left alone."""
        name = names.run_name(raw["metadata"]["name"], slot)
        existing = await self._cluster.get(RUN, raw["metadata"]["namespace"], name)
        if existing is None:
            raise ConflictError(f"run {name} vanished; try again")
        if origin.is_run_of_slot(existing, slot, origin.judged_by(raw, parsed, self._now())):
            return existing
        await self._reporter.post(raw, events.of_taken_name(name))
        return None
