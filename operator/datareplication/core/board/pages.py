"""The board's pages as values: all facts, a query, now -> the page of many, or the page of one.

Both are generators that yield None between small steps, so that whoever builds a page can let others have their turn.
"""

from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import datetime

from datareplication.core.board.query import Query
from datareplication.core.board.views import FLAT, View, view
from datareplication.core.judgement.facts import Run, Subject
from datareplication.core.judgement.health import STATES, State
from datareplication.core.judgement.problems import Judgement, judge

PAGE_SIZE = 25
STEP = 50
"""How many DataReplications are judged in one step; some two milliseconds."""

NAMESPACES_LIMIT = 500


@dataclass(frozen=True, slots=True)
class Outage:
    """A part of the cluster that cannot be read."""

    place: str
    since: datetime | None
    """The last time when it was read; None if never."""
    why: str


@dataclass(frozen=True, slots=True)
class Seen:
    """All that is known, and when it was read."""

    subjects: tuple[Subject, ...] = ()
    at: datetime | None = None
    outages: tuple[Outage, ...] = ()
    left_out: str = ""
    """What there was no room for."""


@dataclass(frozen=True, slots=True)
class Group:
    """The DataReplications of a namespace."""

    namespace: str
    views: tuple[View, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """The page of many DataReplications."""

    now: datetime
    seen: Seen = field(metadata={"fields": ("at", "outages", "left_out")})
    query: Query
    total: int
    counts: dict[State, int]
    """How many DataReplications are in each state, of all that there are."""
    found: int
    """How many the query has found."""
    page: int
    pages: int
    attention: tuple[Group, ...]
    in_order: tuple[Group, ...]
    namespaces: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Detail:
    """The page of one DataReplication."""

    now: datetime
    seen: Seen = field(metadata={"fields": ("at", "outages", "left_out")})
    view: View = field(metadata=FLAT)
    runs: tuple[Run, ...]
    """The newest first."""


def board(seen: Seen, query: Query, now: datetime) -> Generator[None, None, Board]:
    """Return the page that a query asks for: those that need attention first, by namespace."""
    judged = yield from _judged(seen, now)
    found = [pair for pair in judged if _is_found(query, *pair)]
    found.sort(key=lambda pair: _place(*pair))
    pages = max(1, -(-len(found) // PAGE_SIZE))
    page = min(query.page, pages)
    attention: list[View] = []
    in_order: list[View] = []
    for its, subject in found[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]:
        (attention if its.health.attention else in_order).append(view(subject, its, now))
        yield
    return Board(
        now=now,
        seen=seen,
        query=query,
        total=len(judged),
        counts={state: sum(its.health.has(state) for its, _ in judged) for state in STATES},
        found=len(found),
        page=page,
        pages=pages,
        attention=_groups(attention),
        in_order=_groups(in_order),
        namespaces=tuple(sorted({subject.one.namespace for subject in seen.subjects})[:NAMESPACES_LIMIT]),
    )


def _judged(seen: Seen, now: datetime) -> Generator[None, None, list[tuple[Judgement, Subject]]]:
    found = []
    for place, subject in enumerate(seen.subjects, start=1):
        found.append((judge(subject, now), subject))
        if place % STEP == 0:
            yield
    return found


def _is_found(query: Query, its: Judgement, subject: Subject) -> bool:
    return (query.state is None or its.health.has(query.state)) and query.matches(subject.one)


def _place(its: Judgement, subject: Subject) -> tuple[bool, str, int, str]:
    """Return the sort key: attention first, then the namespace, the worst in it first."""
    one = subject.one
    return its.health.ok, one.namespace, its.health.rank, one.name


def _groups(views: list[View]) -> tuple[Group, ...]:
    by_namespace: dict[str, list[View]] = {}
    for one in views:
        by_namespace.setdefault(one.one.namespace, []).append(one)
    return tuple(Group(namespace, tuple(found)) for namespace, found in by_namespace.items())


def detail(seen: Seen, namespace: str, name: str, now: datetime) -> Detail | None:
    """Return the page of one DataReplication; None if there is none of that name."""
    for subject in seen.subjects:
        if (subject.one.namespace, subject.one.name) == (namespace, name):
            return Detail(now, seen, view(subject, judge(subject, now), now), subject.latest)
    return None
