"""The examples are right in the eyes of a type checker that knows the orchestrator's own types."""

import sys
from pathlib import Path

import pytest

from harness import programs
from harness.images import CHECKOUT
from orchestra import environments, examples


@pytest.mark.parametrize("tool", ["airflow", "prefect", "dagster"])
def test_the_example_has_the_types_that_the_orchestrator_wants(tool: str) -> None:
    python = environments.programs(tool) / "python"
    example = examples.EXAMPLES / tool / "database_replication_fanout.py"
    ours: list[str | Path] = ["--python-executable", python, "--follow-imports=silent"]
    # Not all of the orchestrators' and the Kubernetes client's functions have types.
    lenient = ["--disable-error-code=import-untyped", "--allow-untyped-calls", "--allow-untyped-decorators"]
    programs.run([sys.executable, "-m", "mypy", *ours, *lenient, example], cwd=CHECKOUT)
