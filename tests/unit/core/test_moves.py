"""What becomes of each run of a DataReplication."""

from datareplication.core import moves, spec
from datareplication.core.moves import Advance, Close, HoldBack, Move
from datareplication.core.pods import Why
from support.samples import BEGUN, ENDED, MINIMAL, NOON, a_run

FORBID = spec.parse(MINIMAL)
REPLACE = spec.parse(MINIMAL | {"concurrencyPolicy": "Replace", "schedule": {"cron": "@hourly"}})


def message(move: Move) -> str:
    assert isinstance(move, HoldBack)
    return move.status.message


def test_a_run_that_has_ended_stays_as_it_is() -> None:
    assert moves.moves(FORBID, (a_run("a", ENDED),), NOON) == (None,)


def test_one_begins_and_the_next_waits_for_it() -> None:
    first, second = moves.moves(FORBID, (a_run("a"), a_run("b")), NOON)
    assert first == Advance(in_use=("a", "b"))
    assert message(second) == moves.WAITS
    first, second = moves.moves(FORBID, (a_run("a", BEGUN), a_run("b")), NOON)
    assert first == Advance(in_use=("a", "b"))
    assert message(second) == moves.WAITS


def test_a_later_slot_takes_the_place_of_an_earlier_one() -> None:
    older = a_run("r-202603021000", BEGUN, slot="2026-03-02T10:00:00Z")
    newer = a_run("r-202603021100", slot="2026-03-02T11:00:00Z")
    first, second = moves.moves(REPLACE, (older, newer), NOON)
    assert first == Advance(("r-202603021000", "r-202603021100"), replaced_by=newer.name)
    assert message(second) == moves.WAITS


def test_a_run_that_gives_way_before_it_begins_is_replaced() -> None:
    older = a_run("r-202603021000", slot="2026-03-02T10:00:00Z")
    newer = a_run("r-202603021100", slot="2026-03-02T11:00:00Z")
    first, _ = moves.moves(REPLACE, (older, newer), NOON)
    assert isinstance(first, HoldBack)
    assert first.status.phase == "Replaced"
    assert newer.name in first.status.message


def test_a_later_run_loads_a_target_after_an_earlier_one() -> None:
    older, newer = a_run("a", BEGUN), a_run("b", BEGUN | {"startTime": "2026-03-02T12:01:00Z"})
    assert moves.moves(FORBID, (older, newer), NOON)[1] == Advance(("a", "b"), ahead={"dev": "a"})


def test_without_a_spec_only_those_go_on_whose_status_says_that_they_have_begun() -> None:
    why = Why("BadCron", "cannot be read")
    found = moves.moves_without_spec((a_run("a", BEGUN), a_run("b"), a_run("c", ENDED)), why)
    assert found == (Advance(("a", "b")), Close(why), Close(why))
