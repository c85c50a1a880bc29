"""What `status` shows first."""

import json
from datetime import timedelta
from typing import Any

import pytest

from datareplication.cli.screen import on_paper
from datareplication.cli.view import overview, seen
from support import plugin
from support.plugin import NOW


def shown(raw: dict[str, Any]) -> str:
    return on_paper(overview.several([seen.replication(raw)], NOW, with_namespace=False)).splitlines()[1]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"nextScheduleTime": plugin.at(1)}, "due for 1h", id="a slot of the past is due"),
        pytest.param({"activeRuns": ["a", "b"], "phase": "Loading"}, "a and 1 more", id="runs at work"),
        pytest.param({"targets": []}, "never loaded: dev, staging, qa", id="targets that no status knows"),
        pytest.param(
            {"lastSuccess": {"run": "x", "phase": "Succeeded", "time": plugin.at(1)}}, "-", id="a failure that is over"
        ),
    ],
)
def test_a_row_says(changes: dict[str, Any], words: str) -> None:
    assert words in shown(plugin.replication(**changes))


def test_a_suspended_one_has_no_next_run() -> None:
    raw = plugin.replication()
    raw["spec"]["suspend"] = True
    assert " suspended " in shown(raw)


def test_data_that_became_old_since_the_status_was_written_is_stale() -> None:
    fresh = plugin.target("dev", 25)
    found = seen.replication(plugin.replication(targets=[fresh]))
    target = overview.targets(found)[0]
    assert overview.freshness(target, found, NOW) == "fresh"
    assert overview.freshness(target, found, NOW + timedelta(hours=2)) == "stale"


def test_a_failure_before_a_success_is_not_told() -> None:
    good = {"run": "later", "phase": "Succeeded", "time": plugin.at(1)}
    assert overview.failure(seen.replication(plugin.replication(lastSuccess=good))) is None


def test_only_runs_that_tell_something_are_read() -> None:
    assert overview.runs_to_read(seen.replication(plugin.replication(activeRuns=["now"]))) == ("now", plugin.NIGHT)


def test_programs_get_ages_and_objectives() -> None:
    data = json.loads(json.dumps(overview.data(plugin.the_replication(), NOW)))
    assert data["targets"][2] == {
        "name": "qa",
        "phase": "Failed",
        "freshness": "stale",
        "dataTime": "2026-11-20T23:02:00Z",
        "dataAgeSeconds": 119_520,
        "objectiveSeconds": 93_600,
        "run": plugin.NIGHT,
        "rows": 1_240_312,
        "message": plugin.HELD,
    }
    assert data["lastFailure"]["run"] == plugin.NIGHT


def test_a_run_at_work_is_shown_with_its_steps() -> None:
    raw = plugin.replication(activeRuns=[plugin.BY_HAND], phase="Dumping")
    page = on_paper(overview.one(seen.replication(raw, [plugin.states()[1]]), NOW))
    assert page.splitlines()[-3:] == [
        f"run {plugin.BY_HAND}: Dumping, 30s",
        "dump  Running  12%  Data, 5/42 tables, 148,837 rows, 2.3 MiB/s, 1m53s left",
        "dev   Waiting",
    ]
