"""What a look leaves behind, and what a resync looks at by it."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from datareplication.core import outcome, run
from datareplication.core.names import Key
from datareplication.core.outcome import Outcome
from datareplication.core.state import ReplicationStatus, TargetStatus
from support.samples import BEGUN, ENDED, NOON, OWNER, a_run, raw_run

KEY = Key("data", "r")
SOON, LATER = NOON + timedelta(minutes=1), NOON + timedelta(hours=1)
STATUS = ReplicationStatus(next_schedule_time=LATER)


@pytest.mark.parametrize(
    ("runs", "beside", "requeues", "expected"),
    [
        pytest.param([], [], [], Outcome(LATER, rests_until=LATER), id="until the next slot"),
        pytest.param([ENDED], [], [None], Outcome(LATER, rests_until=LATER), id="all runs have ended"),
        pytest.param([BEGUN], [], [SOON], Outcome(SOON), id="a run goes on"),
        pytest.param([], [BEGUN], [], Outcome(NOON + timedelta(seconds=10)), id="one is ended"),
        pytest.param([BEGUN], [], [NOON - timedelta(1)], Outcome(LATER), id="the past is not waited for"),
    ],
)
def test_one_in_order(
    runs: list[dict[str, Any]], beside: list[dict[str, Any]], requeues: list[datetime | None], expected: Outcome
) -> None:
    ours, others = [a_run("a", status) for status in runs], [a_run("b", status) for status in beside]
    assert outcome.of_valid(STATUS, ours, others, requeues, NOON) == expected


def test_an_invalid_one_is_looked_at_when_its_data_becomes_too_old() -> None:
    status = ReplicationStatus(targets=[TargetStatus(name="dev", fresh_until=SOON)])
    assert outcome.of_invalid(status, [], [LATER], NOON) == Outcome(SOON + timedelta(seconds=1))
    assert outcome.of_invalid(ReplicationStatus(), [], [None], NOON) == Outcome()


def test_one_is_gone_when_the_runs_that_outlive_it_have_ended() -> None:
    assert outcome.without_replication([], [], [], NOON) == Outcome(is_gone=True)
    assert outcome.without_replication([a_run("a", ENDED)], [], [None], NOON) == Outcome(is_gone=True)
    assert outcome.without_replication([a_run("a", BEGUN)], [], [SOON], NOON) == Outcome(SOON)


def test_a_slot_ends_a_rest_when_it_is_due() -> None:
    assert not outcome.is_slot_of_rest(None, NOON)
    assert not outcome.is_slot_of_rest(Outcome(), NOON)
    assert not outcome.is_slot_of_rest(Outcome(rests_until=SOON), NOON)
    assert outcome.is_slot_of_rest(Outcome(rests_until=NOON), NOON)


def replication(version: str = "1") -> dict[str, Any]:
    return {**OWNER, "metadata": {**OWNER["metadata"], "resourceVersion": version}}


@pytest.mark.parametrize(
    ("left", "replications", "runs", "expected"),
    [
        pytest.param({}, [replication()], [], [KEY], id="nobody has looked at it yet"),
        pytest.param({KEY: 1}, [replication()], [], [], id="it is as it was left"),
        pytest.param({KEY: 1}, [replication("2")], [], [KEY], id="it has changed"),
        pytest.param({KEY: 1}, [replication()], [raw_run("a", ENDED)], [KEY], id="a run has come"),
        pytest.param({KEY: 1}, [], [], [KEY], id="it is gone"),
        pytest.param({Key("other", "r"): 1}, [], [], [], id="it is of another namespace"),
        pytest.param({}, [], [raw_run("a", BEGUN)], [KEY], id="a run of nobody goes on"),
        pytest.param({}, [], [raw_run("a", ENDED)], [], id="a run of nobody has ended"),
    ],
)
def test_a_resync_looks_at_what_needs_it(
    left: dict[Key, int], replications: list[dict[str, Any]], runs: list[dict[str, Any]], expected: list[Key]
) -> None:
    seen = {key: Outcome(seen=outcome.versions(replication(), [])) for key in left}
    assert list(outcome.to_look_at(seen, "data", replications, runs)) == expected


def test_a_run_that_goes_on_is_looked_at_however_it_was_left() -> None:
    runs = [raw_run("a", BEGUN)]
    left = {KEY: Outcome(seen=outcome.versions(replication(), runs))}
    assert outcome.to_look_at(left, "", [replication()], runs) == (KEY,)


def test_a_resync_holds_no_spec_and_decides_the_same_without_it() -> None:
    found = [raw_run("a", ENDED), raw_run("b", BEGUN)]
    owner = {**OWNER, "metadata": {**OWNER["metadata"], "resourceVersion": "1"}}
    small = [outcome.kept(one) for one in found]
    assert "replication" not in str(small).replace("replicationName", "")
    assert outcome.versions(outcome.kept(owner), small) == outcome.versions(owner, found)
    of_all = outcome.to_look_at({}, "", [owner], found)
    assert outcome.to_look_at({}, "", [outcome.kept(owner)], small) == of_all == (KEY,)


def test_a_run_that_has_ended_is_held_without_its_copy_of_the_spec() -> None:
    copied = {**OWNER["spec"], "freshnessSeconds": 60}
    ended, begun = (raw_run(name, status, replication=copied) for name, status in (("a", ENDED), ("b", BEGUN)))
    assert run.kept(begun) == begun
    kept = run.kept(ended)
    assert kept["spec"] == {"replicationName": "r", "replication": {"freshnessSeconds": 60}}
    one = run.read(kept)
    assert (one.is_finished, one.freshness_seconds, run.read(begun).freshness_seconds) == (True, 60, 60)
