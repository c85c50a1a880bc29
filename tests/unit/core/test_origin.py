"""Which runs are carried out, and what they need before."""

from datetime import UTC, datetime
from typing import Any

import pytest

from datareplication.core import found_runs, origin, run, spec
from support.samples import BEGUN, ENDED, MINIMAL, NOON, NOON_TEXT, OWNER, a_run, raw_run

SCHEDULED = MINIMAL | {"schedule": {"cron": "@hourly"}}
PARSED = spec.parse(MINIMAL)
KNOWN = origin.judged_by(OWNER, spec.parse(SCHEDULED), NOON)
INTERVAL = {"start": "2026-03-02T10:00:00Z", "end": "2026-03-02T11:00:00Z"}
SLOT = datetime(2026, 3, 2, 11, tzinfo=UTC)
SLOT_TEXT, SLOT_NAME = "2026-03-02T11:00:00Z", "r-202603021100"


def test_runs_are_sorted_in_their_order() -> None:
    runs = [
        a_run("by-hand", replication=None),
        a_run("begun", BEGUN),
        a_run("copied", dataInterval=INTERVAL),
        a_run(SLOT_NAME, slot=SLOT_TEXT, dataInterval=INTERVAL),
        a_run("r-202603021300", slot="2026-03-02T13:00:00Z", dataInterval=INTERVAL),
    ]
    found = origin.sort_runs(runs, KNOWN)
    assert [one.name for one in found.ours] == ["by-hand", "begun", SLOT_NAME]
    assert [one.name for one in found.restored] == ["copied"]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param(raw_run(SLOT_NAME, slot=SLOT_TEXT), True, id="made of it"),
        pytest.param(raw_run(SLOT_NAME, owner="other", slot=SLOT_TEXT), False, id="another's"),
        pytest.param(raw_run(SLOT_NAME), False, id="by hand, under its name"),
        pytest.param(raw_run(SLOT_NAME, slot=SLOT_TEXT, targets=["dev"]), False, id="of some targets only"),
        pytest.param(raw_run(SLOT_NAME, slot=SLOT_TEXT, action="Dance"), False, id="unreadable"),
    ],
)
def test_whether_a_run_is_a_slots(raw: dict[str, Any], *, expected: bool) -> None:
    assert origin.is_run_of_slot(raw, SLOT, KNOWN) is expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param(raw_run("a"), "AsItIs", id="complete"),
        pytest.param(raw_run("a", replication=None), "Complete", id="made by hand"),
        pytest.param(raw_run("a", replication=SCHEDULED), "Complete", id="with another spec"),
        pytest.param(raw_run("a", owner=""), "Complete", id="without an owner"),
        pytest.param(raw_run("a", BEGUN, replication=SCHEDULED), "AsItIs", id="begun with another spec"),
        pytest.param(raw_run("a", BEGUN, owner=""), "Adopt", id="begun, and its owner was deleted"),
        pytest.param(raw_run("a", ENDED, owner=""), "Adopt", id="ended, and its owner was deleted"),
        pytest.param(raw_run("a", BEGUN, owner="other"), "AsItIs", id="begun for another"),
    ],
)
def test_what_a_run_lacks(raw: dict[str, Any], expected: str) -> None:
    assert origin.completion(run.read(raw), OWNER, PARSED) == expected


def test_a_run_that_cannot_be_read_holds_up_no_other() -> None:
    going = raw_run("going", action="Dance")
    going["metadata"]["deletionTimestamp"] = NOON_TEXT
    found = found_runs.read_all([raw_run("bad", BEGUN, action="Dance"), raw_run("good"), going])
    assert [one.name for one in found.readable] == ["good"]
    assert [one.name for one in found.going] == ["going"]
    ((bad, why),) = found.unreadable
    assert (bad.name, bad.is_admitted, "spec.action" in why.message) == ("bad", True, True)
