"""The chart's alerts and its dashboard: each alert has its page, and both know only metrics that there are."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from datareplication.controller.metrics import Metrics
from datareplication.core import metrics

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm" / "datareplication-operator"
RUNBOOKS = ROOT / "docs" / "runbooks"
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((CHART / "files" / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
NAMES = [rule["alert"] for rule in RULES]
DASHBOARD = json.loads((CHART / "files" / "dashboard.json").read_text(encoding="utf-8"))
METRIC = re.compile(r"\b((?:datareplication|process)_\w+)")
HEADINGS = ["What it means", "What to look at", "What to do"]


def known() -> set[str]:
    """Return the names of all series that a scrape may have."""
    of_objects = {f"{metrics.PREFIX}_{metric.name}" for metric in (*metrics.GAUGES, *metrics.COUNTERS)}
    text = Metrics().text().decode()
    kinds = dict(re.findall(r"^# TYPE (\S+) (\w+)", text, re.MULTILINE))
    parts = {f"{name}{part}" for name, kind in kinds.items() if kind == "histogram" for part in ("_bucket", "_count")}
    return of_objects | kinds.keys() | parts


def expressions() -> list[str]:
    """Return what the dashboard's panels and variables ask for."""
    panels = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", ())]
    return [*panels, *(one["definition"] for one in DASHBOARD["templating"]["list"] if "definition" in one)]


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_an_alert_says_what_is_wrong_and_has_a_page(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("warning", "critical")
    assert rule["annotations"].keys() == {"summary", "description"}
    page = (RUNBOOKS / f"{rule['alert']}.md").read_text(encoding="utf-8")
    assert page.startswith(f"# {rule['alert']}: ")
    assert re.findall("^## (.*)$", page, re.MULTILINE) == HEADINGS
    assert all(len(part) > 40 for part in re.split("^## .*$", page, flags=re.MULTILINE))


def test_no_page_and_no_line_is_of_an_alert_that_there_is_not() -> None:
    assert sorted(page.stem for page in RUNBOOKS.glob("*.md")) == sorted(NAMES)
    told = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    listed = re.findall(r"^- \[(\w+)\]\(runbooks/(\w+)\.md\)\s+\((\w+)\)", told, re.MULTILINE)
    assert listed == [(rule["alert"], rule["alert"], rule["labels"]["severity"]) for rule in RULES]


def test_values_may_name_every_alert_and_no_other() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    rules = schema["properties"]["metrics"]["properties"]["prometheusRule"]["properties"]
    assert rules["severities"]["propertyNames"]["enum"] == rules["disabled"]["items"]["enum"] == NAMES


def test_only_metrics_that_there_are() -> None:
    asked = [rule["expr"] for rule in RULES] + expressions()
    named = {name for text in asked for name in METRIC.findall(text)}
    assert named <= known()
    shown = {name for text in expressions() for name in METRIC.findall(text)}
    of_objects = {f"{metrics.PREFIX}_{metric.name}" for metric in (*metrics.GAUGES, *metrics.COUNTERS)}
    hidden = {"last_success_timestamp_seconds", "next_schedule_timestamp_seconds", "step_bytes_total"}
    assert of_objects - shown == {f"{metrics.PREFIX}_{name}" for name in (*hidden, "target_load_timestamp_seconds")}


def test_panels_do_not_overlap_and_each_says_what_it_shows() -> None:
    boxes = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    cells = [(box["x"] + x, box["y"] + y) for box in boxes for x in range(box["w"]) for y in range(box["h"])]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) == 23
    assert all(panel["description"] for panel in DASHBOARD["panels"] if panel["type"] != "row")
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
