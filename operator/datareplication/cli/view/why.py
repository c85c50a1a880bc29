"""`why`: the first thing that is wrong now, and its remedy, as `core/judgement` says them. Pure."""

from dataclasses import asdict, dataclass
from datetime import datetime
from shlex import quote
from typing import Any, Literal

from datareplication.cli.view.page import BLANK, Cell, Page, Tone, facts, line
from datareplication.core import words
from datareplication.core.judgement.causes import LOOK, Cause
from datareplication.core.judgement.facts import Replication, Subject
from datareplication.core.judgement.problems import Problem, judge
from datareplication.core.reasons import MEANINGS

State = Literal["Wrong", "Waits", "Fine"]

TONES: dict[State, Tone] = {"Wrong": "bad", "Waits": "warn", "Fine": "good"}


@dataclass(frozen=True)
class Answer:
    """What is wrong, or that nothing is. where: the step and the run that show it."""

    state: State
    reason: str
    message: str = ""
    sentence: str = ""
    where: str = ""
    what: str = ""
    remedy: str = ""
    run: str = ""
    target: str = ""
    targets: tuple[str, ...] = ()
    again: str = ""
    """The command that goes on, once it is repaired."""


def remedy(reason: str) -> str:
    """Return what to do about a reason of our own; empty for other words, and where nothing is to be done."""
    found = MEANINGS.get(reason)
    return _spoken(found.remedy) if found else ""


def _spoken(text: str) -> str:
    return text.replace("`", "")


def answer(subject: Subject, now: datetime) -> Answer:
    """Return the one answer."""
    judged = judge(subject, now)
    if not judged.problems:
        return Answer("Fine", "Fresh", _fine(subject.one))
    problem = judged.problems[0]
    cause, targets = problem.cause, (*problem.old, *problem.young)
    loaded = targets if cause.step in ("load", "rollback") else ()
    return Answer(
        state="Waits" if cause.kind in ("Waits", "AtWork") else "Wrong",
        reason=cause.reason or ("Stale" if any(one.freshness == "stale" for one in judged.targets) else "NeverLoaded"),
        message=cause.message,
        sentence=problem.sentence,
        where=_where(cause, targets, now),
        what=_spoken(cause.meaning),
        remedy=_remedy(subject, cause),
        run=cause.run,
        target=loaded[0] if loaded else "",
        targets=targets,
        again=_again(subject.one, problem, loaded),
    )


def _fine(one: Replication) -> str:
    runs = f"; run {one.active_runs[0]} is at work" if one.active_runs else ""
    slots = "; spec.suspend is true, so no slot is run" if one.suspend else ""
    return f"nothing is wrong: every target's data is young enough{runs}{slots}"


def _where(cause: Cause, targets: tuple[str, ...], now: datetime) -> str:
    step = "dump" if cause.step == "dump" else ""
    if targets and cause.step in ("load", "rollback"):
        step = f"{cause.step} of {words.listed(targets)}"
    run = f"run {cause.run}" if cause.run else ""
    return ", ".join(filter(None, (step, run, words.ago(cause.since, now))))


def _remedy(subject: Subject, cause: Cause) -> str:
    """Return what to do; where only the log can tell, with the command that shows it."""
    told, one = _spoken(cause.remedy), subject.one
    is_there = cause.remedy == LOOK and subject.run(cause.run) is not None
    return (
        f"{told[:-1]}: kubectl datareplication logs {quote(one.name)} -n {quote(one.namespace)}" if is_there else told
    )


def _again(one: Replication, problem: Problem, targets: tuple[str, ...]) -> str:
    """Return the command for a failed run that is over, or a suspension; a run at work is repeated by the operator."""
    if problem.cause.kind == "Suspended":
        return f"kubectl datareplication resume {quote(one.name)} -n {quote(one.namespace)}"
    if problem.cause.kind not in ("StepFailed", "RunFailed") or one.active_runs:
        return ""
    chosen = "".join(f" --target {quote(target)}" for target in targets)
    return f"kubectl datareplication run {quote(one.name)}{chosen} -n {quote(one.namespace)}"


def page(subject: Subject, found: Answer) -> Page:
    """Return an answer for people."""
    name = Cell(f"{subject.one.namespace}/{subject.one.name}", "strong")
    if found.state == "Fine":
        return (line(name, ": ", Cell(found.message, "good")),)
    told = (
        ("why", found.sentence),
        ("where", found.where),
        ("what", found.what),
        ("message", found.message),
        ("to do", Cell(found.remedy, "strong")),
        ("then", found.again),
    )
    return line(name, ": ", Cell(found.reason, TONES[found.state])), facts(told)


def pages(found: tuple[tuple[Subject, Answer], ...]) -> Page:
    """Return several answers, those first that are wrong."""
    order: tuple[State, ...] = ("Wrong", "Waits", "Fine")
    ordered = sorted(found, key=lambda one: order.index(one[1].state))
    return tuple(block for place, one in enumerate(ordered) for block in ((BLANK,) if place else ()) + page(*one))


def data(subject: Subject, found: Answer) -> dict[str, Any]:
    """Return an answer for programs."""
    return {"namespace": subject.one.namespace, "name": subject.one.name, **asdict(found)}
