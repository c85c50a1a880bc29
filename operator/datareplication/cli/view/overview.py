"""`status`: how a DataReplication is, and how old each target's data is against its objective. Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Literal

from datareplication.cli.view import amounts, progress
from datareplication.cli.view.page import BLANK, Block, Cell, Page, Tone, facts, line, phase, table
from datareplication.cli.view.seen import Seen, SeenRun
from datareplication.core import times
from datareplication.core.state import RunNote, TargetStatus

Freshness = Literal["fresh", "stale", "never"]

TONES: dict[Freshness, Tone] = {"fresh": "good", "stale": "bad", "never": "bad"}

MESSAGE_LIMIT = 300
"""Characters of a message on the page; `why` and `--output json` show all of it."""


def freshness(target: TargetStatus, seen: Seen, now: datetime) -> Freshness:
    """Return whether a target's data is within its objective now; the status may be older than that."""
    until = target.fresh_until
    if target.data_time is None:
        return "never"
    return "stale" if (until or _until(target.data_time, seen)) < now else "fresh"


def _until(data: datetime, seen: Seen) -> datetime:
    return data + timedelta(seconds=seen.freshness_seconds)


def targets(seen: Seen) -> tuple[TargetStatus, ...]:
    """Return the targets of the spec's order; one that no status tells of has never been loaded."""
    told = {target.name: target for target in seen.status.targets}
    return tuple(told.get(name) or TargetStatus(name=name) for name in seen.target_names)


def failure(seen: Seen) -> RunNote | None:
    """Return the last failure, if no success came after it."""
    bad, good = seen.status.last_failure, seen.status.last_success
    return None if bad is None or (good is not None and good.time > bad.time) else bad


def several(all_seen: Iterable[Seen], now: datetime, *, with_namespace: bool) -> Page:
    """Return a table of DataReplications, in their order."""
    head = "NAME  PHASE  TARGETS  OLDEST DATA  NEXT  RUNNING  LAST FAILURE"
    rows = [(*([seen.namespace] if with_namespace else []), *_row(seen, now)) for seen in all_seen]
    return (table(f"NAMESPACE  {head}" if with_namespace else head, rows),)


def _row(seen: Seen, now: datetime) -> tuple[str | Cell, ...]:
    bad = failure(seen)
    return (
        Cell(seen.name, "strong"),
        phase(seen.status.phase or ""),
        seen.status.targets_summary,
        _oldest(seen, now),
        _next(seen, now),
        _running(seen),
        Cell(f"{amounts.ago(bad.time, now)}, {bad.run}", "bad") if bad else "",
    )


def _running(seen: Seen) -> str:
    names = seen.status.active_runs
    return names[0] + (f" and {len(names) - 1} more" if len(names) > 1 else "") if names else ""


def _oldest(seen: Seen, now: datetime) -> Cell:
    """Return the age of the oldest target's data with its objective: `3d4h > 26h`."""
    every = targets(seen)
    never = [one.name for one in every if one.data_time is None]
    if never:
        return Cell(f"never loaded: {', '.join(never)}", "bad")
    found = [(one.data_time, freshness(one, seen, now)) for one in every if one.data_time]
    if not found:
        return Cell("")
    oldest = min(moment for moment, _ in found)
    state: Freshness = "stale" if any(state == "stale" for _, state in found) else "fresh"
    return Cell(_against(amounts.between(oldest, now), state, seen), TONES[state])


def _against(age: str, state: Freshness, seen: Seen) -> str:
    return f"{age} {'>' if state == 'stale' else 'of'} {amounts.duration(seen.freshness_seconds)}"


def _next(seen: Seen, now: datetime) -> str:
    if seen.is_suspended:
        return "suspended"
    return amounts.ahead(seen.status.next_schedule_time, now)


def one(seen: Seen, now: datetime) -> Page:
    """Return everything about one DataReplication that a person wants to know first."""
    status = seen.status
    summary = f", {status.targets_summary} targets loaded" if status.targets_summary else ""
    blocks: list[Block] = [
        line(Cell(f"{seen.namespace}/{seen.name}", "strong"), ": ", phase(status.phase or "not looked at yet"), summary)
    ]
    blocks += [
        facts(_facts(seen, now)),
        BLANK,
        table(TARGETS_HEAD, [_target(t, seen, now) for t in targets(seen)], (5,)),
    ]
    for run in seen.active:
        blocks += [BLANK, *progress.page(run, now)]
    return tuple(blocks)


TARGETS_HEAD = "TARGET  PHASE  DATA OF  AGE  LOADED  ROWS"


def _facts(seen: Seen, now: datetime) -> list[tuple[str, str | Cell]]:
    good, bad = seen.status.last_success, failure(seen)
    return [
        ("schedule", _schedule(seen)),
        ("next run", _next_run(seen, now)),
        ("last success", f"{amounts.ago(good.time, now)}, run {good.run}" if good else "never"),
        ("last failure", Cell(_failure(seen, bad, now), "bad") if bad else ""),
        ("", short(bad.message) if bad else ""),
        ("waits", Cell(_held(seen), "warn")),
        ("runs now", Cell(", ".join(seen.status.active_runs))),
    ]


def _schedule(seen: Seen) -> str:
    text = f"{seen.cron} ({seen.time_zone})" if seen.cron else "none: runs are started by hand"
    return f"{text}, suspended" if seen.is_suspended else text


def _next_run(seen: Seen, now: datetime) -> str:
    moment = seen.status.next_schedule_time
    return "" if seen.is_suspended or moment is None else f"{amounts.ahead(moment, now)} ({times.to_text(moment)})"


def _failure(seen: Seen, note: RunNote, now: datetime) -> str:
    run = seen.run(note.run)
    return f"{amounts.ago(note.time, now)}, run {note.run}: {run.reason if run else note.phase}"


def short(message: str) -> str:
    """Return the beginning of a message."""
    return message if len(message) <= MESSAGE_LIMIT else message[: MESSAGE_LIMIT - 1] + "…"


def _held(seen: Seen) -> str:
    held = seen.condition("Held")
    return f"{held.reason}: {short(held.message)}" if held and held.status == "True" else ""


def _target(target: TargetStatus, seen: Seen, now: datetime) -> tuple[str | Cell, ...]:
    state = freshness(target, seen, now)
    age = _against(amounts.between(target.data_time, now), state, seen) if target.data_time else "never loaded"
    return (
        Cell(target.name, "strong"),
        phase(target.phase),
        times.to_text(target.data_time) if target.data_time else "",
        Cell(age, TONES[state]),
        amounts.ago(target.loaded_time, now),
        amounts.count(target.rows) if target.loaded_time else "",
    )


def data(seen: Seen, now: datetime) -> dict[str, Any]:
    """Return the same for programs."""
    bad = failure(seen)
    return {
        "namespace": seen.namespace,
        "name": seen.name,
        "phase": seen.status.phase,
        "message": seen.status.message,
        "suspended": seen.is_suspended,
        "nextRun": moment(None if seen.is_suspended else seen.status.next_schedule_time),
        "activeRuns": seen.status.active_runs,
        "lastSuccess": _note(seen.status.last_success),
        "lastFailure": _note(bad),
        "targets": [_target_data(target, seen, now) for target in targets(seen)],
    }


def moment(value: datetime | None) -> str | None:
    """Return a time for programs."""
    return times.to_text(value) if value else None


def _note(note: RunNote | None) -> dict[str, Any] | None:
    return {"run": note.run, "phase": note.phase, "time": moment(note.time), "message": note.message} if note else None


def _target_data(target: TargetStatus, seen: Seen, now: datetime) -> dict[str, Any]:
    return {
        "name": target.name,
        "phase": target.phase,
        "freshness": freshness(target, seen, now),
        "dataTime": moment(target.data_time),
        "dataAgeSeconds": int((now - target.data_time).total_seconds()) if target.data_time else None,
        "objectiveSeconds": seen.freshness_seconds,
        "run": target.run,
        "rows": target.rows,
        "message": target.message,
    }


def runs_to_read(seen: Seen) -> tuple[str, ...]:
    """Return the names of the runs that the page of one DataReplication tells of."""
    bad = failure(seen)
    failed = [target.run for target in seen.status.targets if target.phase == "Failed" and target.run]
    return tuple(dict.fromkeys((*seen.status.active_runs, *([bad.run] if bad else []), *failed)))


def active_first(runs: Iterable[SeenRun]) -> tuple[SeenRun, ...]:
    """Return runs, those that have not ended first, then the latest."""
    ordered = sorted(runs, key=lambda run: run.created or times.EARLIEST, reverse=True)
    return tuple(sorted(ordered, key=lambda run: run.is_finished))
