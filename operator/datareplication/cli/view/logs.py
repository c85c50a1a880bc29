"""`logs`: which run, step and pod matter, and a log's line for people. Pure."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from datareplication.cli.view.page import Cell, Line, Tone, line
from datareplication.core import plain, words
from datareplication.core.judgement.activity import doing
from datareplication.core.judgement.facts import Run, Step, Subject
from datareplication.core.names import ROLE_LABEL, RUN_LABEL, TARGET_LABEL
from datareplication.core.report import Progress

ORDER = ("Running", "Failed", "Retrying", "Pending", "Succeeded", "Waiting")
"""Phases of a step, by how much its log matters."""

TONES: dict[str, Tone] = {"warning": "warn", "error": "bad"}


@dataclass(frozen=True)
class Source:
    """A step of a run, and what the status says of it."""

    run: Run
    step: Step

    @property
    def labels(self) -> str:
        """Return the selector of the step's pods."""
        parts = {RUN_LABEL: self.run.name, ROLE_LABEL: self.step.role, TARGET_LABEL: self.step.target}
        return ",".join(f"{key}={value}" for key, value in parts.items() if value)

    @property
    def words(self) -> str:
        """Return the step in words."""
        return f"{self.run.what(self.step)} of run {self.run.name}"


def source(subject: Subject, run: str = "", target: str = "") -> Source | None:
    """Return the step that matters: of the run at work, else of the latest; None if there is no run with a step.

    run: only this one; target: only the load of this target.
    """
    for one in sorted(subject.latest, key=lambda one: one.is_finished):
        found = [step for step in one.steps if (step.target == target if target else True)]
        if found and run in ("", one.name):
            return Source(one, min(found, key=lambda step: ORDER.index(step.phase)))
    return None


def latest_pod(pods: Iterable[Mapping[str, Any]]) -> str:
    """Return the name of the pod that was created last; empty if there is none."""
    made = [((pod["metadata"].get("creationTimestamp") or ""), pod["metadata"]["name"]) for pod in pods]
    return max(made, default=("", ""))[1]


def shown(text: str) -> Line:
    """Return a line of a program's log for people; a line of another form as it is."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return line(text)
    if not isinstance(said, dict) or not isinstance(said.get("message"), str):
        return line(text)
    level, when = plain.text(said.get("level")), plain.text(said.get("time"))
    clock = when[11:19] if len(when) > len("2026-11-22T03:00:00") else when
    rest = _progress(text) or _fields(said)
    return line(Cell(clock, "dim"), " ", Cell(level.ljust(7), TONES.get(level, "dim")), " ", said["message"], rest)


def _progress(text: str) -> str:
    found = Progress.from_log_line(text)
    if found is None:
        return ""
    tables = f" {found.tables_done}/{found.tables_total} tables" if found.tables_total else ""
    rows = f" {words.count(found.rows_done)} rows" if found.rows_done else ""
    return f": {doing(found.phase)}{tables}{rows}" + (f" ({found.note})" if found.note else "")


OWN = ("time", "level", "message", "report")


def _fields(said: dict[str, Any]) -> str:
    rest = [f"{key}={_value(value)}" for key, value in said.items() if key not in OWN]
    return f" ({', '.join(rest)})" if rest else ""


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def without_pod(source: Source) -> str:
    """Return that a step has no pod, with what the status says of it."""
    step = source.step
    told = f"; the status says: {step.message}" if step.message else ""
    return f"{source.words} has no pod (it is {step.phase}), so there is no log{told}"
