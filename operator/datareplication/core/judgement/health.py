"""How old each target's data is, and in which state a DataReplication is now. It is cheap: the board judges all."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from datareplication.core.judgement.facts import Note, Replication, Target
from datareplication.core.phases import BAD_ENDS

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


def limit(data_time: datetime | None, seconds: int) -> datetime | None:
    """Return until when data is young enough; None if its time is not known. seconds: the objective."""
    return data_time + timedelta(seconds=seconds) if data_time else None


def is_young(until: datetime | None, now: datetime) -> bool:
    """Whether data that is young enough until a moment is so now: at that moment it still is."""
    return until is not None and now <= until


def age_seconds(target: Target, now: datetime) -> int | None:
    """Return how old a target's data is; None if nobody knows. A clock that is behind makes no age below nothing."""
    return max(0, int((now - target.data_time).total_seconds())) if target.data_time else None


def last_failure(one: Replication) -> Note | None:
    """Return the last run, if it failed; a run that gave its place to a later one did not."""
    told = one.condition("LastRunSucceeded")
    has_failed = told is not None and told.status == "False" and told.reason in BAD_ENDS
    return one.last_failure if has_failed else None


def freshness(one: Replication, target: Target, now: datetime) -> Freshness:
    """Return whether a target's data is young enough, by the objective of now."""
    if target.data_time is not None:
        return "fresh" if is_young(limit(target.data_time, one.freshness_seconds), now) else "stale"
    if target.loaded_time is not None:
        return "unknown"
    return "never" if _was_due(one, now) else "empty"


def _was_due(one: Replication, now: datetime) -> bool:
    """Whether a target should have been loaded by now: a run has ended, or the objective's time is over."""
    has_ended = one.last_success or one.last_failure
    return bool(has_ended) or not is_young(limit(one.created, one.freshness_seconds), now)
