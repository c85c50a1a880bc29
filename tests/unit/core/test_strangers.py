"""Whatever a pod, a Job's annotations or an Event say, in any type or size: it is read as text or as nothing."""

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datareplication.core import events, names, plain, times
from datareplication.core.events import Note
from datareplication.core.names import DUMP_STEP
from datareplication.core.observed import ObservedJob, observe
from datareplication.core.pods import why_from_events
from datareplication.core.report import Progress, Report
from datareplication.core.state import RunStatus, StepStatus, read_status, to_raw
from datareplication.core.steps import step_status

NOW = datetime(2026, 3, 2, 0, 1, tzinfo=UTC)
BIDI = "\u202e\u2066\u200f"
CONTROL = "\x00\x07\x1b[2J\x7f\x85\u2028\r\n"
SURROGATE = "\ud800"

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([CONTROL, BIDI, SURROGATE]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
REPORT_FIELDS = ("outcome", "reason", "message", "exitCode", "snapshot", "snapshotTime", "lsn", "tables", "rows", "bytes", "durationSeconds", "notCarried")  # fmt: skip
PROGRESS_FIELDS = ("phase", "tablesDone", "rowsDone", "bytesTotal", "note", "noteReason", "bytesPerSecond", "secondsLeft")  # fmt: skip


def said(**fields: Any) -> str:
    return json.dumps({"outcome": "Succeeded", **fields})


UNREADABLE = {
    "rows that are text": said(rows="x"),
    "rows that are true": said(rows=True),
    "rows below nothing": said(rows=-1),
    "rows that no status can hold": said(rows=2**63),
    "rows that are a fraction": said(rows=1.5),
    "a list for a message": said(message=["x"]),
    "a deep list": '{"outcome": ' + "[" * 4000,
    "a deep list that is closed": "[" * 2000 + "]" * 2000,
    "a duration that is no number": said(durationSeconds=math.nan),
    "a duration without end": said(durationSeconds=math.inf),
    "a duration beyond all": said(durationSeconds=1e300),
    "a number of ten thousand digits": '{"outcome": "Succeeded", "rows": ' + "9" * 10_000 + "}",
    "a time that is none": said(snapshotTime="yesterday"),
    "a time before time": said(snapshotTime="0001-01-01T00:00:00+14:00"),
    "a time after all": said(snapshotTime="9999-12-31T23:59:59-14:00"),
    "what was not carried as an object": said(notCarried={"a": 1}),
    "what was not carried, nested": said(notCarried=[["a"]]),
    "nothing for a field": said(message=None),
}


@pytest.mark.parametrize("message", UNREADABLE.values(), ids=UNREADABLE)
def test_a_message_with_a_field_that_cannot_be_read_is_no_report(message: str) -> None:
    assert Report.from_json(message) is None


def test_progress_that_cannot_be_read_is_none() -> None:
    lines = [
        '{"progress": {"phase": "Data", "rowsDone": "x"}}',
        '{"progress": ' + "[" * 5000,
        '{"progress": {"phase": 1}}',
    ]
    assert [Progress.from_log_line(line) for line in lines] == [None] * 3
    assert Progress.from_log_line('{"progress": {"phase": "Data", "secondsLeft": null}}') == Progress("Data")


def a_job(annotations: dict[str, str], **spec: Any) -> dict[str, Any]:
    owner = [{"uid": "run", "controller": True}]
    metadata = {"name": "r-dump", "uid": "job", "resourceVersion": "7", "ownerReferences": owner}
    return {"metadata": metadata | {"annotations": annotations}, "spec": spec, "status": {"failed": 1}}


def a_pod(message: str, **end: Any) -> dict[str, Any]:
    owner = [{"uid": "job", "controller": True}]
    metadata = {"name": "p", "creationTimestamp": "2026-03-02T00:00:00Z", "ownerReferences": owner}
    ended = {"exitCode": 0, "message": message, "finishedAt": "2026-03-02T00:00:09Z"} | end
    statuses = [{"name": "dump", "state": {"terminated": ended}}]
    return {"metadata": metadata, "spec": {}, "status": {"phase": "Succeeded", "containerStatuses": statuses}}


def seen(job: dict[str, Any], *pods: dict[str, Any]) -> ObservedJob:
    return observe(DUMP_STEP, job, pods, "run", NOW)


def is_plain(value: str) -> bool:
    return value.isprintable()


def all_text(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [part for inner in value.values() for part in all_text(inner)]
    if isinstance(value, list):
        return [part for inner in value for part in all_text(inner)]
    return [value] if isinstance(value, str) else []


@given(fields=st.dictionaries(st.sampled_from(REPORT_FIELDS), ANY_JSON), code=st.sampled_from([0, 65, 75, 137]))
def test_no_termination_message_stops_its_step(fields: dict[str, Any], code: int) -> None:
    job = seen(a_job({}), a_pod(said(**fields), exitCode=code))
    raw = to_raw(step_status(StepStatus(), job, NOW))
    json.dumps(raw, allow_nan=False).encode()
    assert all(map(is_plain, all_text(raw)))
    assert to_raw(read_status(StepStatus, {"status": raw})) == raw, "what is written is what is read"


@given(message=st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")))
def test_no_text_stops_its_step(message: str) -> None:
    for code in (0, 65):
        raw = to_raw(step_status(StepStatus(), seen(a_job({}), a_pod(message, exitCode=code)), NOW))
        assert all(map(is_plain, all_text(raw)))


@given(fields=st.dictionaries(st.sampled_from(PROGRESS_FIELDS), ANY_JSON))
def test_no_progress_line_stops_its_step(fields: dict[str, Any]) -> None:
    progress = Progress.from_log_line(json.dumps({"progress": {"phase": "Data", **fields}}))
    raw = to_raw(step_status(StepStatus(), ObservedJob(DUMP_STEP, state="Running", progress=progress), NOW))
    json.dumps(raw, allow_nan=False).encode()
    assert all(map(is_plain, all_text(raw)))


ANNOTATIONS = [names.RETRY_AT_ANNOTATION, names.DELAYED_ANNOTATION, names.STOPPED_ANNOTATION]
VALUES = st.text(max_size=30) | st.sampled_from(
    ["abc", "-1", "9" * 5000, "²", "1.5", "NaN", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-03-02"]
)


@given(annotations=st.dictionaries(st.sampled_from(ANNOTATIONS), VALUES), suspend=st.booleans())
def test_no_annotation_of_a_job_stops_its_step(annotations: dict[str, str], suspend: bool) -> None:
    job = seen(a_job(annotations, suspend=suspend))
    assert job.delayed >= 0
    raw = to_raw(step_status(StepStatus(), job, NOW))
    json.dumps(raw).encode()
    assert all(map(is_plain, all_text(raw)))


def test_an_event_of_a_stranger_is_text_or_nothing() -> None:
    event = {
        "reason": "FailedMount",
        "message": CONTROL + BIDI + SURROGATE,
        "lastTimestamp": "9999-12-31T23:59:59-14:00",
    }
    why = why_from_events([event], NOW)
    assert why is not None
    assert is_plain(why.message)
    assert why_from_events([{"reason": None, "message": None}], NOW) is None


def test_a_status_that_a_stranger_wrote_is_read_within_what_can_be_reckoned_with() -> None:
    status = read_status(RunStatus, {"status": {"startTime": "9999-12-31T23:59:59-14:00", "message": CONTROL}})
    assert status.start_time is not None
    assert status.start_time.year < 9900
    assert all(map(is_plain, all_text(to_raw(status))))


@given(st.text(max_size=50))
def test_text_of_others_is_one_line_that_shows_what_it_is(value: str) -> None:
    shown = plain.text(value)
    assert is_plain(shown)
    assert plain.text(shown) == shown
    assert len(shown) == len(value)


def test_text_of_others_is_as_long_as_is_good_for_it() -> None:
    assert plain.text("x" * 10_000) == "x" * (plain.MESSAGE_LIMIT - 1) + "…"
    assert plain.text("naïve Ωmega 表") == "naïve Ωmega 表"
    assert plain.text("a\nb\u202ec") == "a b\ufffdc"
    assert (plain.word("Evil\n reason!"), plain.word(None), plain.word("x" * 1000)) == ("Evilreason", "", "x" * 100)


def test_an_event_holds_no_control_character() -> None:
    involved = {"apiVersion": "v1", "kind": "Run", "metadata": {"name": "r", "namespace": "n", "uid": "u"}}
    made = events.manifest(involved, Note("Warning", "LoadFailed", CONTROL + BIDI + SURROGATE + "x"), "me", NOW)
    assert is_plain(made["message"])


@pytest.mark.parametrize(
    "value", ["", None, "abc", "2026-03-02T00:00:00", "0001-01-01T00:00:00+14:00", "1900-01-01T00:00:00Z"]
)
def test_a_time_that_cannot_be_read_is_none(value: str | None) -> None:
    assert times.optional(value) is None


def test_attempts_are_kept_within_what_an_object_can_hold() -> None:
    """Disruptions are without limit; what counts and what decided stays, and the next look keeps the same."""
    evicted = [a_pod("", exitCode=137) for _ in range(100)]
    for number, pod in enumerate(evicted):
        pod["metadata"]["name"] = f"p{number:03}"
        pod["status"]["conditions"] = [{"type": "DisruptionTarget", "status": "True", "message": "x" * 10_000}]
    failed = a_pod("x" * 4000, exitCode=75, finishedAt="2026-03-02T00:00:01Z")
    failed["metadata"]["name"] = "failed"
    once = step_status(StepStatus(), seen(a_job({}), failed, *evicted), NOW)
    assert len(once.ended_attempts) == 32
    assert once.ended_attempts[-1].pod == "failed"
    assert max(len(attempt.message) for attempt in once.ended_attempts) == 500
    assert step_status(once, seen(a_job({}), failed, *evicted), NOW) == once


@pytest.mark.parametrize("message", [None, 1, ["x"], {"x": 1}])
def test_a_condition_whose_message_is_no_text_hides_nothing_else(message: Any) -> None:
    raw = {"phase": "Failed", "conditions": [{"type": "Failed", "status": "True", "message": message}]}
    assert read_status(RunStatus, {"status": raw}) == RunStatus(phase="Failed")
