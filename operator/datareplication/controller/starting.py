"""How the runs of slots come to be: created under the slot's name, adopted if they are ours, or passed over."""

import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from datareplication.controller.accepting import known
from datareplication.controller.applying import Applier
from datareplication.controller.cluster import (
    REPLICATION,
    RUN,
    AlreadyExistsError,
    Cluster,
    ConflictError,
    Object,
    RejectedError,
)
from datareplication.controller.queue import Key
from datareplication.core import (
    concurrency,
    effect,
    events,
    names,
    objects,
    origin,
    paths,
    run,
    schedule,
    state,
    summary,
    times,
)
from datareplication.core.pods import Why
from datareplication.core.run import Run
from datareplication.core.spec import ReplicationSpec
from datareplication.core.state import ReplicationStatus
from datareplication.errors import SpecError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Started:
    """What came of slots. taken: a slot whose name is somebody else's. refused: why `slot` waits."""

    runs: tuple[Run, ...]
    taken: datetime | None = None
    refused: RejectedError | None = None
    slot: datetime | None = None

    @property
    def why_refused(self) -> Why | None:
        """Return what a status tells of a slot whose run Kubernetes refused."""
        if self.refused is None or self.slot is None:
            return None
        text = f"the slot of {times.to_text(self.slot)} waits: Kubernetes refused its run: {self.refused.message}"
        return Why("RunRejected", text)


class Starter:
    """Makes the runs of slots that are due."""

    def __init__(self, cluster: Cluster, applier: Applier, now: Callable[[], datetime]) -> None:
        self._cluster = cluster
        self._applier = applier
        self._now = now

    async def start_from_rest(self, key: Key) -> bool:
        """Make the Jobs of the slots that are due by as few requests as can be; False, with nothing done, if none is.

        Where many are due at once each request delays all others. A run that was made by hand meanwhile waits.
        """
        raw = await self._cluster.confirmed(REPLICATION, key.namespace, key.name)
        if raw is None or raw["metadata"].get("deletionTimestamp"):
            return False
        try:
            parsed = schedule.spec_of(raw)
        except SpecError:
            return False
        old = state.read_status(ReplicationStatus, raw)
        _, decision = effect.decide(raw, parsed, old, (), self._now())
        slots = concurrency.turn(parsed, (), decision.due, summary.last_runs(old, ()).ended).slots
        if not slots or old.active_runs or decision.missed:
            return False
        runs: tuple[Run, ...] = ()
        for slot in slots:
            try:
                made = await self._create_run(raw, parsed, slot, begun=self._now())
            except AlreadyExistsError:
                break  # whose it is, a look at all tells
            runs = (*runs, run.read(made))
            await self._applier.begin(runs[-1], paths.in_use(runs))
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
        of = raw["metadata"]
        logger.info("slot %s of %s/%s is due; run created", times.to_text(slot), of["namespace"], of["name"])
        return made

    async def _adopted(self, raw: Object, parsed: ReplicationSpec, slot: datetime) -> Object | None:
        """Return the run that bears the slot's name if it is the slot's; any other is reported and left alone."""
        name = names.run_name(raw["metadata"]["name"], slot)
        existing = await self._cluster.get(RUN, raw["metadata"]["namespace"], name)
        if existing is None:
            raise ConflictError(f"run {name} vanished; try again")
        if names.is_owned_by(existing, raw["metadata"]["uid"]) and existing["spec"].get("slot") == times.to_text(slot):
            with contextlib.suppress(SpecError):
                if origin.of(run.read(existing), known(raw, parsed, self._now())) == "Ours":
                    return existing
        text = f"run {name} exists and was not made for this resource's slot; the slot is passed over"
        await self._applier.emit(raw, events.Note("Warning", "RunNameTaken", text))
        return None
