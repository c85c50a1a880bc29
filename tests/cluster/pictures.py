"""Takes pictures of a running cluster for the documents, by `make pictures-cluster`, after `make demo`.

The board and `kubectl datareplication status` as the cluster shows them, and the dashboard's panels as drawn here from
what a real Prometheus answers: Grafana, which would draw them, cannot be had everywhere.
"""

import asyncio
import html
import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from harness import lifecycle
from harness.cluster import Cluster
from harness.progress import say
from lab import installation, monitoring
from lab.replications import API_VERSION
from lab.tunnel import forwarded
from support.chromium import browser, opened
from support.pictures import COLUMNS, FOLDER, WEB_FONT

DEMO = ("data", "prod-fanout")
MINUTES = 3
"""How long Prometheus looks on, while two runs are made."""

UNIT, GAP = 52, 8
"""Width of a column of Grafana's grid of 24, and between panels, in pixels; a row of the grid is as high as wide."""
ROW = 30
LARGE = 100
"""From here on a number is written without a fraction."""
COLOURS = ("#3871dc", "#d9822b", "#29a634", "#9f2b68", "#8a9ba8", "#c22762")


def value(number: float, unit: str) -> str:
    """Return a number as people read it."""
    if unit == "bytes":
        return f"{number / 2**20:.0f} MiB"
    text = f"{number:,.0f}" if number >= LARGE else f"{number:.3g}"
    return f"{text} s" if unit == "s" else text


def name(metric: dict[str, str], legend: str) -> str:
    for label, text in metric.items():
        legend = legend.replace("{{" + label + "}}", text)
    return legend or " ".join(metric.values())


def stat(results: Sequence[dict[str, Any]], unit: str) -> str:
    shown = value(float(results[0]["value"][1]), unit) if results else "no data"
    return f'<div class="stat">{html.escape(shown)}</div>'


def table(answers: Sequence[Sequence[dict[str, Any]]]) -> str:
    """Return the table of targets: each query is a column."""
    rows: dict[tuple[str, ...], list[str]] = {}
    for column, results in enumerate(answers):
        for one in results:
            key = tuple(one["metric"].get(label, "") for label in ("namespace", "name", "target"))
            rows.setdefault(key, [""] * len(answers))[column] = f"{float(one['value'][1]):,.0f}"
    cells = ("namespace", "name", "target", "age of data (s)", "load took (s)", "rows", "bytes")
    head = "".join(f"<th>{cell}</th>" for cell in cells)
    body = "".join(
        f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in (*key, *row))}</tr>" for key, row in rows.items()
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def curves(series: dict[str, list[tuple[float, float]]], width: int, height: int, unit: str) -> str:
    """Return lines over time with their names below."""
    points = [point for one in series.values() for point in one]
    if not points:
        return '<div class="none">no data</div>'
    begin, end = min(x for x, _ in points), max(x for x, _ in points)
    top, low = max(y for _, y in points), min(0.0, *(y for _, y in points))
    lines, legend = [], []
    for colour, (label, one) in zip(COLOURS * 9, series.items(), strict=False):
        path = " ".join(
            f"{(x - begin) / max(end - begin, 1) * width:.1f},{height - (y - low) / max(top - low, 1e-9) * height:.1f}"
            for x, y in one
        )
        lines.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        legend.append(f'<span style="color:{colour}">{html.escape(label)}</span>')
    top_text = html.escape(value(top, unit))
    drawn = f'<svg width="{width}" height="{height}">{"".join(lines)}</svg>'
    return f'<div class="top">{top_text}</div>{drawn}<div class="legend">{" ".join(legend[:8])}</div>'


def panel(one: dict[str, Any], address: str, begun: float) -> str:
    """Return a panel at its place, drawn from what Prometheus answers."""
    at, unit = one["gridPos"], one.get("fieldConfig", {}).get("defaults", {}).get("unit", "short")
    width, height = at["w"] * UNIT - GAP, at["h"] * ROW - GAP
    style = f"left:{at['x'] * UNIT}px;top:{at['y'] * ROW}px;width:{width}px;height:{height}px"
    title = html.escape(one["title"])
    if one["type"] == "row":
        return f'<h2 style="{style}">{title}</h2>'
    targets = one["targets"]
    if one["type"] in ("stat", "table"):
        answers = [monitoring.ask(address, monitoring.question(target))["data"]["result"] for target in targets]
        body = stat(answers[0], unit) if one["type"] == "stat" else table(answers)
    else:
        found = {}
        for target in targets:
            for result in monitoring.over_time(address, monitoring.question(target), begun):
                label = name(result["metric"], target.get("legendFormat", ""))
                found[label] = [(float(x), float(y)) for x, y in result["values"] if y != "NaN"]
        body = curves(found, width - 24, height - 76, unit)
    return f'<section style="{style}"><h3>{title}</h3>{body}</section>'


STYLE = """
body { margin: 12px; font: 13px Inter, sans-serif; background: #f4f5f5; color: #24292e; position: relative }
section, h2 { position: absolute; box-sizing: border-box; margin: 0; overflow: hidden }
section { background: #fff; border: 1px solid #e4e7e7; border-radius: 2px; padding: 6px 10px }
h2 { font-size: 14px; padding-top: 4px } h3 { font-size: 13px; margin: 0 0 6px; font-weight: 500 }
.stat { font-size: 30px; text-align: center; margin-top: 8px } .top, .none { color: #6b7280; font-size: 11px }
.legend { font-size: 11px; line-height: 15px } table { border-collapse: collapse; width: 100% }
td, th { text-align: left; padding: 4px 8px; border-bottom: 1px solid #e4e7e7; font-weight: 400 } th { color: #3871dc }
"""


async def shoot(page: str | Path, file: str, width: int, height: int, scheme: Any = "light") -> None:
    url = page if isinstance(page, str) else page.as_uri()
    async with browser() as chromium, opened(chromium, url, scheme, width, height) as (shown, _):
        await shown.screenshot(path=FOLDER / file)


def status(cluster: Cluster) -> None:
    """Draw what the plugin prints to a terminal about the demo."""
    namespace, replication = DEMO
    terminal = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(COLUMNS), "TERM": "xterm-256color"}
    words = ["status", replication, "-n", namespace, "--kubeconfig", str(cluster.kubeconfig)]
    program = [sys.executable, "-m", "datareplication.cli.main", *words]
    printed = subprocess.run(program, env=terminal, capture_output=True, text=True, check=True).stdout
    console = Console(file=io.StringIO(), record=True, width=COLUMNS, force_terminal=True, color_system="truecolor")
    command = f"kubectl datareplication status {replication} -n {namespace}"
    console.print(Text(f"$ {command}\n", "dim"))
    console.print(Text.from_ansi(printed))
    svg = console.export_svg(title=command, theme=MONOKAI, unique_id="cluster-status")
    (FOLDER / "cluster-status.svg").write_text(WEB_FONT.sub("", svg), encoding="utf-8")


def run_again(cluster: Cluster) -> None:
    """Make a run of the demo by hand and wait for its end."""
    namespace, replication = DEMO
    run = f"picture-{int(time.time())}"
    spec = {"replicationName": replication}
    metadata = {"name": run, "namespace": namespace}
    cluster.apply({"apiVersion": API_VERSION, "kind": "DataReplicationRun", "metadata": metadata, "spec": spec})
    place = ("-n", namespace, "--for=condition=Finished", "--timeout=300s")
    cluster.kubectl("wait", f"datareplicationrun/{run}", *place, timeout_seconds=310)


def main() -> None:
    """Take all pictures."""
    cluster = lifecycle.up()
    installation.install(cluster, "board.enabled=true")
    try:
        with tempfile.TemporaryDirectory() as folder, monitoring.prometheus(cluster, Path(folder)) as address:
            begun = time.time()
            for _ in range(2):
                run_again(cluster)
            time.sleep(max(0.0, MINUTES * 60 - (time.time() - begun)))
            drawn = "".join(panel(one, address, begun) for one in monitoring.panels())
            page = Path(folder) / "dashboard.html"
            page.write_text(f"<meta charset=utf-8><style>{STYLE}</style>{drawn}", encoding="utf-8")
            bottom = max(one["gridPos"]["y"] + one["gridPos"]["h"] for one in monitoring.panels())
            asyncio.run(shoot(page, "dashboard.png", 24 * UNIT + 24, bottom * ROW + 24))
        status(cluster)
        with forwarded(cluster, f"{installation.RELEASE}-board") as url:
            asyncio.run(shoot(url, "cluster-board.png", 1120, 640))
            asyncio.run(shoot(url, "cluster-board-dark.png", 1120, 640, "dark"))
    finally:
        installation.install(cluster)
    say(f"pictures are in {FOLDER}")


if __name__ == "__main__":
    main()
