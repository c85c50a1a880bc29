"""The termination message: whole JSON within the limit, whatever the message is."""

from hypothesis import given
from hypothesis import strategies as st

from datareplication.core import plain
from datareplication.core.report import TERMINATION_MESSAGE_LIMIT_BYTES, Progress, Report


@given(message=st.text(max_size=6000))
def test_report_survives_the_way_and_stays_within_the_limit(message: str) -> None:
    report = Report(outcome="Failed", reason="BadData", message=message, exit_code=65, rows=7, duration_seconds=1.25)
    text = report.to_json()
    assert len(text.encode()) <= TERMINATION_MESSAGE_LIMIT_BYTES
    read = Report.from_json(text)
    assert read is not None
    assert (read.reason, read.exit_code, read.rows) == ("BadData", 65, 7)
    assert read.message == plain.text(message) or read.message.endswith("…")


def test_text_of_somebody_else_is_no_report() -> None:
    assert [Report.from_json(text) for text in ("", "Killed", "[]", '{"a": 1}', "null")] == [None] * 5


def test_progress_is_read_from_a_log_line() -> None:
    line = '{"time": "t", "progress": {"phase": "Data", "rowsDone": 5, "later": 1}}'
    assert Progress.from_log_line(line) == Progress("Data", rows_done=5)
    assert [Progress.from_log_line(text) for text in ("", "x", "{}", '{"progress": 3}')] == [None] * 4
