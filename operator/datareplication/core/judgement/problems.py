"""The judgement of a DataReplication: (what is known of it, now) -> what is wrong, the first thing first."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from datareplication.core import words
from datareplication.core.judgement import causes
from datareplication.core.judgement.causes import ORDER, Cause
from datareplication.core.judgement.facts import Subject, Target
from datareplication.core.judgement.health import OLD, Freshness, Health, freshness

ADJECTIVES: dict[Freshness, str] = {"stale": "stale", "never": "without data", "unknown": "of unknown age"}


@dataclass(frozen=True, slots=True)
class Judged:
    """One target: whether its data is young enough, and why it is not, or was not loaded the last time."""

    target: Target
    freshness: Freshness
    cause: Cause | None

    @property
    def is_old(self) -> bool:
        """Whether its data misses the objective."""
        return self.freshness in OLD


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong or waits, with the targets that it concerns."""

    sentence: str
    cause: Cause
    old: tuple[str, ...] = ()
    young: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Judgement:
    """What there is to say of a DataReplication."""

    health: Health
    targets: tuple[Judged, ...]
    problems: tuple[Problem, ...]
    """The first is the cause of the others, or has to be repaired first."""


def judge(subject: Subject, now: datetime) -> Judgement:
    """Return the judgement of a DataReplication and its runs."""
    targets = tuple(_judged(subject, target, now) for target in subject.one.targets)
    problems = _problems(subject, targets, now)
    health = Health(
        stale=any(target.is_old for target in targets),
        failing=any(problem.cause.is_failure for problem in problems),
        running=any(run.is_active for run in subject.runs),
        waiting=subject.one.holds("Held") or any(run.is_waiting for run in subject.runs),
        suspended=subject.one.suspend,
    )
    return Judgement(health, targets, problems)


def _judged(subject: Subject, target: Target, now: datetime) -> Judged:
    state = freshness(subject.one, target, now)
    needs_cause = state in OLD or target.phase == "Failed"
    return Judged(target, state, causes.of_target(subject, target, now) if needs_cause else None)


def _problems(subject: Subject, targets: Iterable[Judged], now: datetime) -> tuple[Problem, ...]:
    """Return what is wrong, each cause once, whatever the number of its targets."""
    by_cause: dict[Cause, list[Judged]] = {}
    for target in targets:
        if target.cause is not None:
            by_cause.setdefault(target.cause, []).append(target)
    told = {cause.run for cause in by_cause if cause.is_failure and cause.run}
    for cause in causes.of_all(subject, now):
        if cause.kind != "RunFailed" or cause.run not in told:
            by_cause.setdefault(cause, [])
    found = sorted(by_cause.items(), key=lambda one: ORDER[one[0].kind])
    return tuple(_problem(cause, concerned) for cause, concerned in found)


def _problem(cause: Cause, targets: list[Judged]) -> Problem:
    old = tuple(one.target.name for one in targets if one.is_old)
    young = tuple(one.target.name for one in targets if not one.is_old)
    return Problem(_sentence(cause, targets), cause, old, young)


def _sentence(cause: Cause, targets: list[Judged]) -> str:
    """Return which targets are concerned, and why, as in: qa is stale because the last load failed."""
    if not targets:
        return f"{cause.headline[:1].upper()}{cause.headline[1:]}."
    parts = []
    for state, adjective in ADJECTIVES.items():
        names = tuple(one.target.name for one in targets if one.freshness == state)
        if names:
            parts.append(f"{words.listed(names)} {'is' if len(names) == 1 else 'are'} {adjective}")
    fresh = tuple(one.target.name for one in targets if not one.is_old)
    if not parts:
        rest = "its data is still fresh" if len(fresh) == 1 else "their data is still fresh"
        rest = "" if any(one.freshness == "empty" for one in targets) else f"; {rest}"
        return f"{words.listed(fresh)}: {cause.headline}{rest}."
    told = f"{', '.join(parts)} because {cause.headline}"
    return f"{told}; {words.listed(fresh)} {'is' if len(fresh) == 1 else 'are'} still fresh." if fresh else f"{told}."
