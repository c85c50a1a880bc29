"""What the board and the plugin know of a DataReplication and of a run. `reading.py` takes it from the objects.

There may be thousands, so these are small: a status as a model takes ten times the memory.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from datareplication.core.names import DUMP, LOAD
from datareplication.core.state import ProgressStatus


def weight(texts: Iterable[str]) -> int:
    """Return how many bytes of memory texts take: one emoji makes each character of a text four bytes wide."""
    return sum(text.__sizeof__() for text in texts)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One pod of a step that has ended."""

    pod: str
    start_time: datetime | None
    completion_time: datetime | None
    exit_code: int | None
    reason: str
    message: str
    is_disruption: bool


@dataclass(frozen=True, slots=True)
class Step:
    """The dump of a run (no target), or the load or rollback of one target."""

    target: str
    phase: str
    attempts: int
    reason: str
    message: str
    tables: int
    rows: int
    bytes: int
    start_time: datetime | None
    completion_time: datetime | None
    duration_seconds: float
    retry_time: datetime | None
    progress: ProgressStatus | None
    ended_attempts: tuple[Attempt, ...]

    @property
    def is_open(self) -> bool:
        """Whether it has begun and not ended."""
        return self.phase in ("Pending", "Running", "Retrying")

    @property
    def is_finished(self) -> bool:
        """Whether it has succeeded or failed."""
        return self.phase in ("Succeeded", "Failed")

    @property
    def role(self) -> str:
        """Return the role of its Jobs and of their containers."""
        return LOAD if self.target else DUMP


@dataclass(frozen=True, slots=True)
class Run:
    """One DataReplicationRun."""

    name: str
    namespace: str
    replication: str
    version: str
    created: datetime
    slot: datetime | None
    action: str
    phase: str
    reason: str
    message: str
    start_time: datetime | None
    completion_time: datetime | None
    targets_summary: str
    snapshot_time: datetime | None
    steps: tuple[Step, ...]
    is_looked_at: bool
    """Whether an operator has written its status."""
    is_whole: bool = True
    """False if the steps are left out, because there was no room for them."""

    @property
    def is_active(self) -> bool:
        """Whether it has begun and not ended."""
        return self.start_time is not None and self.completion_time is None

    @property
    def is_waiting(self) -> bool:
        """Whether it has not begun."""
        return self.start_time is None and self.completion_time is None

    @property
    def is_finished(self) -> bool:
        """Whether it has ended."""
        return self.completion_time is not None

    @property
    def failed(self) -> tuple[Step, ...]:
        """Return the steps that have failed, without loads that only failed because the dump did."""
        found = tuple(step for step in self.steps if step.phase == "Failed")
        return found[:1] if found and not found[0].target else found

    def what(self, step: Step) -> str:
        """Return a step in words."""
        return f"{self.verb} of {step.target}" if step.target else "dump"

    @property
    def verb(self) -> str:
        """Return what the run does to its targets."""
        return "rollback" if self.action == "Rollback" else "load"

    @property
    def weight(self) -> int:
        """Return how much its messages take."""
        attempts = weight(attempt.message for step in self.steps for attempt in step.ended_attempts)
        return weight((self.message, *(step.message for step in self.steps))) + attempts

    def without_steps(self) -> "Run":
        """Return the run without its steps, for where there is no room."""
        return replace(self, steps=(), message=self.message[:100], is_whole=False)


@dataclass(frozen=True, slots=True)
class Note:
    """A run that is remembered after its object is gone."""

    run: str
    phase: str
    time: datetime
    message: str


@dataclass(frozen=True, slots=True)
class Told:
    """One condition."""

    type: str
    status: str
    reason: str
    message: str
    last_transition_time: datetime | None


@dataclass(frozen=True, slots=True)
class Target:
    """What one target holds, and how its last load went."""

    name: str
    phase: str = "Waiting"
    run: str = ""
    snapshot: str = ""
    data_time: datetime | None = None
    loaded_time: datetime | None = None
    rows: int = 0
    bytes: int = 0
    duration_seconds: float = 0.0
    message: str = ""


@dataclass(frozen=True, slots=True)
class Replication:
    """One DataReplication."""

    namespace: str
    name: str
    version: str
    created: datetime
    description: str
    tags: tuple[str, ...]
    cron: str
    time_zone: str
    suspend: bool
    concurrency: str
    freshness_seconds: int
    is_looked_at: bool
    """Whether an operator has written its status."""
    phase: str
    message: str
    targets_summary: str
    next_schedule_time: datetime | None
    last_successful_time: datetime | None
    last_success: Note | None
    last_failure: Note | None
    active_runs: tuple[str, ...]
    targets: tuple[Target, ...]
    conditions: tuple[Told, ...]
    is_whole: bool = True
    """False if its messages are left out, because there was no room for them."""

    @property
    def weight(self) -> int:
        """Return how much its messages and the like take."""
        told = [note.message for note in (self.last_success, self.last_failure) if note]
        told += [target.message for target in self.targets] + [one.message for one in self.conditions]
        return weight((self.description, *self.tags, self.message, *told))

    def without_messages(self) -> "Replication":
        """Return the DataReplication without its messages, for where there is no room."""
        return replace(
            self,
            description="",
            tags=(),
            message="",
            last_success=self.last_success and replace(self.last_success, message=""),
            last_failure=self.last_failure and replace(self.last_failure, message=""),
            targets=tuple(replace(target, message="") for target in self.targets),
            conditions=tuple(replace(told, message="") for told in self.conditions),
            is_whole=False,
        )

    def condition(self, kind: str) -> Told | None:
        """Return the condition of a type if it is there."""
        return next((one for one in self.conditions if one.type == kind), None)

    def holds(self, kind: str, status: str = "True") -> bool:
        """Whether a condition has a status."""
        told = self.condition(kind)
        return told is not None and told.status == status


@dataclass(frozen=True, slots=True)
class Subject:
    """One DataReplication and its runs, as far as they were read."""

    one: Replication
    runs: tuple[Run, ...] = ()

    def run(self, name: str) -> Run | None:
        """Return a run that was read."""
        return next((run for run in self.runs if run.name == name), None)

    @property
    def latest(self) -> tuple[Run, ...]:
        """Return the runs, the latest first."""
        return tuple(sorted(self.runs, key=lambda run: (run.created, run.name), reverse=True))

    @property
    def unfinished(self) -> tuple[Run, ...]:
        """Return the runs that have not ended, the oldest first."""
        return tuple(run for run in reversed(self.latest) if not run.is_finished)
