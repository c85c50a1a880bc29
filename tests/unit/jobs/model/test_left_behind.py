"""What a copy leaves behind: the report names it in few words, and the docs explain it."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from datareplication.core import plain
from datareplication.core.report import TERMINATION_MESSAGE_LIMIT_BYTES, Report
from datareplication.jobs.model import left_behind

DOCS = Path(__file__).parents[4] / "docs" / "fidelity.md"


def test_only_what_the_source_has_is_told() -> None:
    found = {"publications": ["a", "b"], "subscriptions": [], "roles": [str(number) for number in range(8)]}
    assert left_behind.describe(found) == (
        "roles: 0, 1, 2, 3, 4 and 3 more",
        "publications: a, b",
        "optimizer statistics",
    )
    assert left_behind.describe({}) == ("optimizer statistics",)


def test_the_docs_name_every_kind() -> None:
    section = DOCS.read_text().partition("## What is not copied, on purpose")[2].partition("\n## ")[0].lower()
    assert [kind for kind in left_behind.KINDS if kind not in section] == []


@given(
    message=st.text(max_size=3000),
    names=st.dictionaries(st.sampled_from(left_behind.KINDS), st.lists(st.text(max_size=63), max_size=9)),
)
def test_a_report_with_all_of_it_stays_within_the_limit(message: str, names: dict[str, list[str]]) -> None:
    report = Report("Succeeded", message=message, not_carried=left_behind.describe(names))
    text = report.to_json()
    assert len(text.encode()) <= TERMINATION_MESSAGE_LIMIT_BYTES
    read = Report.from_json(text)
    assert read is not None
    assert read.not_carried == tuple(map(plain.text, report.not_carried[: len(read.not_carried)]))
