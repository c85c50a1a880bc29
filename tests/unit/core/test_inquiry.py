"""Whether a log or Events are asked for, and what they add."""

import json
from datetime import timedelta
from typing import Any

import pytest

from datareplication.core import inquiry
from datareplication.core.inquiry import EventsOf, Inquiry, LogOf
from datareplication.core.names import DUMP_STEP
from datareplication.core.observed import ObservedJob
from datareplication.core.pods import ObservedPod, Why, shown_why
from datareplication.core.report import Progress
from support.samples import NOON

LONG_AGO = NOON - timedelta(minutes=1)
JUST_NOW = NOON - timedelta(seconds=5)


def job(state: Any, pod: ObservedPod | None = None, **more: Any) -> ObservedJob:
    return ObservedJob(DUMP_STEP, state, "r-dump", pods=(pod,) if pod else (), **more)


@pytest.mark.parametrize(
    ("seen", "is_due", "expected"),
    [
        pytest.param(job("Running", ObservedPod("p", LONG_AGO, "Running")), True, LogOf("p", "dump"), id="it runs"),
        pytest.param(job("Running", ObservedPod("p", LONG_AGO, "Running")), False, None, id="its log was just read"),
        pytest.param(
            job("Running", ObservedPod("p", LONG_AGO, "Running", lost=Why("NodeLost"))), True, None, id="node is lost"
        ),
        pytest.param(
            job("Pending", ObservedPod("p", LONG_AGO, "Pending", waiting=Why("ContainerCreating"))),
            True,
            EventsOf("p", LONG_AGO),
            id="a pod is quiet for long",
        ),
        pytest.param(
            job("Pending", ObservedPod("p", JUST_NOW, "Pending", waiting=Why("ContainerCreating"))),
            True,
            None,
            id="a pod is new",
        ),
        pytest.param(
            job("Pending", ObservedPod("p", LONG_AGO, "Pending", waiting=shown_why("ErrImagePull", "no such image"))),
            True,
            None,
            id="a pod says itself why it waits",
        ),
        pytest.param(job("Pending", started_at=LONG_AGO), True, EventsOf("r-dump", LONG_AGO), id="a Job has no pod"),
        pytest.param(job("Pending", started_at=JUST_NOW), True, None, id="a Job is new"),
        pytest.param(job("Succeeded"), True, None, id="it has ended"),
    ],
)
def test_what_is_asked_for(seen: ObservedJob, *, is_due: bool, expected: Inquiry) -> None:
    assert inquiry.inquiry(seen, NOON, is_progress_due=is_due) == expected


def test_the_last_progress_in_a_log_counts() -> None:
    seen = [Progress(phase="Data", rows_done=count) for count in (1, 2)]
    lines = [json.dumps({"progress": one.to_mapping()}) for one in seen]
    found = inquiry.with_log(job("Running"), [*lines, "somebody else's words"])
    assert found.progress == seen[-1]
    assert inquiry.with_log(job("Running"), ["somebody else's words"]) == job("Running")


def test_events_of_an_attempt_before_tell_nothing() -> None:
    event = {"reason": "FailedMount", "message": "no such volume", "lastTimestamp": "2026-03-02T11:59:30Z"}
    found = inquiry.with_events(job("Pending"), [event], LONG_AGO)
    assert found.waiting == shown_why("FailedMount", "no such volume")
    assert inquiry.with_events(job("Pending"), [event], NOON).waiting is None
