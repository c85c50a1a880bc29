"""What becomes of each run of a DataReplication now: (spec, runs, now) -> a `Move` for each. Pure.

`concurrency.py` decides which run may begin, `plan.py` what an admitted run does next.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from datareplication.core import concurrency, found_runs, paths, plan, status
from datareplication.core.pods import Why
from datareplication.core.run import Run
from datareplication.core.spec import ReplicationSpec
from datareplication.core.state import RunStatus


@dataclass(frozen=True)
class Advance:
    """The run goes a step further."""

    in_use: tuple[str, ...] = ()
    """Run directories on the volume that open runs use."""
    ahead: Mapping[str, str] = field(default_factory=dict)
    """Target -> the run that loads it first."""
    replaced_by: str = ""
    """Name of the run that takes this one's place; empty when this one may go on."""


@dataclass(frozen=True)
class HoldBack:
    """The run does not begin; its status says why."""

    status: RunStatus


@dataclass(frozen=True)
class Close:
    """The run cannot go on: its Jobs are ended, then the run fails."""

    why: Why


WAITS = "waits for its turn; status.activeRuns of its DataReplication names all runs that have not ended"

Move = Advance | HoldBack | Close | None
"""None: the run has ended, or its status cannot be read; the run stays as it is."""


def moves(
    spec: ReplicationSpec, runs: tuple[Run, ...], now: datetime, beside: tuple[Run, ...] = ()
) -> tuple[Move, ...]:
    """Return what becomes of each of the runs of a valid DataReplication, in their order.

    beside: runs that are being ended; while they are at work, the others wait for them as for any run.
    """
    admitted = {one.name for one in concurrency.to_admit(spec, runs, beside)}
    in_use = paths.in_use((*runs, *beside))
    found: list[Move] = []
    for one in runs:
        successor = concurrency.replaced_by(spec, one, runs)
        if one.is_finished or one.is_left_alone:
            found.append(None)
        elif one.is_admitted or (one.name in admitted and not successor):
            found.append(Advance(in_use, concurrency.loads_ahead(one, runs, beside), successor))
        else:
            found.append(HoldBack(_held_back(one, successor, now)))
    return tuple(found)


def moves_without_spec(runs: tuple[Run, ...], why: Why, beside: tuple[Run, ...] = ()) -> tuple[Move, ...]:
    """Return what becomes of each run if the DataReplication is gone or its spec is invalid; `why` says which.

    Runs whose status says that they have begun go on with their own copies of the spec; others fail.
    """
    in_use = paths.in_use((*runs, *beside))
    found: list[Move] = []
    for one in runs:
        if one.is_left_alone:
            found.append(None)
        elif one.raw.get("status") and one.is_admitted and not one.is_finished:
            found.append(Advance(in_use, concurrency.loads_ahead(one, runs, beside)))
        else:
            found.append(Close(why))
    return tuple(found)


def after_defect(run: Run, error: Exception, now: datetime) -> Move:
    """Return what becomes of a run that met an unexpected error: it must not hold up the others.

    A run that has begun is tried again until its deadline, since its Jobs may still be at work; any other run fails.
    """
    why, deadline = found_runs.why_unreadable(error), plan.run_deadline(run)
    if deadline is None or now >= deadline:
        return Close(why)
    return HoldBack(run.status.having(message=why.message))


def _held_back(one: Run, successor: str, now: datetime) -> RunStatus:
    """Return the status of a run that may not begin: it waits, or it is replaced before it began.

    The status does not name the runs ahead: otherwise all waiting runs would be written anew whenever a run ends.
    """
    if successor and (why := plan.why_ending(one, successor, now)):
        return status.replaced_run(one, why, now)
    return status.waiting_run(one, WAITS, now)
