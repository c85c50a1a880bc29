"""What follows from how Kubernetes answers an action."""

from datetime import timedelta

import pytest

from datareplication.core import answers
from datareplication.core.answers import Answer, Done
from datareplication.core.names import DUMP_STEP
from datareplication.core.observed import ObservedJob
from datareplication.core.phases import JobState
from datareplication.core.plan import CreateJob, PatchJob, Plan, SeenRun
from datareplication.core.pods import Why
from datareplication.core.volume import Volume
from support.samples import NOON, a_run

CREATE, PATCH = CreateJob(DUMP_STEP, {}), PatchJob(DUMP_STEP, "r-dump", {}, "Retry")
MISSING, THERE = Volume("snapshots", exists=False), Volume("snapshots", exists=True)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [("Accepted", Done()), ("Conflict", Done(1)), ("Refused", Done(30)), ("Invalid", Done(30))],
)
def test_a_job_that_is_not_changed_goes_on(answer: Answer, expected: Done) -> None:
    assert answers.done(PATCH, answer, "quota") == expected


@pytest.mark.parametrize(
    ("answer", "state", "reason"), [("Refused", "Refused", "JobRefused"), ("Invalid", "Failed", "JobRejected")]
)
def test_a_job_that_is_not_made_waits_or_has_failed(answer: Answer, state: JobState, reason: str) -> None:
    made = answers.done(CREATE, answer, "quota")
    assert made.again_seconds == 30
    assert made.refused is not None
    assert (made.refused.state, made.refused.why.reason) == (state, reason)
    assert "quota" in made.refused.why.message


def test_a_job_that_was_made_by_somebody_meanwhile_is_looked_at() -> None:
    assert answers.done(CREATE, "Conflict") == Done(1)


@pytest.mark.parametrize(
    ("state", "claim", "results", "requeue", "expected"),
    [
        pytest.param("Absent", THERE, [Done()], None, None, id="an event will come"),
        pytest.param("Absent", THERE, [Done(), Done(30)], None, 30, id="refused"),
        pytest.param("Absent", THERE, [Done(30), Done(1)], 20, 1, id="the first of all counts"),
        pytest.param("Suspended", THERE, [], 20, 20, id="planned"),
        pytest.param("Running", THERE, [], 20, 11, id="progress is due"),
        pytest.param("Absent", MISSING, [], None, 11, id="of the claim no event comes"),
    ],
)
def test_when_to_look_again(
    state: JobState, claim: Volume, results: list[Done], requeue: int | None, expected: int | None
) -> None:
    seen = SeenRun(a_run("r-1"), {DUMP_STEP: ObservedJob(DUMP_STEP, state)}, claim)
    planned = Plan(requeue_at=NOON + timedelta(seconds=requeue) if requeue else None)
    again = NOON + timedelta(seconds=expected) if expected else None
    assert answers.look_again(seen, planned, results, NOON) == again


def test_why_is_told_in_words() -> None:
    made = answers.done(CREATE, "Refused", "exceeded quota")
    text = "Kubernetes refused the Job; the operator tries again: exceeded quota"
    assert made.refused == ObservedJob(DUMP_STEP, "Refused", why=Why("JobRefused", text))
