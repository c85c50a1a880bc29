"""Which runs and loads may begin, wait or give way: (spec, runs, due slots, last ended run) -> `Turn`. Pure.

One rule for all: a run begins when fewer runs are active than `limit` says, oldest first. A due slot becomes a run only
when it could begin at once (Forbid, Allow), or by taking the place of those that are active (Replace).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from datareplication.core import times
from datareplication.core.pods import Why
from datareplication.core.run import Run
from datareplication.core.spec import ReplicationSpec, Schedule
from datareplication.core.state import RunNote


@dataclass(frozen=True)
class Turn:
    """What concurrency allows now."""

    slots: tuple[datetime, ...] = ()
    """Due slots that become runs now, oldest first."""
    held: Why = field(default_factory=Why)
    """Why a due slot waits; without a reason when none waits."""


def limit(spec: ReplicationSpec) -> int:
    """Return how many runs may be active at once: `maxActiveRuns` counts only where runs may overlap.

    With `dependsOnPast` they may not: the result of the run before has to be known.
    """
    may_overlap = spec.concurrency_policy == "Allow" and not spec.depends_on_past
    return spec.max_active_runs if may_overlap else 1


def schedule_of(spec: ReplicationSpec, schedule: Schedule) -> Schedule:
    """Return the schedule to decide by. Under Replace each slot replaces the one before: there is no catchup."""
    return schedule.having(catchup=False) if spec.concurrency_policy == "Replace" else schedule


def turn(
    spec: ReplicationSpec,
    runs: Iterable[Run],
    due: tuple[datetime, ...],
    last: RunNote | None,
    beside: Iterable[Run] = (),
) -> Turn:
    """Return which due slots become runs now. `last` is the run that ended last; beside: runs that are being ended."""
    if not due:
        return Turn()
    if spec.depends_on_past and last is not None and last.phase != "Succeeded":
        text = f"the slot of {times.to_text(due[0])} waits until a run has succeeded (spec.dependsOnPast), because"
        return Turn(held=Why("DependsOnPast", f"{text} run {last.run} ended {last.phase}; start a run by hand"))
    open_runs = [run for run in (*runs, *still_open(beside)) if not run.is_finished]
    if spec.concurrency_policy == "Replace":
        return Turn(slots=due[-1:])
    slots = due[: max(0, limit(spec) - len(open_runs))]
    names = ", ".join(run.name for run in open_runs)
    if len(slots) == len(due):
        return Turn(slots)
    text = f"the slot of {times.to_text(due[len(slots)])} waits for {names or 'the slots before it'}"
    return Turn(slots, Why("Waiting", f"{text} (spec.concurrencyPolicy: {spec.concurrency_policy})"))


def refused(slot: datetime, message: str) -> Why:
    """Return why a due slot waits: Kubernetes refused its run with this message."""
    return Why("RunRejected", f"the slot of {times.to_text(slot)} waits: Kubernetes refused its run: {message}")


def still_open(beside: Iterable[Run]) -> tuple[Run, ...]:
    """Return the runs that are being ended and are still at work.

    Runs whose objects are gone are left out: only Jobs without an owner tell of them, and anybody may create such Jobs.
    """
    return tuple(run for run in beside if run.uid and not run.is_finished)


def to_admit(spec: ReplicationSpec, runs: Iterable[Run], beside: Iterable[Run] = ()) -> tuple[Run, ...]:
    """Return the waiting runs that may begin now, oldest first. beside: runs that are being ended."""
    open_runs = [run for run in in_order(runs) if not run.is_finished]
    waiting = [run for run in open_runs if not run.is_admitted]
    active = len(open_runs) - len(waiting) + len(still_open(beside))
    return tuple(waiting[: max(0, limit(spec) - active)])


def replaced_by(spec: ReplicationSpec, run: Run, runs: Iterable[Run]) -> str:
    """Return the name of the run of a later slot that takes this one's place, empty when it may go on.

    A run made by hand is never replaced: somebody waits for it.
    """
    slot = run.request.slot
    if spec.concurrency_policy != "Replace" or slot is None:
        return ""
    later = [other for other in runs if other.request.slot and other.request.slot > slot and not other.is_finished]
    return in_order(later)[-1].name if later else ""


def loads_ahead(run: Run, runs: Iterable[Run], beside: Iterable[Run] = ()) -> dict[str, str]:
    """Return target -> the run that began earlier and still has to load it: older data must not come after newer.

    beside: runs that are being ended; they never begin a load that they have not begun yet.
    """
    loading = [(one.name, step) for one in still_open(beside) for step in one.status.targets]
    ahead = {step.name: name for name, step in loading if not step.is_finished and step.phase != "Waiting"}
    for other in runs:
        if other.is_admitted and not other.is_finished and _began_before(other, run):
            ended = {target.name for target in other.status.targets if target.is_finished}
            ahead |= {target: other.name for target in other.targets if target not in ended}
    return ahead


def _began_before(one: Run, other: Run) -> bool:
    begins = [(run.status.start_time or datetime.max.replace(tzinfo=UTC), run.name) for run in (one, other)]
    return begins[0] < begins[1]


def in_order(runs: Iterable[Run]) -> list[Run]:
    """Return runs in the order of their slots, or of their creation if they have no slot."""
    return sorted(runs, key=lambda run: (run.request.slot or run.created, run.name))
