"""What the examples for orchestrators promise, as far as it shows without an orchestrator."""

import re
from pathlib import Path

import pytest
import yaml

from datareplication.core import names

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
FILES = sorted((*EXAMPLES.glob("*/database*.py"), *EXAMPLES.glob("*/database*.yaml")))
SUFFIX = re.compile(r"-r\{.*\[:12\]\}")
LONGEST_TOGETHER = 43
"""Characters of a DataReplication's name and a target's, by the rule of the CustomResourceDefinition."""


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name)
def test_the_name_of_a_run_ends_with_r_and_twelve_digits_of_a_hash(file: Path) -> None:
    assert SUFFIX.search(file.read_text())


@pytest.mark.parametrize("length", range(1, LONGEST_TOGETHER))
def test_such_a_name_fits_into_the_names_of_jobs_whatever_the_replication_and_the_target(length: int) -> None:
    replication, target = "a" * length, "b" * (LONGEST_TOGETHER - length)
    run = f"{replication}-r{'0' * 12}"
    assert not names.is_too_long(run, [target])
    assert len(run) <= 57


def test_there_is_an_example_for_each_orchestrator() -> None:
    assert [file.parent.name for file in FILES] == ["airflow", "argo-workflows", "dagster", "prefect"]


def test_an_orchestrator_may_create_and_read_runs_and_nothing_else() -> None:
    role, _ = yaml.safe_load_all((EXAMPLES / "role.yaml").read_text())
    runs = {"apiGroups": ["datareplication.dev"], "resources": ["datareplicationruns"]}
    assert (role["kind"], role["rules"]) == ("Role", [{**runs, "verbs": ["create", "get", "list", "watch"]}])
    _, role, _ = yaml.safe_load_all((EXAMPLES / "argo-workflows" / "role.yaml").read_text())
    results = {"apiGroups": ["argoproj.io"], "resources": ["workflowtaskresults"], "verbs": ["create", "patch"]}
    assert (role["kind"], role["rules"]) == ("Role", [{**runs, "verbs": ["create", "get"]}, results])
