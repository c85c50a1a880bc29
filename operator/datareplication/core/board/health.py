"""In which state a DataReplication and each of its targets is now. It is cheap: all are judged for each page."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from datareplication.core.board.facts import Replication, Run, Target
from datareplication.core.state import NOT_GROWN

Freshness = Literal["fresh", "stale", "never", "unknown", "empty"]
"""never: not loaded, although a run was due. unknown: loaded, and nobody knows how old the data is (a rollback to data
of no snapshot). empty: not loaded, and no run was due yet."""

OLD: tuple[Freshness, ...] = ("stale", "never", "unknown")

State = Literal["attention", "stale", "failing", "running", "waiting", "suspended", "ok"]
STATES: tuple[State, ...] = ("attention", "stale", "failing", "running", "waiting", "suspended", "ok")


@dataclass(frozen=True, slots=True)
class Health:
    """What is true of a DataReplication now."""

    stale: bool
    failing: bool
    running: bool
    waiting: bool
    suspended: bool

    @property
    def attention(self) -> bool:
        """Whether somebody should look at it."""
        return self.stale or self.failing

    @property
    def ok(self) -> bool:
        """Whether nobody needs to look at it."""
        return not self.attention

    @property
    def rank(self) -> int:
        """Return its place among others: what is stale and failing comes first, then stale, then failing."""
        return -2 * self.stale - self.failing

    def has(self, state: State) -> bool:
        """Whether it is in a state."""
        return bool(getattr(self, state))


def health(one: Replication, runs: Iterable[Run], now: datetime) -> Health:
    """Return the state of a DataReplication. runs: its own."""
    found = tuple(runs)
    return Health(
        stale=any(freshness(one, target, found, now) in OLD for target in one.targets),
        failing=is_failing(one),
        running=any(run.is_active for run in found),
        waiting=one.holds("Held") or any(run.start_time is None and run.completion_time is None for run in found),
        suspended=one.suspend,
    )


def is_failing(one: Replication) -> bool:
    """Whether something failed last; a run that gave its place to a later one did not fail."""
    last = one.condition("LastRunSucceeded")
    has_failed = last is not None and last.status == "False" and last.reason != "Replaced"
    is_blocked = one.holds("Stalled") or one.holds(NOT_GROWN)
    return has_failed or is_blocked or any(target.phase == "Failed" for target in one.targets)


def fresh_until(one: Replication, target: Target) -> datetime | None:
    """Return when a target's data becomes too old, by the objective of now."""
    return target.data_time + timedelta(seconds=one.freshness_seconds) if target.data_time else None


def freshness(one: Replication, target: Target, runs: Iterable[Run], now: datetime) -> Freshness:
    """Return whether a target's data is young enough."""
    limit = fresh_until(one, target)
    if limit is not None:
        return "fresh" if now <= limit else "stale"
    if target.loaded_time is not None:
        return "unknown"
    return "never" if _was_due(one, runs, now) else "empty"


def _was_due(one: Replication, runs: Iterable[Run], now: datetime) -> bool:
    """Whether a target should have been loaded by now: a run has ended, or the objective's time is over."""
    has_ended = one.last_success or one.last_failure or any(run.completion_time for run in runs)
    return bool(has_ended) or now > one.created + timedelta(seconds=one.freshness_seconds)
