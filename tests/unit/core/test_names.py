"""Names are deterministic and always short enough."""

from datetime import UTC, datetime

import pytest
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


@given(data=st.data())
def test_no_two_steps_share_a_job(data: st.DataObject) -> None:
    name = st.lists(st.sampled_from(["r", "load", "dump", "t"]), min_size=1, max_size=4).map("-".join)
    steps = st.one_of(st.just(names.DUMP_STEP), name.map(names.load_step))
    one, other = data.draw(st.tuples(name, steps)), data.draw(st.tuples(name, steps))
    assert (names.job_name(*one) == names.job_name(*other)) == (one == other)


@pytest.mark.parametrize(("target", "expected"), [("qa-load", "r-load-qa-load"), ("load-t", "r.load-load-t")])
def test_only_names_that_could_be_anothers_have_a_dot(target: str, expected: str) -> None:
    assert names.job_name("r", names.load_step(target)) == expected


def test_prefix_of_variables() -> None:
    assert names.variable_prefix("qa-2") == "QA_2"
