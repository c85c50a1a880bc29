"""What there is to tell, whatever happens in whatever order, and however often the process dies before it has written."""

import json
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datareplication.core import notifying, state
from datareplication.core.choices import NoticeEvent
from datareplication.core.notifying import Happened
from datareplication.core.outbox import Delivery, Notice
from datareplication.core.phases import RunPhase
from datareplication.core.run import Run
from datareplication.core.state import Condition, ReplicationStatus, RunStatus, StepStatus
from support.samples import NOON, OWNER, a_run

EVERY = list(get_args(NoticeEvent))
POST_SPEC = {"notifications": [{"sink": "ops", "on": [one for one in EVERY if one != "Recovered"]}]}
REPLICATION: dict[str, Any] = {**OWNER, "spec": {**OWNER["spec"], **POST_SPEC}}
ENDS: tuple[RunPhase, ...] = ("Succeeded", "PartiallyFailed", "Failed", "Replaced")


@dataclass
class Story:
    """A DataReplication whose runs begin and end while the operator looks, writes, and is killed."""

    status: ReplicationStatus = field(default_factory=lambda: ReplicationStatus(observed_generation=1))
    runs: dict[str, Run] = field(default_factory=dict)
    told: list[Notice] = field(default_factory=list)
    expected: Counter[tuple[str, str]] = field(default_factory=Counter)
    seconds: int = 0
    made: int = 0

    def __post_init__(self) -> None:
        self.look()

    @property
    def now(self) -> Any:
        return NOON + timedelta(seconds=self.seconds)

    def create(self) -> None:
        self.made += 1
        self.runs[f"r-{self.made}"] = a_run(f"r-{self.made}")

    def begin(self, number: int) -> None:
        if waiting := [run for run in self.runs.values() if not run.is_admitted]:
            run = waiting[number % len(waiting)]
            self._set(run, RunStatus(start_time=self.now, phase="Dumping", dump=StepStatus()))
            self.expected[run.name, "Started"] += 1

    def end(self, number: int) -> None:
        if begun := [run for run in self.runs.values() if run.is_admitted and not run.is_finished]:
            run, phase = begun[number % len(begun)], ENDS[number % len(ENDS)]
            self._set(run, run.status.having(phase=phase, completion_time=self.now))
            self.expected[run.name, phase] += 1

    def refuse(self) -> None:
        """A run fails before it has begun."""
        if waiting := [run for run in self.runs.values() if not run.is_admitted]:
            failed = RunStatus(phase="Failed", start_time=self.now, completion_time=self.now)
            self._set(waiting[0], failed)
            self.expected[waiting[0].name, "Failed"] += 1

    def _set(self, run: Run, status: RunStatus) -> None:
        self.runs[run.name] = replace(run, status=status)

    def look(self, *, is_killed: bool = False) -> None:
        """Look at everything and write what follows, or die before that; then what waits is delivered."""
        self.seconds += 1
        post = notifying.post_of(REPLICATION, {}, self.now)
        pending = self.status.notifications.outbox if self.status.notifications else []
        results = {
            (one.id, "ops"): Delivery(sink="ops", state="Delivered", time=self.now) for one in pending if one.is_pending
        }
        seen = Happened(REPLICATION, tuple(self.runs.values()))
        new = notifying.notified(self.status, self.status, seen, post, results)
        if is_killed:
            return
        known = {one.id for one in pending}
        written = state.read_status(ReplicationStatus, {"status": state.to_raw(new)})
        assert written.notifications is not None
        self.told += [one for one in written.notifications.outbox if one.id not in known]
        self.status = written

    def vanish(self, number: int) -> None:
        """A user deletes a run at work, or one that has ended unseen."""
        told = {one.run: one.stage for one in self.status.notifications.runs} if self.status.notifications else {}
        if open_runs := [name for name in self.runs if told.get(name) == "Started"]:
            run = self.runs.pop(open_runs[number % len(open_runs)])
            if run.is_finished:
                self.expected[run.name, run.status.phase] -= 1
            self.expected[run.name, "Failed"] += 1

    def forget(self) -> None:
        """The history's limit, or a user, deletes an ended run that has been seen."""
        self.look()
        for name in [run.name for run in self.runs.values() if run.is_finished][:1]:
            del self.runs[name]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["create", "begin", "end", "refuse", "look", "die", "forget", "vanish"]), st.integers(0, 99)
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_no_transition_is_lost_or_told_twice(steps: list[tuple[str, int]]) -> None:
    story = Story()
    for step, number in steps:
        match step:
            case "begin" | "end" | "vanish":
                getattr(story, step)(number)
            case "die":
                story.look(is_killed=True)
            case _:
                getattr(story, step)()
    story.look()
    assert Counter((one.run, one.event) for one in story.told) == +story.expected
    assert len({one.id for one in story.told}) == len(story.told)
    story.look()
    before = len(story.told)
    story.look()
    assert len(story.told) == before


@settings(max_examples=50, deadline=None)
@given(STEPS)
def test_ids_are_the_same_whenever_they_are_computed(steps: list[tuple[str, int]]) -> None:
    """Two operators see the same runs, one of them after each step, the other in the end."""
    first, second = Story(), Story()
    for step, number in steps:
        for story in (first, second):
            if step in ("begin", "end"):
                getattr(story, step)(number)
            elif step in ("create", "refuse"):
                getattr(story, step)()
        first.look()
        second.seconds = first.seconds
    first.look()
    second.look()
    ids = {(one.run, one.event): one.id for one in first.told}
    assert all(ids[one.run, one.event] == one.id for one in second.told)
    assert {one.run for one in second.told} == {one.run for one in first.told}


def with_condition(kind: str, status: str, reason: str, message: str = "") -> ReplicationStatus:
    one = Condition.model_validate({"type": kind, "status": status, "reason": reason, "message": message})
    return ReplicationStatus(observed_generation=1, conditions=[one])


def told_of(old: ReplicationStatus, new: ReplicationStatus) -> list[str]:
    post = notifying.post_of(REPLICATION, {}, NOON)
    found = notifying.notified(old, new, Happened(REPLICATION), post, {}).notifications
    assert found is not None
    return [f"{one.event}: {one.message}" for one in found.outbox]


def test_conditions_are_told_when_they_change() -> None:
    none = ReplicationStatus(observed_generation=1)
    never, stale = with_condition("Fresh", "False", "NeverLoaded"), with_condition("Fresh", "False", "Stale", "dev")
    fresh = with_condition("Fresh", "True", "Fresh", "all")
    refused, other = (with_condition("Stalled", "True", "InvalidSpec", message) for message in ("a", "b"))
    accepted = with_condition("Stalled", "False", "Accepted")
    cases = [
        (none, never, []),
        (never, stale, ["Stale: dev"]),
        (fresh, stale, ["Stale: dev"]),
        (stale, with_condition("Fresh", "False", "Stale", "dev, qa"), []),
        (stale, fresh, ["Fresh: all"]),
        (none, fresh, []),
        (none, refused, ["Stalled: a"]),
        (refused, refused, []),
        (refused, other, ["Stalled: b"]),
        (refused, accepted, ["Accepted: "]),
        (none, accepted, []),
    ]
    assert [told_of(old, new) for old, new, _ in cases] == [expected for *_, expected in cases]


def test_a_message_is_cut_and_made_safe_to_show() -> None:
    long = "a\x1b[31m\nb" + "x" * 5000
    (told,) = told_of(ReplicationStatus(observed_generation=1), with_condition("Stalled", "True", "InvalidSpec", long))
    message = told.removeprefix("Stalled: ")
    assert (len(message), message.isprintable()) == (1000, True)


SINKS = [{"sink": f"{number:x<43}", "on": ["Failed"]} for number in range(16)]


@pytest.mark.parametrize("sign", ["m", "<", "\N{GRINNING FACE}", "\N{CJK UNIFIED IDEOGRAPH-65E5}"])
def test_notices_of_the_largest_runs_fit_into_an_object(sign: str) -> None:
    """The API server writes some signs as six bytes; others have up to four."""
    targets = [
        {"name": f"{number:x<43}", "phase": "Failed", "reason": "BadData", "message": sign * 5000}
        for number in range(32)
    ]
    ended = {"phase": "Failed", "startTime": "2026-03-02T12:00:00Z", "completionTime": "2026-03-02T12:00:00Z"}
    runs = tuple(a_run(f"r-{number}", {**ended, "message": sign * 30_000, "targets": targets}) for number in range(60))
    asking = {**REPLICATION, "spec": {"notifications": SINKS}}
    post = notifying.post_of(asking, {}, NOON)
    found = notifying.notified(ReplicationStatus(), ReplicationStatus(), Happened(asking, runs), post, {})
    assert found.notifications is not None
    waiting = [one for one in found.notifications.outbox if one.is_pending]
    given_up = [one for one in found.notifications.outbox if not one.is_pending]
    assert 5 <= len(waiting) <= 50
    assert waiting == found.notifications.outbox[-len(waiting) :], "the newest wait"
    assert len(waiting) + len(given_up) == 60, "that they are given up is told"
    assert {told.state for one in given_up for told in one.deliveries} == {"GivenUp"}
    stored = json.dumps(state.to_raw(found), ensure_ascii=False)
    size = len(re.sub("[<>&]", r"\\u003c", stored).encode())
    assert size < 700_000, "etcd takes 1.5 MB, and there is more in a status"


def test_what_another_operator_wrote_can_be_read() -> None:
    kept = {
        "outbox": [{"id": "1", "event": "Unheard", "time": "2026-03-02T12:00:00Z", "deliveries": [{"sink": "ops"}]}]
    }
    read = state.read_status(ReplicationStatus, {"status": {"notifications": kept}})
    assert read.notifications is not None
    assert [str(one.event) for one in read.notifications.outbox] == ["Unheard"]
