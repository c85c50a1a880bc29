"""Which runs may begin, wait or give way, by the policy's name."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from samples import MINIMAL

from datareplication.core import concurrency, run, spec
from datareplication.core.concurrency import Turn
from datareplication.core.run import Run
from datareplication.core.state import RunNote

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
EARLIER, LATER = datetime(2026, 3, 2, 0, tzinfo=UTC), datetime(2026, 3, 3, 0, tzinfo=UTC)
FAILED = RunNote(run="r-1", phase="Failed", time=NOON)
SUCCEEDED = RunNote(run="r-1", phase="Succeeded", time=NOON)


def a_run(name: str, slot: datetime | None = None, *, active: bool = False, finished: bool = False) -> Run:
    metadata = {"name": name, "namespace": "data", "uid": name, "creationTimestamp": "2026-03-02T12:00:00Z"}
    read = run.read({"metadata": metadata, "spec": {"replicationName": "r"}})
    times = {"start_time": NOON if active or finished else None, "completion_time": NOON if finished else None}
    request = read.request.model_copy(update={"slot": slot})
    return replace(read, request=request, status=read.status.model_copy(update=times))


@dataclass(frozen=True)
class Case:
    """What happens to due slots under a policy."""

    sentence: str
    policy: dict[str, Any]
    runs: tuple[Run, ...]
    due: tuple[datetime, ...]
    expected: Turn
    last: RunNote | None = None


ACTIVE = a_run("active", EARLIER, active=True)
CASES = [
    Case("nothing due, nothing to do", {}, (ACTIVE,), (), Turn()),
    Case("a due slot starts when nothing is active", {}, (), (LATER,), Turn((LATER,))),
    Case("Forbid: a due slot waits for the active run", {}, (ACTIVE,), (LATER,), Turn(held="waits for active")),
    Case("Forbid: maxActiveRuns does not let slots overlap", {"maxActiveRuns": 3}, (ACTIVE,), (LATER,), Turn(held="waits for active")),
    Case("Allow: up to maxActiveRuns", {"concurrencyPolicy": "Allow", "maxActiveRuns": 2}, (ACTIVE,), (LATER,), Turn((LATER,))),
    Case("Allow: not more", {"concurrencyPolicy": "Allow", "maxActiveRuns": 1}, (ACTIVE,), (LATER,), Turn(held="waits for active")),
    Case("Allow: as many slots as there is room", {"concurrencyPolicy": "Allow", "maxActiveRuns": 2}, (ACTIVE,), (EARLIER, LATER), Turn((EARLIER,))),
    Case("Replace: the latest slot takes the place", {"concurrencyPolicy": "Replace"}, (ACTIVE,), (EARLIER, LATER), Turn((LATER,))),
    Case("a waiting run made by hand comes first", {}, (a_run("by-hand"),), (LATER,), Turn(held="waits for by-hand")),
    Case("dependsOnPast: waits after a failure", {"dependsOnPast": True}, (), (LATER,), Turn(held="run r-1 Failed; with dependsOnPast the next slot waits until a run has succeeded: start one by hand"), FAILED),
    Case("dependsOnPast: goes on after a success", {"dependsOnPast": True}, (), (LATER,), Turn((LATER,)), SUCCEEDED),
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
