"""Which runs may begin, wait or give way: (spec, runs, due slots, last ended run) -> `Turn`. Pure.

One rule for all: a run begins when fewer runs are active than `limit` says, oldest first. A due slot becomes a run only
when it could begin at once (Forbid, Allow), or by taking the place of those that are active (Replace).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from datareplication.core.run import Run
from datareplication.core.spec import ReplicationSpec
from datareplication.core.state import RunNote


@dataclass(frozen=True)
class Turn:
    """What concurrency allows now.

    slots: due slots that become runs now, oldest first. held: why a due slot waits, empty when none does.
    """

    slots: tuple[datetime, ...] = ()
    held: str = ""


def limit(spec: ReplicationSpec) -> int:
    """Return how many runs may be active at once: `maxActiveRuns` is of use only where runs may overlap at all."""
    return spec.max_active_runs if spec.concurrency_policy == "Allow" else 1


def turn(spec: ReplicationSpec, runs: Iterable[Run], due: tuple[datetime, ...], last: RunNote | None) -> Turn:
    """Return which due slots become runs now. `last` is the run that ended last."""
    if not due:
        return Turn()
    if spec.depends_on_past and last is not None and last.phase != "Succeeded":
        text = f"run {last.run} {last.phase}; with dependsOnPast the next slot waits until a run has succeeded"
        return Turn(held=f"{text}: start one by hand")
    open_runs = [run for run in runs if not run.is_finished]
    if spec.concurrency_policy == "Replace":
        return Turn(slots=due[-1:])
    slots = due[: max(0, limit(spec) - len(open_runs))]
    names = ", ".join(run.name for run in open_runs)
    return Turn(slots, held="" if slots else f"waits for {names}")


def to_admit(spec: ReplicationSpec, runs: Iterable[Run]) -> tuple[Run, ...]:
    """Return the waiting runs that may begin now, oldest first."""
    open_runs = [run for run in in_order(runs) if not run.is_finished]
    waiting = [run for run in open_runs if not run.is_admitted]
    return tuple(waiting[: max(0, limit(spec) - (len(open_runs) - len(waiting)))])


def replaced_by(spec: ReplicationSpec, run: Run, runs: Iterable[Run]) -> str:
    """Return the name of the run of a later slot that takes this one's place, empty when it may go on.

    A run made by hand is never replaced: somebody waits for it.
    """
    slot = run.request.slot
    if spec.concurrency_policy != "Replace" or slot is None:
        return ""
    later = [other for other in runs if other.request.slot and other.request.slot > slot and not other.is_finished]
    return in_order(later)[-1].name if later else ""


def in_order(runs: Iterable[Run]) -> list[Run]:
    """Return runs in the order in which they were asked for: of slots by their slot, others by their creation."""
    return sorted(runs, key=lambda run: (run.request.slot or run.created, run.name))
