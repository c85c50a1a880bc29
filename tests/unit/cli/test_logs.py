"""Which log matters, and how its lines are shown."""

import json
from typing import Any

import pytest

from datareplication.cli.screen import on_paper
from datareplication.cli.view import logs
from support import plugin
from support.plugin import by_hand, done, run, step


def chosen(*raws: dict[str, Any], target: str = "") -> tuple[str, str] | None:
    found = logs.source(plugin.subject(plugin.replication(), raws), target=target)
    return (found.run.name, "-".join(filter(None, (found.step.role, found.step.target)))) if found else None


AT_WORK = by_hand(1, "Loading", done(1), plugin.moving(0.1))


@pytest.mark.parametrize(
    ("raws", "target", "expected"),
    [
        pytest.param([plugin.night()], "", (plugin.NIGHT, "load-qa"), id="the load that failed"),
        pytest.param([plugin.night()], "dev", (plugin.NIGHT, "load-dev"), id="the load that was asked for"),
        pytest.param([plugin.night(), AT_WORK], "", (plugin.BY_HAND, "load-dev"), id="the run at work"),
        pytest.param([plugin.night(), AT_WORK], "qa", (plugin.NIGHT, "load-qa"), id="the last run with that target"),
        pytest.param([plugin.evening()], "", ("prod-fanout-202611202300", "dump"), id="all is well: the dump"),
        pytest.param([run("new", 0, {"phase": "Pending"})], "", None, id="nothing has begun"),
        pytest.param([], "", None, id="no run"),
    ],
)
def test_the_step_that_matters(raws: list[dict[str, Any]], target: str, expected: tuple[str, str] | None) -> None:
    assert chosen(*raws, target=target) == expected


def test_a_target_named_dump_is_not_the_dump() -> None:
    status = {"phase": "Loading", "dump": done(1), "targets": [step("Running", name="dump")]}
    assert chosen(run("now", 1, status)) == ("now", "load-dump")
    assert chosen(run("now", 1, status), target="dump") == ("now", "load-dump")


def test_pods_are_found_by_their_labels() -> None:
    found = logs.source(plugin.the_replication())
    assert found is not None
    assert found.labels == (
        f"datareplication.dev/run={plugin.NIGHT},datareplication.dev/role=load,datareplication.dev/target=qa"
    )


def test_the_pod_of_the_last_attempt_is_read() -> None:
    pods = [{"metadata": plugin.meta(name, hours)} for name, hours in (("b", 2), ("c", 1), ("a", 3))]
    assert logs.latest_pod(pods) == "c"
    assert logs.latest_pod([]) == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"time": "2026-11-21T23:07:41.002Z", "level": "info", "message": "done"}', "23:07:41 info    done"),
        ('{"time": "x", "level": "warning", "message": "w", "table": "a.b", "n": 1}', "x warning w (table=a.b, n=1)"),
        ("Traceback (most recent call last):", "Traceback (most recent call last):"),
        ('{"message": 1}', '{"message": 1}'),
        ("[" * 5000, "[" * 4095 + "…"),
        ('"text"', '"text"'),
        ("", ""),
    ],
)
def test_a_line_is_shown(text: str, shown: str) -> None:
    assert on_paper((logs.shown(text),)) == f"{shown}\n"


def test_a_line_of_progress_is_short() -> None:
    said = {"phase": "Data", "tablesDone": 1, "tablesTotal": 3, "rowsDone": 1200, "note": "waits"}
    line = json.dumps({"time": "2026-11-21T23:07:41.002Z", "level": "info", "message": "progress", "progress": said})
    assert on_paper((logs.shown(line),)) == "23:07:41 info    progress: copying rows 1/3 tables 1,200 rows (waits)\n"
