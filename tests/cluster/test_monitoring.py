"""The chart's alerts by promtool, and its dashboard's questions to a real Prometheus that scrapes the operator."""

import re
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness import debian, programs, tools
from harness.images import CHECKOUT
from lab import monitoring
from lab.installation import RELEASE
from lab.monitoring import ALERTS, ask, prometheus
from lab.replications import Lab, Scene, wait_for

pytestmark = pytest.mark.cluster

CHART = CHECKOUT / "helm" / "datareplication-operator"
ONE = 'namespace="data",name="fan"'

FIRING = {
    "DataReplicationStale": ({f'datareplication_condition{{type="Fresh",{ONE}}}': "0x60"}, ONE, "10m"),
    "DataReplicationRunFailed": (
        {f'datareplication_condition{{type="LastRunSucceeded",{ONE}}}': "1 0x60"},
        ONE,
        "1m",
    ),
    "DataReplicationStalled": ({f'datareplication_condition{{type="Stalled",{ONE}}}': "1x60"}, ONE, "10m"),
    "DataReplicationHeld": ({f'datareplication_condition{{type="Held",{ONE}}}': "1x120"}, ONE, "70m"),
    "DataReplicationCrashing": (
        {f'datareplication_attempts_total{{step="load",reason="OOMKilled",{ONE}}}': "1+1x60"},
        f'{ONE},step="load"',
        "10m",
    ),
    "DataReplicationNotificationsPending": (
        {'datareplication_notification_oldest_pending_seconds{sink="pager"}': "0+60x60"},
        'sink="pager"',
        "30m",
    ),
    "DataReplicationOperatorAbsent": ({'datareplication_leader{instance="a"}': "0x60"}, "", "10m"),
    "DataReplicationOperatorStuck": (
        {
            'datareplication_leader{instance="a"}': "1x60",
            'datareplication_last_resync_timestamp_seconds{instance="a"}': "0x60",
        },
        'instance="a"',
        "20m",
    ),
    "DataReplicationReconcileErrors": (
        {'datareplication_reconcile_duration_seconds_count{result="error"}': "0+1x60"},
        "",
        "40m",
    ),
    "DataReplicationJobsLate": (
        {
            'datareplication_creation_skew_seconds_bucket{le="60"}': "0x60",
            'datareplication_creation_skew_seconds_bucket{le="300"}': "0+1x60",
            'datareplication_creation_skew_seconds_bucket{le="+Inf"}': "0+1x60",
        },
        "",
        "40m",
    ),
    "DataReplicationNamespaceNotServed": (
        {'datareplication_namespace_watched{namespace="data"}': "0x60"},
        'namespace="data"',
        "10m",
    ),
}
"""Alert -> series from which it fires, each minute a value; the labels that it then has; after how long."""

WELL = {
    f'datareplication_condition{{type="Fresh",{ONE}}}': "1x120",
    f'datareplication_condition{{type="LastRunSucceeded",{ONE}}}': "1x120",
    f'datareplication_condition{{type="Stalled",{ONE}}}': "0x120",
    f'datareplication_condition{{type="Held",{ONE}}}': "1x50 0x70",
    f'datareplication_attempts_total{{step="load",reason="Succeeded",{ONE}}}': "1+1x120",
    f'datareplication_attempts_total{{step="load",reason="Killed",{ONE}}}': "1 2x120",
    'datareplication_notification_oldest_pending_seconds{sink="pager"}': "60x120",
    'datareplication_leader{instance="a"}': "1x120",
    'datareplication_leader{instance="b"}': "0x120",
    'datareplication_last_resync_timestamp_seconds{instance="a"}': "0+60x120",
    'datareplication_last_resync_timestamp_seconds{instance="b"}': "0x120",
    'datareplication_reconcile_duration_seconds_count{result="success"}': "0+9x120",
    'datareplication_reconcile_duration_seconds_count{result="error"}': "0x120",
    'datareplication_creation_skew_seconds_bucket{le="1"}': "0+1x120",
    'datareplication_creation_skew_seconds_bucket{le="+Inf"}': "0+1x120",
    'datareplication_namespace_watched{namespace="data"}': "1x120",
}


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def promtool(*arguments: str | Path) -> str:
    debian.install({"promtool": "prometheus"})
    return programs.run(["promtool", *arguments])


def case(series: dict[str, str], *expected: dict[str, Any]) -> dict[str, Any]:
    values = [{"series": name, "values": text} for name, text in series.items()]
    return {"interval": "1m", "input_series": values, "alert_rule_test": list(expected)}


def expected(rule: dict[str, Any], labels: str) -> dict[str, Any]:
    """Return the alert as Prometheus shows it, with the labels put into its words."""
    found = dict(re.findall(r'(\w+)="([^"]*)"', labels))
    words = {
        name: re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda match: found[match[1]], text)
        for name, text in rule["annotations"].items()
    }
    return {"exp_labels": found | rule["labels"], "exp_annotations": words}


def test_each_alert_fires_when_it_should_and_none_when_all_is_well(tmp_path: Path) -> None:
    found = {rule["alert"]: rule for rule in rules()}
    assert FIRING.keys() == found.keys()
    firing = [
        case(series, {"eval_time": after, "alertname": name, "exp_alerts": [expected(found[name], labels)]})
        for name, (series, labels, after) in FIRING.items()
    ]
    calm = [{"eval_time": time, "alertname": name, "exp_alerts": []} for name in found for time in ("30m", "2h")]
    test = {"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": [*firing, case(WELL, *calm)]}
    path = tmp_path / "alerts_test.yaml"
    path.write_text(yaml.safe_dump(test), encoding="utf-8")
    assert "SUCCESS" in promtool("test", "rules", path)


def test_the_charts_rules_are_those_of_the_file_with_what_the_values_say(tmp_path: Path) -> None:
    chosen = [
        "enabled=true",
        "labels.release=prometheus",
        "ruleLabels.team=data",
        "severities.DataReplicationStale=critical",
        "disabled={DataReplicationHeld}",
        "runbookUrl=https://wiki.example/runbooks/",
    ]
    settings = [part for each in chosen for part in ("--set", f"metrics.prometheusRule.{each}")]
    command: list[str | Path] = [tools.helm(), "template", RELEASE, CHART, "--kube-version", "1.31.0", *settings]
    (made,) = [one for one in yaml.safe_load_all(programs.run(command)) if one and one["kind"] == "PrometheusRule"]
    assert made["metadata"]["labels"]["release"] == "prometheus"
    shown = {rule["alert"]: rule for group in made["spec"]["groups"] for rule in group["rules"]}
    for rule in rules():
        name = rule["alert"]
        if name == "DataReplicationHeld":
            assert name not in shown
            continue
        severity = "critical" if name == "DataReplicationStale" else rule["labels"]["severity"]
        assert shown[name]["labels"] == {"severity": severity, "team": "data"}
        page = f"https://wiki.example/runbooks/{name}.md"
        assert shown[name]["annotations"] == rule["annotations"] | {"runbook_url": page}
        assert {key: shown[name].get(key) for key in ("expr", "for")} == {key: rule.get(key) for key in ("expr", "for")}
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump(made["spec"]), encoding="utf-8")
    assert f"{len(shown)} rules found" in promtool("check", "rules", path)


def test_the_dashboards_questions_are_answered_by_a_prometheus_that_scrapes_the_operator(
    scene: Scene, lab: Lab, tmp_path: Path
) -> None:
    scene.apply()
    with prometheus(lab.cluster, tmp_path) as address:
        scene.start_run()
        scene.finished_run()
        mine = f'datareplication_target_data_timestamp_seconds{{namespace="{scene.namespace}"}}'
        wait_for(lambda: ask(address, mine), lambda seen: len(seen.get("data", {}).get("result", ())) == 3, 60)
        time.sleep(3)  # a rate needs two scrapes
        asked = [monitoring.question(target) for panel in monitoring.panels() for target in panel.get("targets", ())]
        answers = {text: ask(address, text) for text in asked}
    assert {text: answer for text, answer in answers.items() if answer.get("status") != "success"} == {}
    empty = {text for text, answer in answers.items() if not answer["data"]["result"]}
    assert {text for text in empty if "increase(" not in text} == set(), "counters may not have grown meanwhile"
    ages = next(answer for text, answer in answers.items() if text.startswith("sort_desc"))["data"]["result"]
    here = [one for one in ages if one["metric"]["namespace"] == scene.namespace]
    assert {one["metric"]["target"] for one in here} == {"dev", "staging", "qa"}
    assert all(0 < float(one["value"][1]) < 600 for one in here)
