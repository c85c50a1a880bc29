"""Why a target's data is old or its load failed, and what to do: in the words of the status and of `core/reasons`."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from datareplication.core.board import words
from datareplication.core.board.facts import Replication, Run, Step, Target, Told
from datareplication.core.reasons import MEANINGS
from datareplication.core.state import NOT_GROWN

OVERDUE = timedelta(minutes=3)
"""How long after its time a slot without a run is told: a busy operator needs some seconds."""


@dataclass(frozen=True, slots=True)
class Cause:
    """What is wrong, and what to do about it."""

    headline: str
    """A clause that goes on after `because`."""
    reason: str = ""
    message: str = ""
    meaning: str = ""
    remedy: str = ""
    run: str = ""
    """Which run's end or state it is."""
    is_failure: bool = True
    """False where nothing failed: a suspended resource, a run that is at work."""


def cause(headline: str, reason: str, message: str = "", *, run: str = "", is_failure: bool = True) -> Cause:
    """Return a cause with what is known about its reason."""
    known = MEANINGS.get(reason)
    what, remedy = (known.what, known.remedy) if known else ("", "")
    return Cause(headline, reason, message, what, remedy, run, is_failure)


def of_target(one: Replication, target: Target, runs: Iterable[Run], now: datetime) -> Cause:
    """Return why a target is not fresh, or why its last load failed. runs: those of the DataReplication."""
    found = tuple(runs)
    active = next((run for run in found if run.is_active and _loads(run, target.name)), None)
    if active is not None and target.phase != "Failed":
        return Cause(f"run {active.name} is still at work", run=active.name, is_failure=False)
    if one.holds("Stalled"):
        return of_spec(one)
    if target.phase == "Failed":
        return _of_load(target, found)
    return _of_schedule(one, target, found, now)


def of_spec(one: Replication) -> Cause:
    """Return why an invalid DataReplication is not carried out."""
    told = one.condition("Stalled") or Told("Stalled", "True", "InvalidSpec", one.message, None)
    return cause("the spec cannot be carried out", told.reason, told.message)


def of_volume(one: Replication) -> Cause | None:
    """Return why the claim is too small; None if it is not."""
    told = one.condition(NOT_GROWN)
    if told is None or told.status != "True":
        return None
    return cause("the volume could not be grown", told.reason, told.message)


def of_last_run(one: Replication, runs: Iterable[Run]) -> Cause | None:
    """Return why the last run failed; None if it did not."""
    if not one.holds("LastRunSucceeded", "False"):
        return None
    note = one.last_failure
    run = next((run for run in runs if note and run.name == note.run), None)
    if run is None:
        return cause("the last run failed", "", note.message if note else one.message, run=note.run if note else "")
    return _of_run(run)


def _of_run(run: Run) -> Cause:
    """Return why a run failed: by its first step that failed, otherwise by its own reason."""
    step = next((step for step in run.steps if step.phase == "Failed"), None)
    if step is None:
        return cause("the last run failed", run.reason, run.message, run=run.name)
    return _of_step(step, run)


def _of_step(step: Step, run: Run) -> Cause:
    what = "rollback" if run.action == "Rollback" else "load"
    headline = f"the last {what} failed" if step.target else "the last dump failed"
    reason = step.reason or next((one.reason for one in reversed(step.ended_attempts) if one.reason), "")
    return cause(headline, reason, step.message, run=run.name)


def _of_load(target: Target, runs: tuple[Run, ...]) -> Cause:
    """Return why a target's last load failed; only the status tells it when the run is gone."""
    run = next((run for run in runs if run.name == target.run), None)
    if run is None:
        return cause("the last load failed", "", target.message, run=target.run)
    step = next((step for step in run.steps if step.target == target.name and step.phase == "Failed"), None)
    return _of_step(step, run) if step else replace(_of_run(run), message=target.message or run.message)


def _of_schedule(one: Replication, target: Target, runs: tuple[Run, ...], now: datetime) -> Cause:
    """Return why no newer load was made, although none failed."""
    held = one.condition("Held")
    waiting = next((run for run in runs if run.start_time is None and run.completion_time is None), None)
    if waiting is not None:
        headline = f"run {waiting.name} waits for its turn"
        return cause(headline, waiting.reason or "Waiting", waiting.message, run=waiting.name, is_failure=False)
    if one.suspend:
        return cause("the schedule is suspended", "Suspended", is_failure=False)
    if held is not None and held.status == "True":
        return cause("a due slot waits", held.reason, held.message)
    if not one.cron:
        return cause("there is no schedule, and nobody has started a run since", "OnDemand", is_failure=False)
    return _of_slots(one, target, now)


def _of_slots(one: Replication, target: Target, now: datetime) -> Cause:
    due = one.next_schedule_time
    if due is None:
        return cause("the schedule has no further slot", "Completed", is_failure=False)
    if now > due + OVERDUE:
        remedy = "See whether the operator runs and holds its Lease: `kubectl get pods,lease` in its namespace."
        return Cause(f"the slot of {words.utc(due)} was not run", remedy=remedy)
    limit = timedelta(seconds=one.freshness_seconds)
    if target.data_time is not None and due - target.data_time > limit:
        meaning = f"The next run is due {words.duration((due - target.data_time).total_seconds())} after this data."
        remedy = "Raise `freshnessSeconds`, or run more often."
        headline = "the schedule leaves more time between runs than the objective allows"
        return Cause(headline, meaning=meaning, remedy=remedy, is_failure=False)
    headline = "no run has loaded newer data" if target.data_time else "no run has loaded it"
    return Cause(headline, remedy="Start a run by hand, or wait for the next slot.")


def _loads(run: Run, target: str) -> bool:
    """Whether an active run is going to load a target, or does so."""
    step = next((step for step in run.steps if step.target == target), None)
    return step is not None and step.phase not in ("Failed", "Succeeded")
