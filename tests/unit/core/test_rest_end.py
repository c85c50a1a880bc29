"""Which slots begin at once when a rest ends."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from datareplication.core import effective_schedule, spec
from datareplication.core.effective_schedule import RestEnd
from support.samples import MINIMAL, OWNER

HOURLY = MINIMAL | {"schedule": {"cron": "@hourly"}}
ONE = datetime(2026, 3, 2, 13, tzinfo=UTC)
NOW = ONE + timedelta(seconds=1)
RESTED: dict[str, Any] = {
    "observedGeneration": 1,
    "schedule": {"cron": "@hourly", "timeZone": "Etc/UTC", "since": "2026-03-01T00:00:00Z"},
    "lastScheduleTime": "2026-03-02T12:00:00Z",
}
FAILED = {"run": "r-1", "phase": "Failed", "time": "2026-03-02T12:30:00Z"}


def replication(spec_: dict[str, Any], status: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {"metadata": {**OWNER["metadata"], **metadata}, "spec": spec_, "status": status}


def test_the_slot_that_is_due_begins() -> None:
    assert effective_schedule.rest_end(replication(HOURLY, RESTED), NOW) == RestEnd(spec.parse(HOURLY), (ONE,))


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(replication(HOURLY, RESTED, deletionTimestamp="2026-03-02T12:59:00Z"), id="it is being deleted"),
        pytest.param(replication(MINIMAL | {"schedule": {"cron": "x"}}, RESTED), id="its spec is invalid"),
        pytest.param(replication(HOURLY | {"suspend": True}, RESTED), id="it was suspended"),
        pytest.param(replication(HOURLY, RESTED | {"activeRuns": ["r-1"]}), id="a run goes on"),
        pytest.param(replication(HOURLY, RESTED | {"lastScheduleTime": "2026-03-02T11:00:00Z"}), id="one was missed"),
        pytest.param(replication(HOURLY, RESTED | {"lastScheduleTime": "2026-03-02T13:00:00Z"}), id="it was run"),
        pytest.param(replication(HOURLY | {"dependsOnPast": True}, RESTED | {"lastFailure": FAILED}), id="it is held"),
    ],
)
def test_else_all_is_looked_at(raw: dict[str, Any]) -> None:
    assert effective_schedule.rest_end(raw, NOW) is None
