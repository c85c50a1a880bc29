"""`status`: how a DataReplication is, and how old each target's data is against its objective. Pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from datareplication.cli.view import progress
from datareplication.cli.view.page import BLANK, Block, Cell, Page, Tone, facts, line, phase, table
from datareplication.core import times, words
from datareplication.core.judgement.facts import Note, Replication, Subject, Target
from datareplication.core.judgement.health import Freshness, age_seconds, freshness, last_failure

TONES: dict[Freshness, Tone] = {"fresh": "good", "stale": "bad", "never": "bad", "unknown": "bad", "empty": ""}

NO_AGE: dict[Freshness, str] = {"never": "never loaded", "unknown": "age unknown", "empty": "no run yet"}

MESSAGE_LIMIT = 300
"""Characters of a message on the page; `why` and `--output json` show all of it."""


def several(every: Iterable[Replication], now: datetime, *, with_namespace: bool) -> Page:
    """Return a table of DataReplications, in their order."""
    head = "NAME  PHASE  TARGETS  OLDEST DATA  NEXT  RUNNING  LAST FAILURE"
    rows = [(*([one.namespace] if with_namespace else []), *_row(one, now)) for one in every]
    return (table(f"NAMESPACE  {head}" if with_namespace else head, rows),)


def _row(one: Replication, now: datetime) -> tuple[str | Cell, ...]:
    bad = last_failure(one)
    return (
        Cell(one.name, "strong"),
        phase(one.phase),
        one.targets_summary,
        _oldest(one, now),
        "suspended" if one.suspend else words.ahead(one.next_schedule_time, now),
        _running(one),
        Cell(f"{words.ago(bad.time, now)}, {bad.run}", "bad") if bad else "",
    )


def _running(one: Replication) -> str:
    names = one.active_runs
    return names[0] + (f" and {len(names) - 1} more" if len(names) > 1 else "") if names else ""


def _oldest(one: Replication, now: datetime) -> Cell:
    """Return the age of the oldest target's data with its objective, `3d4h > 26h`; before it, what has no age."""
    states = {target.name: freshness(one, target, now) for target in one.targets}
    for state, text in NO_AGE.items():
        names = [name for name, found in states.items() if found == state]
        if names:
            return Cell(f"{text}: {', '.join(names)}", TONES[state])
    aged = [target for target in one.targets if target.data_time]
    return _age(one, min(aged, key=lambda target: target.data_time or now), now) if aged else Cell("")


def _age(one: Replication, target: Target, now: datetime) -> Cell:
    state, age = freshness(one, target, now), age_seconds(target, now)
    if age is None:
        return Cell(NO_AGE[state], TONES[state])
    sign, objective = ">" if state == "stale" else "of", words.duration(one.freshness_seconds)
    return Cell(f"{words.duration(age)} {sign} {objective}", TONES[state])


def one(subject: Subject, now: datetime) -> Page:
    """Return everything about one DataReplication that a person wants to know first."""
    shown = subject.one
    summary = f", {shown.targets_summary} targets loaded" if shown.targets_summary else ""
    head = Cell(f"{shown.namespace}/{shown.name}", "strong")
    blocks: list[Block] = [
        line(head, ": ", phase(shown.phase or "not looked at yet"), summary),
        facts(_facts(subject, now)),
        BLANK,
        table(TARGETS_HEAD, [_target(shown, target, now) for target in shown.targets], (5,)),
    ]
    for run in subject.unfinished:
        blocks += [BLANK, *progress.page(run, now)]
    return tuple(blocks)


TARGETS_HEAD = "TARGET  PHASE  DATA OF  AGE  LOADED  ROWS"


def _facts(subject: Subject, now: datetime) -> list[tuple[str, str | Cell]]:
    shown = subject.one
    good, bad = shown.last_success, last_failure(shown)
    return [
        ("schedule", _schedule(shown)),
        ("next run", _next_run(shown, now)),
        ("last success", f"{words.ago(good.time, now)}, run {good.run}" if good else "never"),
        ("last failure", Cell(_failure(subject, bad, now), "bad") if bad else ""),
        ("", short(bad.message) if bad else ""),
        ("waits", Cell(_held(shown), "warn")),
        ("runs now", Cell(", ".join(shown.active_runs))),
    ]


def _schedule(shown: Replication) -> str:
    text = f"{shown.cron} ({shown.time_zone})" if shown.cron else "none: runs are started by hand"
    return f"{text}, suspended" if shown.suspend else text


def _next_run(shown: Replication, now: datetime) -> str:
    moment = shown.next_schedule_time
    return "" if shown.suspend or moment is None else f"{words.ahead(moment, now)} ({times.to_text(moment)})"


def _failure(subject: Subject, note: Note, now: datetime) -> str:
    run = subject.run(note.run)
    return f"{words.ago(note.time, now)}, run {note.run}: {(run and run.reason) or note.phase}"


def short(message: str) -> str:
    """Return the beginning of a message."""
    return message if len(message) <= MESSAGE_LIMIT else message[: MESSAGE_LIMIT - 1] + "…"


def _held(shown: Replication) -> str:
    held = shown.condition("Held")
    return f"{held.reason}: {short(held.message)}" if held and held.status == "True" else ""


def _target(shown: Replication, target: Target, now: datetime) -> tuple[str | Cell, ...]:
    return (
        Cell(target.name, "strong"),
        phase(target.phase),
        times.to_text(target.data_time) if target.data_time else "",
        _age(shown, target, now),
        words.ago(target.loaded_time, now),
        words.count(target.rows) if target.loaded_time else "",
    )


def data(shown: Replication, now: datetime) -> dict[str, Any]:
    """Return the same for programs."""
    return {
        "namespace": shown.namespace,
        "name": shown.name,
        "phase": shown.phase or None,
        "message": shown.message,
        "suspended": shown.suspend,
        "nextRun": moment(None if shown.suspend else shown.next_schedule_time),
        "activeRuns": list(shown.active_runs),
        "lastSuccess": _note(shown.last_success),
        "lastFailure": _note(last_failure(shown)),
        "targets": [_target_data(shown, target, now) for target in shown.targets],
    }


def moment(value: datetime | None) -> str | None:
    """Return a time for programs."""
    return times.to_text(value) if value else None


def _note(note: Note | None) -> dict[str, Any] | None:
    return {"run": note.run, "phase": note.phase, "time": moment(note.time), "message": note.message} if note else None


def _target_data(shown: Replication, target: Target, now: datetime) -> dict[str, Any]:
    return {
        "name": target.name,
        "phase": target.phase,
        "freshness": freshness(shown, target, now),
        "dataTime": moment(target.data_time),
        "dataAgeSeconds": age_seconds(target, now),
        "objectiveSeconds": shown.freshness_seconds,
        "run": target.run,
        "rows": target.rows,
        "message": target.message,
    }
