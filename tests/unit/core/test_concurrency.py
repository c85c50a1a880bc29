"""Which runs may begin, wait or give way, by the policy's name."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from datareplication.core import concurrency, run, spec, times
from datareplication.core.concurrency import Turn
from datareplication.core.pods import Why
from datareplication.core.run import Run
from datareplication.core.state import RunNote, TargetStep
from support import samples
from support.samples import BEGUN, ENDED, MINIMAL

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
EARLIER, LATER = datetime(2026, 3, 2, 0, tzinfo=UTC), datetime(2026, 3, 3, 0, tzinfo=UTC)
FAILED = RunNote(run="r-1", phase="Failed", time=NOON)
SUCCEEDED = RunNote(run="r-1", phase="Succeeded", time=NOON)


def a_run(name: str, slot: datetime | None = None, *, active: bool = False, finished: bool = False) -> Run:
    """A run of a DataReplication with the one target of MINIMAL."""
    metadata = {"name": name, "namespace": "data", "uid": name, "creationTimestamp": "2026-03-02T12:00:00Z"}
    read = run.read({"metadata": metadata, "spec": {"replicationName": "r"}})
    begun, ended = NOON if active or finished else None, NOON if finished else None
    request = read.request.having(slot=slot, replication=spec.parse(MINIMAL))
    return replace(read, request=request, status=read.status.having(start_time=begun, completion_time=ended))


@dataclass(frozen=True)
class Case:
    """What happens to due slots under a policy."""

    sentence: str
    policy: dict[str, Any]
    runs: tuple[Run, ...]
    due: tuple[datetime, ...]
    expected: Turn
    last: RunNote | None = None


def held(slot: datetime, names: str, policy: str = "Forbid", slots: tuple[datetime, ...] = ()) -> Turn:
    text = f"the slot of {times.to_text(slot)} waits for {names} (spec.concurrencyPolicy: {policy})"
    return Turn(slots, Why("Waiting", text))


PAST = Why(
    "DependsOnPast",
    "the slot of 2026-03-03T00:00:00Z waits until a run has succeeded (spec.dependsOnPast), because run r-1 ended "
    "Failed; start a run by hand",
)
ACTIVE = a_run("active", EARLIER, active=True)
CASES = [
    Case("nothing due, nothing to do", {}, (ACTIVE,), (), Turn()),
    Case("a due slot starts when nothing is active", {}, (), (LATER,), Turn((LATER,))),
    Case("Forbid: a due slot waits for the active run", {}, (ACTIVE,), (LATER,), held(LATER, "active")),
    Case("Forbid: maxActiveRuns does not let slots overlap", {"maxActiveRuns": 3}, (ACTIVE,), (LATER,), held(LATER, "active")),
    Case("Allow: up to maxActiveRuns", {"concurrencyPolicy": "Allow", "maxActiveRuns": 2}, (ACTIVE,), (LATER,), Turn((LATER,))),
    Case("Allow: not more", {"concurrencyPolicy": "Allow", "maxActiveRuns": 1}, (ACTIVE,), (LATER,), held(LATER, "active", "Allow")),
    Case("Allow: as many slots as there is room", {"concurrencyPolicy": "Allow", "maxActiveRuns": 2}, (ACTIVE,), (EARLIER, LATER), held(LATER, "active", "Allow", (EARLIER,))),
    Case("Replace: the latest slot takes the place", {"concurrencyPolicy": "Replace"}, (ACTIVE,), (EARLIER, LATER), Turn((LATER,))),
    Case("a waiting run made by hand comes first", {}, (a_run("by-hand"),), (LATER,), held(LATER, "by-hand")),
    Case("dependsOnPast: waits after a failure", {"dependsOnPast": True}, (), (LATER,), Turn(held=PAST), FAILED),
    Case("dependsOnPast: goes on after a success", {"dependsOnPast": True}, (), (LATER,), Turn((LATER,)), SUCCEEDED),
    Case("dependsOnPast: Allow does not let runs overlap", {"dependsOnPast": True, "concurrencyPolicy": "Allow", "maxActiveRuns": 2}, (ACTIVE,), (LATER,), held(LATER, "active", "Allow"), SUCCEEDED),
    Case("dependsOnPast: a run that was replaced has not succeeded", {"dependsOnPast": True, "concurrencyPolicy": "Replace"}, (), (LATER,), Turn(held=Why("DependsOnPast", PAST.message.replace("Failed", "Replaced"))), SUCCEEDED.having(phase="Replaced")),
    Case("dependsOnPast: the first run depends on nothing", {"dependsOnPast": True}, (), (LATER,), Turn((LATER,))),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.sentence)
def test_turn(case: Case) -> None:
    assert concurrency.turn(spec.parse(MINIMAL | case.policy), case.runs, case.due, case.last) == case.expected


def test_waiting_runs_begin_in_the_order_of_their_slots() -> None:
    runs = (a_run("b", LATER), a_run("a", EARLIER), a_run("done", EARLIER, finished=True))
    parsed = spec.parse(MINIMAL | {"concurrencyPolicy": "Allow", "maxActiveRuns": 1})
    assert [one.name for one in concurrency.to_admit(parsed, runs)] == ["a"]


def test_run_of_an_earlier_slot_gives_way_under_replace_only() -> None:
    runs = (ACTIVE, a_run("next", LATER))
    assert concurrency.replaced_by(spec.parse(MINIMAL | {"concurrencyPolicy": "Replace"}), ACTIVE, runs) == "next"
    assert concurrency.replaced_by(spec.parse(MINIMAL), ACTIVE, runs) == ""


def test_run_made_by_hand_is_never_replaced() -> None:
    by_hand = a_run("by-hand", active=True)
    parsed = spec.parse(MINIMAL | {"concurrencyPolicy": "Replace"})
    assert concurrency.replaced_by(parsed, by_hand, (by_hand, a_run("next", LATER))) == ""


def test_run_loads_a_target_after_the_runs_that_began_before_it() -> None:
    first = a_run("b", EARLIER, active=True)
    second = replace(a_run("a", LATER, active=True), status=first.status.having(start_time=NOON + timedelta(1)))
    starting, done = a_run("new", LATER), a_run("done", active=True, finished=True)
    runs = (second, starting, first, done)
    assert concurrency.loads_ahead(first, runs) == {}
    assert concurrency.loads_ahead(second, runs) == {"dev": "b"}
    assert set(concurrency.loads_ahead(starting, runs)) == {"dev"}


def test_run_waits_no_longer_for_a_target_that_the_run_before_has_done() -> None:
    first, second = a_run("a", EARLIER, active=True), a_run("b", LATER)
    done = TargetStep(name="dev", phase="Failed")
    first = replace(first, status=first.status.having(targets=[done]))
    assert concurrency.loads_ahead(second, (first, second)) == {}


def test_there_is_nothing_to_catch_up_with_where_slots_replace_each_other() -> None:
    schedule = {"cron": "@daily", "catchup": True}
    for policy, expected in (("Forbid", True), ("Allow", True), ("Replace", False)):
        parsed = spec.parse(MINIMAL | {"schedule": schedule, "concurrencyPolicy": policy})
        assert parsed.schedule is not None
        assert concurrency.schedule_of(parsed, parsed.schedule).catchup is expected, policy


def test_a_run_that_is_being_ended_counts_while_it_is_at_work() -> None:
    """Its older load would end after the next run's."""
    targets = [{"name": "dev", "phase": "Running"}, {"name": "qa", "phase": "Waiting"}]
    held, ended = (samples.a_run(name, {**status, "targets": targets}) for name, status in (("h", BEGUN), ("e", ENDED)))
    waiting, parsed, due = samples.a_run("w"), spec.parse(MINIMAL), (samples.NOON,)
    assert concurrency.to_admit(parsed, [waiting], [held]) == ()
    assert concurrency.to_admit(parsed, [waiting], [ended]) == (waiting,)
    assert concurrency.turn(parsed, (), due, None, [held]).held.reason == "Waiting"
    assert concurrency.loads_ahead(waiting, [waiting], [held, ended]) == {"dev": "h"}
