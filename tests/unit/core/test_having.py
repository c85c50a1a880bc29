"""A change of a status names fields that there are and gives them values that they can have, or is refused."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from datareplication.core.state import RunStatus, StepStatus, TargetStep

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
OLD = RunStatus(phase="Loading", start_time=NOON, targets=[TargetStep(name="qa", rows=7)])


def test_what_is_changed_is_new_and_all_else_as_it_was() -> None:
    new = OLD.having(phase="Failed", message="why")
    assert (new.phase, new.message, new.start_time, new.targets) == ("Failed", "why", NOON, OLD.targets)
    assert (OLD.phase, OLD.message) == ("Loading", "")


def test_it_stays_what_it_is() -> None:
    step = OLD.targets[0].having(rows=8)
    assert (type(step), step.name, step.rows) == (TargetStep, "qa", 8)


def test_a_misspelt_field_is_refused() -> None:
    with pytest.raises(TypeError, match="RunStatus has no field mesage"):
        OLD.having(mesage="why")  # type: ignore[call-arg]


def test_a_name_of_the_resource_is_no_field() -> None:
    with pytest.raises(TypeError, match="RunStatus has no field startTime"):
        OLD.having(startTime=NOON)  # type: ignore[call-arg]


def test_an_unknown_phase_is_refused() -> None:
    with pytest.raises(ValidationError, match="phase"):
        OLD.having(phase="Lost")  # type: ignore[arg-type]


def test_a_value_of_another_type_is_refused() -> None:
    with pytest.raises(ValidationError, match="rows"):
        StepStatus().having(rows="many")  # type: ignore[arg-type]
