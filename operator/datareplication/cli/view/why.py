"""`why`: the one reason for what is wrong now, and its remedy. Pure.

Several things may be wrong at once; the first in `CAUSES` is the cause of the others, or has to be repaired first.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from shlex import quote
from typing import Any, Literal

from datareplication.cli.view import amounts, overview
from datareplication.cli.view.page import BLANK, Cell, Page, Tone, facts, line
from datareplication.cli.view.seen import Seen, SeenRun
from datareplication.core import times
from datareplication.core.names import Step
from datareplication.core.reasons import MEANINGS
from datareplication.core.state import RunNote, StepStatus, TargetStatus

State = Literal["Wrong", "Waits", "Fine"]

TONES: dict[State, Tone] = {"Wrong": "bad", "Waits": "warn", "Fine": "good"}

UNSEEN = timedelta(seconds=30)
"""An operator at work looks at a new or changed object within seconds."""

HARMLESS = ("", "RolledBack", "ReportLost", "JobHeld", "ContainerCreating", "PodInitializing", "InitContainerRunning")
"""Reasons of an open step that need nobody, or that every pod goes through."""


@dataclass(frozen=True)
class Answer:
    """What is wrong, or that nothing is. where: the object and the part that shows it."""

    state: State
    reason: str
    message: str = ""
    where: str = ""
    what: str = ""
    remedy: str = ""
    run: str = ""
    target: str = ""
    again: str = ""
    """The command that tries it again, once it is repaired."""


def unseen(run: SeenRun, now: datetime) -> str:
    """Return that nobody has looked at a run, with the remedy; empty if somebody has, or may be about to."""
    is_new = run.created is None or now - run.created < UNSEEN
    return "" if is_new or run.status.conditions else f"no operator has looked at run {run.name} yet. {INSTALLED}"


def meaning(reason: str) -> str:
    """Return what a reason of our own says; empty for other words."""
    found = MEANINGS.get(reason)
    return found.what if found else ""


def remedy(reason: str) -> str:
    """Return what to do about a reason of our own; empty for other words, and where nothing is to be done."""
    found = MEANINGS.get(reason)
    return found.remedy.replace("`", "") if found else ""


def answer(seen: Seen, now: datetime) -> Answer:
    """Return the one answer."""
    found = next((found for cause in CAUSES for found in cause(seen, now)), None)
    if found is None:
        return Answer("Fine", "Fresh", _fine(seen))
    told = replace(found, what=found.what or meaning(found.reason).replace("`", ""))
    return replace(told, remedy=found.remedy or remedy(found.reason) or _look(seen, found), again=_again(seen, found))


def _fine(seen: Seen) -> str:
    runs = f"; run {seen.status.active_runs[0]} is at work" if seen.status.active_runs else ""
    slots = "; spec.suspend is true, so no slot is run" if seen.is_suspended else ""
    return f"nothing is wrong: every target's data is young enough{runs}{slots}"


def _look(seen: Seen, found: Answer) -> str:
    log = f"kubectl datareplication logs {quote(seen.name)} -n {quote(seen.namespace)}"
    return f"The message says what to repair; the log may say more: {log}" if found.run else ""


def _again(seen: Seen, found: Answer) -> str:
    """Return the command for a failed run that is over; the run at work is repeated by the operator."""
    if not found.run or seen.status.active_runs:
        return ""
    target = f" --target {quote(found.target)}" if found.target else ""
    return f"kubectl datareplication run {quote(seen.name)}{target} -n {quote(seen.namespace)}"


def _nobody_looks(seen: Seen, now: datetime) -> Iterator[Answer]:
    is_new = seen.created is not None and now - seen.created < UNSEEN
    if seen.status.observed_generation == 0 and not is_new:
        message = "no operator has looked at this DataReplication"
        yield Answer("Wrong", "NotLookedAt", message, "status", ABSENT, INSTALLED)
    due, held = seen.status.next_schedule_time, seen.condition("Held")
    is_waiting = seen.is_suspended or seen.status.active_runs or (held is not None and held.status == "True")
    if due is not None and now - due > LATE and not is_waiting:
        message = f"the slot of {times.to_text(due)} has not been run"
        yield Answer("Wrong", "SlotNotRun", message, "status.nextScheduleTime", ABSENT, INSTALLED)


ABSENT = "The operator is not there, or does not watch this namespace."

LATE = timedelta(minutes=5)
"""An operator that restarts on another node takes up to a minute or two."""


INSTALLED = (
    "See whether its pod runs: kubectl get pods -A -l app.kubernetes.io/name=datareplication-operator. If the chart's "
    "value watchNamespaces is set, add this namespace."
)


def _stalled(seen: Seen, _: datetime) -> Iterator[Answer]:
    yield from _conditions(seen, "Stalled", "True", "Wrong")


def _conditions(seen: Seen, kind: str, value: str, state: State) -> Iterator[Answer]:
    found = seen.condition(kind)
    if found is not None and found.status == value:
        yield Answer(state, found.reason, found.message, f"condition {kind}")


def _open_runs(seen: Seen, now: datetime) -> Iterator[Answer]:
    """Yield what holds up the runs that are at work, the worst first: a failed step before one that waits."""
    for run in seen.active:
        for step, status in run.failed:
            yield _step(run, step, status, "Wrong")
    for run in seen.active:
        for step, status in run.steps:
            if not status.is_finished and status.reason not in HARMLESS:
                yield _step(run, step, status, "Waits" if status.reason == "Waiting" else "Wrong")
        if run.status.start_time is None and run.created is not None and now - run.created > UNSEEN:
            yield Answer("Waits", "Waiting", run.status.message, f"run {run.name}", run=run.name)


def _step(run: SeenRun, step: Step, status: StepStatus, state: State) -> Answer:
    where = f"{run.what(step)}, run {run.name}"
    return Answer(state, status.reason or "LoadFailed", status.message, where, run=run.name, target=step.target)


def _failed_targets(seen: Seen, now: datetime) -> Iterator[Answer]:
    """Yield why the last run failed, then why a target's own last load did."""
    if (note := overview.failure(seen)) is not None:
        yield from (_since(found, note.time, now) for found in _failed_run(seen.run(note.run), note))
    for target in overview.targets(seen):
        if target.phase == "Failed":
            yield _failed_target(seen.run(target.run), target)


def _failed_run(run: SeenRun | None, note: RunNote) -> Iterator[Answer]:
    """Yield each failed step, then what the run as a whole says; `run` is None when its object is gone."""
    if run is not None:
        yield from (_step(run, step, status, "Wrong") for step, status in run.failed)
    reason = run.reason if run else note.phase
    yield Answer("Wrong", reason, note.message, f"run {note.run}", run=note.run if run else "")


def _failed_target(run: SeenRun | None, target: TargetStatus) -> Answer:
    steps = {step.target: status for step, status in run.steps} if run else {}
    reason = steps[target.name].reason if target.name in steps else ""
    where = f"load of {target.name}, run {target.run}"
    return Answer("Wrong", reason or "LoadFailed", target.message, where, run=target.run, target=target.name)


def _since(found: Answer, moment: datetime, now: datetime) -> Answer:
    return replace(found, where=f"{found.where}, {amounts.ago(moment, now)}")


def _held(seen: Seen, _: datetime) -> Iterator[Answer]:
    yield from _conditions(seen, "Held", "True", "Waits")


def _old(seen: Seen, now: datetime) -> Iterator[Answer]:
    """Yield that a target has no data or old data; a run at work may be about to change that."""
    states = {target.name: overview.freshness(target, seen, now) for target in overview.targets(seen)}
    never = [name for name, state in states.items() if state == "never"]
    stale = [name for name, state in states.items() if state == "stale"]
    state: State = "Waits" if seen.status.active_runs else "Wrong"
    if never and (seen.is_suspended or not seen.status.active_runs):
        yield _aged(seen, Answer(state, "NeverLoaded", f"never loaded: {', '.join(never)}", "condition Fresh"))
    if stale:
        limit = amounts.duration(seen.freshness_seconds)
        yield _aged(seen, Answer(state, "Stale", f"data older than {limit}: {', '.join(stale)}", "condition Fresh"))


def _aged(seen: Seen, found: Answer) -> Answer:
    if seen.is_suspended:
        text = f"{found.message}; spec.suspend is true, so no slot is run"
        return replace(found, reason="Suspended", message=text, where="spec.suspend", remedy=_resume(seen))
    if seen.status.active_runs:
        return replace(found, remedy=f"Nothing yet: run {seen.status.active_runs[0]} is at work.")
    return found


def _resume(seen: Seen) -> str:
    return f"kubectl datareplication resume {quote(seen.name)} -n {quote(seen.namespace)}"


def _shortcomings(seen: Seen, _: datetime) -> Iterator[Answer]:
    yield from _conditions(seen, "VolumeNotGrown", "True", "Wrong")
    yield from _conditions(seen, "TooManyMissed", "True", "Wrong")


CAUSES: tuple[Callable[[Seen, datetime], Iterator[Answer]], ...] = (
    _nobody_looks,
    _stalled,
    _open_runs,
    _failed_targets,
    _held,
    _old,
    _shortcomings,
)


def page(seen: Seen, found: Answer) -> Page:
    """Return an answer for people."""
    head = line(Cell(f"{seen.namespace}/{seen.name}", "strong"), ": ", Cell(found.reason, TONES[found.state]))
    if found.state == "Fine":
        return (line(Cell(f"{seen.namespace}/{seen.name}", "strong"), ": ", Cell(found.message, "good")),)
    told = (
        ("where", found.where),
        ("what", found.what),
        ("message", found.message),
        ("to do", Cell(found.remedy, "strong")),
        ("then", found.again),
    )
    return head, facts(told)


def pages(found: tuple[tuple[Seen, Answer], ...]) -> Page:
    """Return several answers, those first that are wrong."""
    order: tuple[State, ...] = ("Wrong", "Waits", "Fine")
    ordered = sorted(found, key=lambda one: order.index(one[1].state))
    return tuple(block for place, one in enumerate(ordered) for block in ((BLANK,) if place else ()) + page(*one))


def data(seen: Seen, found: Answer) -> dict[str, Any]:
    """Return an answer for programs."""
    return {"namespace": seen.namespace, "name": seen.name, **asdict(found)}
