"""The health check for Argo CD that docs/gitops.md shows, run on what the operator writes."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from lupa.lua51 import LuaRuntime, lua_type  # type: ignore[import-untyped]

from datareplication.core import run, state, status, summary
from datareplication.core.pods import Why
from datareplication.core.state import ReplicationStatus
from datareplication.errors import SpecError

PAGE = Path(__file__).resolve().parents[2] / "docs" / "gitops.md"
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
KEY = "resource.customizations.health.datareplication.dev_"


def scripts() -> dict[str, str]:
    """Return kind -> Lua script, as Argo CD reads them of its ConfigMap."""
    shown = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)]
    (data,) = [one for one in shown if any(key.startswith(KEY) for key in one)]
    return {key.removeprefix(KEY): text for key, text in data.items()}


def health(kind: str, resource: dict[str, Any]) -> tuple[str, str]:
    """Return status and message of a resource's health: Argo CD gives it to the script as `obj`."""
    lua = LuaRuntime()

    def table(value: Any) -> Any:
        if isinstance(value, dict):
            return lua.table_from({key: table(part) for key, part in value.items()})
        return lua.table_from([table(part) for part in value]) if isinstance(value, list) else value

    lua.globals()["obj"] = table(resource)
    told = lua.execute(scripts()[kind])
    assert lua_type(told) == "table"
    return str(told["status"]), str(told["message"])


def a_run(generation: int = 2, **fields: Any) -> run.Run:
    metadata = {"name": "now", "namespace": "data", "uid": "u", "creationTimestamp": "2026-03-02T11:00:00Z"}
    return run.read({"metadata": {**metadata, "generation": generation}, "spec": {"replicationName": "fan"}, **fields})


def shown(one: run.Run, new: state.RunStatus) -> dict[str, Any]:
    return {**one.raw, "status": state.to_raw(new)}


def test_both_kinds_have_the_same_script() -> None:
    assert scripts().keys() == {"DataReplication", "DataReplicationRun"}
    assert len(set(scripts().values())) == 1


class TestRun:
    def test_one_that_nobody_has_looked_at_is_in_progress(self) -> None:
        assert health("DataReplicationRun", a_run().raw)[0] == "Progressing"

    def test_one_that_waits_is_in_progress_and_says_for_what(self) -> None:
        one = a_run()
        assert health("DataReplicationRun", shown(one, status.waiting_run(one, "waits for its turn", NOW))) == (
            "Progressing",
            "waits for its turn",
        )

    def test_one_that_failed_is_degraded_and_says_why(self) -> None:
        one = a_run()
        failed = status.failed_run(one, Why("ReplicationNotFound", "there is no fan"), NOW)
        assert health("DataReplicationRun", shown(one, failed)) == ("Degraded", "there is no fan")

    def test_one_that_succeeded_is_healthy(self) -> None:
        one = a_run()
        done = status.failed_run(one, Why(), NOW).having(phase="Succeeded", message="")
        done = status._with_run_conditions(done, "AllTargetsLoaded", NOW)
        assert health("DataReplicationRun", shown(one, done))[0] == "Healthy"
        assert health("DataReplicationRun", shown(a_run(generation=3), done))[0] == "Progressing", "of an older spec"


class TestReplication:
    def resource(self, condition: str, **spec: Any) -> dict[str, Any]:
        """Return an accepted DataReplication, or a refused one."""
        error = SpecError("spec.source", "Field required")
        conditions = state.to_raw(summary.invalid(ReplicationStatus(), 1, error, (), NOW))["conditions"]
        if condition == "Ready":
            values = {"Ready": "True", "Reconciling": "False", "Stalled": "False", "Fresh": "False"}
            conditions = [
                {"type": kind, "status": value, "message": "accepted", "observedGeneration": 1}
                for kind, value in values.items()
            ]
        return {"metadata": {"generation": 1}, "spec": spec, "status": {"conditions": conditions}}

    @pytest.mark.parametrize(
        ("condition", "spec", "expected"),
        [
            ("Stalled", {}, ("Degraded", "spec.source: Field required")),
            ("Ready", {}, ("Healthy", "accepted")),
            ("Ready", {"suspend": True}, ("Suspended", "accepted")),
        ],
    )
    def test_health(self, condition: str, spec: dict[str, Any], expected: tuple[str, str]) -> None:
        assert health("DataReplication", self.resource(condition, **spec)) == expected
