"""A DataReplication and its runs as the API has them, for tests of the plugin: a night on which one target failed."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from datareplication.cli.screen import on_paper
from datareplication.cli.session import READER
from datareplication.cli.view import bundle, history, logs, overview, progress, starting, verdict, why
from datareplication.cli.view.page import Page, line
from datareplication.cli.view.starting import Wish
from datareplication.core import times
from datareplication.core.judgement.facts import Run, Subject

Object = dict[str, Any]

NOW = datetime(2026, 11, 22, 8, 14, tzinfo=UTC)
NIGHT = "prod-fanout-202611212300"
TARGETS = ("dev", "staging", "qa")
HELD = 'replication slot "audit" is on database "app": SELECT pg_drop_replication_slot(\'audit\')'


def at(hours: float) -> str:
    """Return a time so many hours before now."""
    return times.to_text(NOW - timedelta(hours=hours))


def meta(name: str, hours: float, **more: Any) -> Object:
    return {"name": name, "namespace": "data", "uid": f"uid-{name}", "creationTimestamp": at(hours), **more}


def condition(kind: str, status: str, reason: str, message: str = "") -> Object:
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": at(1)}


def target(name: str, hours: float, phase: str = "Succeeded", message: str = "") -> Object:
    return {
        "name": name,
        "phase": phase,
        "run": NIGHT,
        "fresh": hours < 26,
        "freshUntil": at(hours - 26),
        "dataTime": at(hours),
        "loadedTime": at(hours - 0.1),
        "rows": 1_240_312,
        "message": message,
    }


def replication(**changes: Any) -> Object:
    """Return the DataReplication; `changes` replace fields of its status."""
    status: Object = {
        "observedGeneration": 1,
        "phase": "PartiallyFailed",
        "message": f"qa: {HELD}",
        "targetsSummary": "2/3",
        "nextScheduleTime": "2026-11-22T23:00:00Z",
        "lastSuccess": {"run": "prod-fanout-202611202300", "phase": "Succeeded", "time": at(33.1)},
        "lastFailure": {"run": NIGHT, "phase": "PartiallyFailed", "time": at(9.1), "message": f"qa: {HELD}"},
        "targets": [target("dev", 9.2), target("staging", 9.2), target("qa", 33.2, "Failed", HELD)],
        "conditions": [
            condition("Stalled", "False", "Accepted"),
            condition("LastRunSucceeded", "False", "PartiallyFailed", f"run {NIGHT}: qa: {HELD}"),
            condition("Fresh", "False", "Stale", "data older than spec.freshnessSeconds: qa"),
        ],
        **changes,
    }
    spec = {
        "schedule": {"cron": "@daily", "timeZone": "Europe/Zurich"},
        "freshnessSeconds": 93_600,
        "targets": [{"name": name} for name in TARGETS],
    }
    return {"metadata": meta("prod-fanout", 400, generation=1), "spec": spec, "status": status}


def step(phase: str, **more: Any) -> Object:
    return {"phase": phase, **more}


def done(seconds: float, **more: Any) -> Object:
    moved = {"tables": 42, "rows": 1_240_312, "bytes": 310_000_000, "durationSeconds": seconds}
    return step("Succeeded", **moved, **more)


def run(name: str, hours: float, status: Object, **spec: Any) -> Object:
    """Return a run that began so many hours ago."""
    return {"metadata": meta(name, hours), "spec": {"replicationName": "prod-fanout", **spec}, "status": status}


def night() -> Object:
    """Return the run of the last slot."""
    status = {
        "phase": "PartiallyFailed",
        "message": f"qa: {HELD}",
        "startTime": at(9.23),
        "completionTime": at(9.1),
        "duration": "7m48s",
        "snapshotTime": at(9.2),
        "targetsSummary": "2/3",
        "dump": done(131),
        "targets": [
            done(288, name="dev"),
            done(301, name="staging"),
            step("Failed", name="qa", reason="TargetInUse", message=HELD),
        ],
        "conditions": [condition("Finished", "True", "TargetInUse", f"qa: {HELD}")],
    }
    return run(NIGHT, 9.24, status, slot=at(9.24))


def evening() -> Object:
    """Return the run of the slot before."""
    status = {
        "phase": "Succeeded",
        "startTime": at(33.23),
        "completionTime": at(33.1),
        "snapshotTime": at(33.2),
        "targetsSummary": "3/3",
        "dump": done(129),
        "targets": [done(280, name=name) for name in TARGETS],
        "conditions": [condition("Finished", "True", "AllTargetsLoaded")],
    }
    return run("prod-fanout-202611202300", 33.24, status, slot=at(33.24))


BY_HAND = "prod-fanout-now-k7x2m"


def by_hand(minutes: float, phase: str, dump: Object, load: Object, **more: Any) -> Object:
    """Return a run of target dev that began so many minutes ago."""
    begun = at(minutes / 60)
    status = {"phase": phase, "startTime": begun, "dump": dump, "targets": [{"name": "dev", **load}], **more}
    return run(BY_HAND, minutes / 60, status, targets=["dev"])


def moving(share: float, phase: str = "Data") -> Object:
    """Return a running step's progress."""
    progress = {
        "phase": phase,
        "tablesDone": int(42 * share),
        "tablesTotal": 42,
        "rowsDone": int(1_240_312 * share),
        "bytesDone": int(310_000_000 * share),
        "bytesTotal": 310_000_000,
        "bytesPerSecond": 2_400_000,
        "secondsLeft": int(129 * (1 - share)),
    }
    return step("Running", progress=progress)


def states() -> list[Object]:
    """Return the states of a run by hand, as a watch shows them."""
    waiting, ended = step("Waiting"), {"targetsSummary": "1/1", "completionTime": at(0), "duration": "4m29s"}
    finished = [condition("Finished", "True", "AllTargetsLoaded")]
    return [
        by_hand(0.1, "Dumping", step("Pending", reason="ContainerCreating"), waiting),
        by_hand(0.5, "Dumping", moving(0.12), waiting),
        by_hand(1.5, "Dumping", moving(0.58), waiting),
        by_hand(2.2, "Loading", done(131), step("Pending")),
        by_hand(3.1, "Loading", done(131), moving(0.41)),
        by_hand(4.4, "Loading", done(131), moving(1.0, "Indexes")),
        by_hand(4.5, "Succeeded", done(131), done(138), **ended, conditions=finished),
    ]


def subject(raw: Object, runs: Iterable[Object] = ()) -> Subject:
    """Return objects as the plugin reads them."""
    return Subject(READER.replication(raw), tuple(map(READER.run, runs)))


def the_replication() -> Subject:
    """Return the DataReplication with its runs, as the plugin reads them."""
    return subject(replication(), [evening(), night()])


def lines_of_a_run(runs: list[Run]) -> Page:
    """Return what `run --wait` writes where there is no terminal."""
    before: list[Run | None] = [None, *runs]
    changed = (progress.changes(old, new, NOW) for old, new in zip(before, runs, strict=False))
    return (*(one for many in changed for one in many), *verdict.page(runs[-1]))


def _run() -> Page:
    wish, found = Wish("Replicate", ("dev",)), the_replication()
    runs = [READER.run(raw) for raw in states()]
    return (*starting.page(found.one, runs[0], wish, is_waiting=True), *lines_of_a_run(runs))


def _rollback() -> Page:
    wish, found = Wish("Rollback", ("dev",)), the_replication()
    raw = {"metadata": meta("prod-fanout-back-f4q9z", 0), "spec": {"replicationName": "prod-fanout"}}
    made = starting.page(found.one, READER.run(raw), wish, is_waiting=False)
    return (*starting.before_rollback(found.one, wish.targets), *made)


LOG = (
    '{"time": "2026-11-21T23:07:41.002Z", "level": "info", "message": "connected", "server": "PostgreSQL 17.6"}',
    '{"time": "2026-11-21T23:07:41.610Z", "level": "info", "message": "progress", "progress": {"phase": "Schema", "tablesTotal": 42}}',
    '{"time": "2026-11-21T23:07:41.622Z", "level": "error", "message": "'
    + HELD.replace('"', '\\"')
    + '", "report": {}}',
)

SAMPLES: dict[str, Callable[[], Page]] = {
    "status": lambda: overview.several([the_replication().one], NOW, with_namespace=False),
    "status prod-fanout": lambda: overview.one(the_replication(), NOW),
    "why prod-fanout": lambda: why.page(the_replication(), why.answer(the_replication(), NOW)),
    "logs prod-fanout": lambda: tuple(map(logs.shown, LOG)),
    "run prod-fanout --target dev --wait": _run,
    "rollback prod-fanout --target dev --yes": _rollback,
    "history prod-fanout": lambda: history.page(the_replication(), NOW),
    "suspend prod-fanout": lambda: (line(starting.switched("prod-fanout", suspend=True)),),
    "report prod-fanout --file report.tar.gz": lambda: bundle.told(
        "report.tar.gz", 12, [bundle.without_operator("datareplication-system")]
    ),
}
"""A command as docs/kubectl-plugin.md shows it -> what it answers."""


def shown(command: str) -> str:
    """Return what a command of the documents prints where there is no terminal."""
    return on_paper(SAMPLES[command]()).rstrip("\n")
