"""What `status` shows first."""

import json
from datetime import timedelta
from typing import Any

import pytest

from datareplication.cli.screen import on_paper
from datareplication.cli.session import READER
from datareplication.cli.view import overview
from datareplication.core.judgement.health import freshness, last_failure
from support import plugin
from support.plugin import NOW


def shown(raw: dict[str, Any]) -> str:
    return on_paper(overview.several([READER.replication(raw)], NOW, with_namespace=False)).splitlines()[1]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"nextScheduleTime": plugin.at(1)}, "due for 1h", id="a slot of the past is due"),
        pytest.param({"activeRuns": ["a", "b"], "phase": "Loading"}, "a and 1 more", id="runs at work"),
        pytest.param({"targets": []}, "never loaded: dev, staging, qa", id="targets that no status knows"),
        pytest.param(
            {"conditions": [plugin.condition("LastRunSucceeded", "True", "Succeeded")]},
            "-",
            id="a failure that is over",
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
    found = READER.replication(plugin.replication(targets=[fresh]))
    assert freshness(found, found.targets[0], NOW) == "fresh"
    assert freshness(found, found.targets[0], NOW + timedelta(hours=2)) == "stale"


def test_a_failure_before_a_success_is_not_told() -> None:
    good = [plugin.condition("LastRunSucceeded", "True", "Succeeded")]
    assert last_failure(READER.replication(plugin.replication(conditions=good))) is None


def test_a_run_that_gave_its_place_to_a_later_one_is_no_failure() -> None:
    replaced = [plugin.condition("LastRunSucceeded", "False", "Replaced")]
    assert last_failure(READER.replication(plugin.replication(conditions=replaced))) is None


def test_programs_get_ages_and_objectives() -> None:
    data = json.loads(json.dumps(overview.data(plugin.the_replication().one, NOW)))
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
    page = on_paper(overview.one(plugin.subject(raw, [plugin.states()[1]]), NOW))
    assert page.splitlines()[-3:] == [
        f"run {plugin.BY_HAND}: Dumping, 30s",
        "dump  Running  12%  copying rows, 5/42 tables, 148,837 rows, 2.3 MiB/s, 1m53s left",
        "dev   Waiting",
    ]
