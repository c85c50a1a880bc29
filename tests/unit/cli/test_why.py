"""The one reason: the cause comes before what follows from it."""

import json
import shlex
from datetime import timedelta
from typing import Any

import pytest

from datareplication.cli.screen import on_paper
from datareplication.cli.session import READER
from datareplication.cli.view import why
from datareplication.cli.view.why import Answer
from datareplication.core.judgement.causes import unseen
from datareplication.core.reasons import GROUPS, RUN_PHASES, Meaning
from support import plugin
from support.plugin import NOW, condition, run, step, target

WELL: dict[str, Any] = {
    "phase": "Succeeded",
    "lastFailure": None,
    "lastSuccess": {"run": "r", "phase": "Succeeded", "time": plugin.at(1)},
    "targets": [target(name, 2) for name in plugin.TARGETS],
    "conditions": [condition("LastRunSucceeded", "True", "Succeeded")],
}


def answer(runs: list[dict[str, Any]] | None = None, **changes: Any) -> Answer:
    return why.answer(plugin.subject(plugin.replication(**changes), runs or []), NOW)


def active(dump: dict[str, Any], *targets: dict[str, Any]) -> dict[str, Any]:
    return run("now", 0.2, {"phase": "Dumping", "startTime": plugin.at(0.2), "dump": dump, "targets": [*targets]})


AT_WORK = {**WELL, "activeRuns": ["now"]}
FAILED_NIGHT = {"run": plugin.NIGHT, "phase": "Failed", "time": plugin.at(9)}


@pytest.mark.parametrize(
    ("changes", "runs", "state", "reason"),
    [
        pytest.param(WELL, [], "Fine", "Fresh", id="nothing is wrong"),
        pytest.param({"observedGeneration": 0, "conditions": []}, [], "Wrong", "NotLookedAt", id="no operator"),
        pytest.param(
            {**WELL, "nextScheduleTime": plugin.at(500)}, [], "Wrong", "SlotNotRun", id="it stopped three weeks ago"
        ),
        pytest.param({**WELL, "nextScheduleTime": plugin.at(0.05)}, [], "Fine", "Fresh", id="a slot that is just due"),
        pytest.param(
            {"conditions": [condition("Stalled", "True", "BadCron", "spec.schedule.cron: …")]},
            [plugin.night()],
            "Wrong",
            "BadCron",
            id="a bad spec comes before a failed run",
        ),
        pytest.param({}, [plugin.night()], "Wrong", "TargetInUse", id="the failed step of the last run"),
        pytest.param({}, [], "Wrong", "LoadFailed", id="a load, whose run is gone"),
        pytest.param(
            AT_WORK,
            [active(step("Waiting", reason="JobRefused", message="quota"), step("Waiting", name="dev"))],
            "Wrong",
            "JobRefused",
            id="a step that cannot begin",
        ),
        pytest.param(
            AT_WORK,
            [active(plugin.done(1), step("Running", name="dev"), step("Failed", name="qa", reason="ServerDiskFull"))],
            "Wrong",
            "ServerDiskFull",
            id="a load that failed while others are at work",
        ),
        pytest.param(
            AT_WORK,
            [active(step("Failed", reason="LoginRefused"), step("Failed", name="dev", reason="LoadFailed"))],
            "Wrong",
            "LoginRefused",
            id="the dump, not the loads that never began",
        ),
        pytest.param(
            AT_WORK, [active(step("Pending", reason="ContainerCreating"))], "Fine", "Fresh", id="a pod begins"
        ),
        pytest.param(
            AT_WORK,
            [run("now", 1, {"phase": "Pending", "message": "waits for its turn"})],
            "Waits",
            "Waiting",
            id="a run that waits for others",
        ),
        pytest.param(
            {
                **WELL,
                "conditions": [
                    condition("Held", "True", "DependsOnPast", "…"),
                    condition("LastRunSucceeded", "False", "Failed"),
                ],
                "lastFailure": FAILED_NIGHT,
            },
            [],
            "Wrong",
            "Failed",
            id="the failed run comes before the slot that it holds",
        ),
        pytest.param(
            {**WELL, "conditions": [condition("Held", "True", "RunRejected", "quota")]},
            [],
            "Waits",
            "RunRejected",
            id="a slot that waits",
        ),
        pytest.param({**WELL, "targets": [target("dev", 2)]}, [], "Wrong", "NeverLoaded", id="never loaded"),
        pytest.param(
            {**WELL, "targets": [target(name, 30) for name in plugin.TARGETS]}, [], "Wrong", "Stale", id="old data"
        ),
        pytest.param(
            {**WELL, "conditions": [condition("VolumeNotGrown", "True", "ExpansionRefused")]},
            [],
            "Wrong",
            "ExpansionRefused",
            id="a volume that did not grow",
        ),
    ],
)
def test_the_one_reason(changes: dict[str, Any], runs: list[dict[str, Any]], state: str, reason: str) -> None:
    found = answer(runs, **changes)
    assert (found.state, found.reason) == (state, reason)


def test_old_data_of_a_suspended_one_is_told_with_the_way_back() -> None:
    raw = plugin.replication(**{**WELL, "targets": [target(name, 30) for name in plugin.TARGETS]})
    raw["spec"]["suspend"] = True
    found = why.answer(plugin.subject(raw), NOW)
    assert (found.reason, found.remedy, found.again) == (
        "Suspended",
        "Set suspend: false to run slots again.",
        "kubectl datareplication resume prod-fanout -n data",
    )


def test_a_run_that_nobody_looks_at_is_told_after_a_while() -> None:
    new = READER.run({"metadata": plugin.meta("now", 0)})
    assert unseen(new, NOW) == ""
    assert unseen(new, NOW + timedelta(seconds=40)).startswith("no operator has looked at run now yet. See whether ")
    assert unseen(READER.run(plugin.night()), NOW) == ""


def test_a_word_of_kubernetes_leads_to_the_log() -> None:
    found = answer([active(step("Retrying", reason="OOMKilled", message="raise the limit"))], **AT_WORK)
    assert found.remedy.endswith("kubectl datareplication logs prod-fanout -n data")


def test_a_failed_target_is_told_though_a_later_run_of_another_succeeded() -> None:
    targets = [target("dev", 2), target("staging", 2), target("qa", 3, "Failed", "full")]
    failed = run(plugin.NIGHT, 9, {"targets": [step("Failed", name="qa", reason="ServerDiskFull", message="full")]})
    found = answer([failed], **{**WELL, "targets": targets})
    assert (found.reason, found.where) == ("ServerDiskFull", f"load of qa, run {plugin.NIGHT}")
    assert found.again == "kubectl datareplication run prod-fanout --target qa -n data"


def test_a_strangers_name_is_one_word_of_the_command_that_is_shown() -> None:
    """Somebody copies it into a shell. A schema that a stranger has loosened lets any name pass."""
    stranger = "qa;$(touch /tmp/x) `id` '"
    targets = [target("dev", 2), target(stranger, 3, "Failed", "full")]
    failed = run(plugin.NIGHT, 9, {"targets": [step("Failed", name=stranger, reason="ServerDiskFull", message="full")]})
    raw = plugin.replication(**{**WELL, "targets": targets})
    raw["spec"]["targets"] = [{"name": "dev"}, {"name": stranger}]
    found = why.answer(plugin.subject(raw, [failed]), NOW)
    assert shlex.split(found.again) == ["kubectl", "datareplication", "run", "prod-fanout", "--target", stranger, "-n", "data"]  # fmt: skip


def test_every_reason_of_the_page_of_reasons_has_its_remedy_here() -> None:
    known: dict[str, Meaning] = {**dict(RUN_PHASES.items())}
    for meanings in GROUPS.values():
        known |= dict(meanings)
    assert len(known) > 100
    for reason, (_, _, remedy) in known.items():
        assert why.remedy(reason) == remedy.replace("`", "")


def test_what_is_wrong_comes_first() -> None:
    good = plugin.subject(plugin.replication(**WELL))
    bad = plugin.the_replication()
    page = on_paper(why.pages(((good, why.answer(good, NOW)), (bad, why.answer(bad, NOW)))))
    assert page.startswith("data/prod-fanout: TargetInUse\n")
    assert page.endswith("data/prod-fanout: nothing is wrong: every target's data is young enough\n")


def test_programs_get_the_answer() -> None:
    found = plugin.the_replication()
    data = json.loads(json.dumps(why.data(found, why.answer(found, NOW))))
    assert (data["name"], data["state"], data["reason"]) == ("prod-fanout", "Wrong", "TargetInUse")
