"""Names are deterministic and always short enough."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from datareplication.core import names

SLOT = datetime(2026, 3, 2, 0, 0, tzinfo=UTC)


def test_names_of_a_run_and_its_jobs() -> None:
    run = names.run_name("prod-fanout", SLOT)
    assert run == "prod-fanout-202603020000"
    assert names.job_name(run, names.DUMP_STEP) == "prod-fanout-202603020000-dump"
    assert names.job_name(run, names.load_step("qa")) == "prod-fanout-202603020000-load-qa"


@given(length=st.integers(1, 42))
def test_names_within_the_crds_rule_fit_a_label(length: int) -> None:
    run = names.run_name("r" * length, SLOT)
    assert not names.is_too_long(run, ["t" * (43 - length)])


def test_prefix_of_variables() -> None:
    assert names.variable_prefix("qa-2") == "QA_2"
