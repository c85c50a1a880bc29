"""Bars, lines, the verdict, the history: what is shown of a run."""

import json
from typing import Any

import pytest

from datareplication.cli.screen import on_paper
from datareplication.cli.session import READER
from datareplication.cli.view import history, progress, starting, verdict
from datareplication.cli.view.starting import Wish
from datareplication.core.judgement.facts import Run
from datareplication.core.names import is_too_long
from datareplication.core.run import read
from support import plugin
from support.plugin import NOW, by_hand, done, step


def bars(raw: dict[str, Any]) -> dict[str, progress.Bar]:
    return {bar.name: bar for bar in progress.bars(READER.run(raw), NOW)}


@pytest.mark.parametrize(
    ("counted", "fraction"),
    [
        ({"bytesDone": 5, "bytesTotal": 10, "rowsDone": 1, "rowsTotal": 10}, 0.5),
        ({"rowsDone": 1, "rowsTotal": 4, "tablesDone": 1, "tablesTotal": 2}, 0.25),
        ({"tablesDone": 1, "tablesTotal": 2}, 0.5),
        ({"rowsDone": 12, "rowsTotal": 10}, 1.0),
        ({"rowsDone": 12}, None),
    ],
    ids=["bytes", "rows", "tables", "more than was estimated", "not known"],
)
def test_how_much_is_done(counted: dict[str, int], fraction: float | None) -> None:
    dump = step("Running", progress={"phase": "Data", **counted})
    assert bars(by_hand(1, "Dumping", dump, step("Waiting")))["dump"].fraction == fraction


def test_a_bar_says_why_a_step_is_held_up() -> None:
    note = {"reason": "WaitsForLock", "message": "waits for the lock of session 42"}
    dump = plugin.moving(0.5) | note
    assert bars(by_hand(1, "Dumping", dump, step("Waiting")))["dump"].text.endswith("WaitsForLock: " + note["message"])


def test_a_bar_says_when_a_step_is_tried_again() -> None:
    load = step("Retrying", reason="ConnectionLost", message="gone", retryTime=plugin.at(-0.05))
    bar = bars(by_hand(1, "Loading", done(1), load))["dev"]
    assert (bar.phase, bar.text, bar.tone) == ("Retrying", "ConnectionLost: gone; next attempt in 3m", "warn")


def test_what_has_not_changed_makes_no_line() -> None:
    run = READER.run(plugin.states()[2])
    assert list(progress.changes(run, run, NOW)) == []


def ended(phase: str, *steps: dict[str, Any], **more: Any) -> Run:
    status = {"phase": phase, "completionTime": plugin.at(0), "targets": [*steps], **more}
    return READER.run(plugin.run("now", 1, status))


@pytest.mark.parametrize(
    ("phase", "code"), [("Succeeded", 0), ("Failed", 1), ("Replaced", 1), ("PartiallyFailed", 2), ("Odd", 1)]
)
def test_the_exit_code_of_a_run(phase: str, code: int) -> None:
    assert verdict.exit_code(ended(phase)) == code


def test_each_failed_step_is_told_with_its_remedy() -> None:
    full = step("Failed", name="qa", reason="ServerDiskFull", message="no space left")
    assert on_paper(
        verdict.page(ended("Failed", full, targetsSummary="0/1", startTime=plugin.at(0.05)))
    ).splitlines() == [
        "run now: Failed after 3m, 0/1 targets loaded",
        "  load of qa: ServerDiskFull: no space left",
        "  to do: Give the server room.",
    ]


def test_a_dump_that_failed_is_told_once() -> None:
    loads = [step("Failed", name=name, reason="", message="the dump failed") for name in plugin.TARGETS]
    dump = step("Failed", reason="LoginRefused", message="no such role")
    page = on_paper(verdict.page(ended("Failed", *loads, dump=dump)))
    assert "LoginRefused" in page
    assert "load of" not in page


def test_a_run_without_steps_tells_its_own_message() -> None:
    finished = plugin.condition("Finished", "True", "ClaimNotFound")
    page = on_paper(verdict.page(ended("Failed", message="there is no claim", conditions=[finished])))
    assert page.splitlines()[1:] == [
        "  there is no claim",
        "  to do: Create it in the resource's own namespace, and start a run by hand.",
    ]


def test_the_history_keeps_what_the_status_remembers() -> None:
    found = plugin.subject(plugin.replication(), [plugin.night()])
    assert on_paper(history.page(found, NOW)).splitlines()[-1].split() == [
        "prod-fanout-202611202300", "-", "Succeeded", "-", "-", "-", "-", "ended", "33h6m", "ago",
    ]  # fmt: skip


def test_the_history_for_programs_has_the_latest_first() -> None:
    data = json.loads(json.dumps(history.data(plugin.the_replication())))
    assert [one["name"] for one in data] == [plugin.NIGHT, "prod-fanout-202611202300"]


@pytest.mark.parametrize("action", ["Replicate", "Rollback"])
def test_a_run_by_hand_is_one_that_the_operator_takes(action: Any) -> None:
    name, target = "a" * 20, "b" * 23  # as long as a DataReplication and its target may be together
    found = READER.replication({"metadata": {"name": name, "namespace": "data"}})
    manifest = starting.manifest(found, Wish(action, (target,)), "k7x2m")
    metadata = {**manifest["metadata"], "uid": "x", "creationTimestamp": plugin.at(0)}
    run = read({**manifest, "metadata": metadata})
    assert (run.request.action, run.request.targets) == (action, [target])
    assert not is_too_long(run.name, [target])


@pytest.mark.parametrize(("policy", "is_told"), [("Forbid", True), ("Replace", True), ("Allow", False)])
def test_a_run_behind_another_is_told_so(policy: str, is_told: bool) -> None:
    raw = plugin.replication(activeRuns=["before"])
    raw["spec"]["concurrencyPolicy"] = policy
    run = READER.run(plugin.states()[0])
    page = on_paper(starting.page(READER.replication(raw), run, Wish("Replicate", ()), is_waiting=True))
    assert ("waits until before has ended" in page) == is_told
