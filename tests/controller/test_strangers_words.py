"""A pod, a Job and an Event that say anything at all, before a whole reconcile: their run goes on, and the others'."""

import asyncio
import io
import json
import logging
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datareplication.controller import logs
from datareplication.controller.cluster import EVENT, POD, RUN, Object
from datareplication.core import names, times
from support.world import DUMPED, NAME, NAMESPACE, World, manual_run, spec

CONTROL = "\x00\x1b[2J\x7f\x85\u2028\u202e\ud800\r\n"
DUMP = "now-dump"
PERMANENT, TRANSIENT = 65, 75

WORDS = st.text(max_size=30) | st.sampled_from([CONTROL, "", "abc", "x" * 5000, "[" * 4000, "9" * 5000])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=5,
)
FIELDS = st.dictionaries(
    st.sampled_from(["reason", "message", "rows", "bytes", "tables", "snapshotTime", "lsn", "durationSeconds", "notCarried", "phase", "note", "noteReason", "rowsDone", "secondsLeft"]),
    JSON,
)  # fmt: skip
MESSAGES = WORDS | FIELDS.map(lambda fields: json.dumps({"outcome": "Succeeded", "phase": "Data"} | fields))
TIMES = WORDS | st.sampled_from(["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-03-01T12:00:30Z"])
ANNOTATIONS = st.fixed_dictionaries(
    {},
    optional={
        names.RETRY_AT_ANNOTATION: TIMES,
        names.DELAYED_ANNOTATION: WORDS | st.sampled_from(["-1", "1", "²"]),
        names.STOPPED_ANNOTATION: WORDS,
    },
)


def texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [part for inner in value.values() for part in texts(inner)]
    if isinstance(value, list):
        return [part for inner in value for part in texts(inner)]
    return [value] if isinstance(value, str) else []


def told(world: World) -> list[Object]:
    """Return all that the operator has written for people."""
    return [
        world.run_status("now"),
        world.status,
        *({"message": one["message"]} for one in world.cluster.of_kind(EVENT)),
    ]


def end_pod(world: World, message: str, code: int) -> None:
    pod = world.cluster.of_kind(POD)[0]
    ended = {"exitCode": code, "reason": CONTROL, "message": message, "finishedAt": times.to_text(world.clock())}
    statuses = [{"name": "dump", "state": {"terminated": ended}}]
    phase = "Failed" if code else "Succeeded"
    world.cluster.put(POD, {**pod, "status": {"phase": phase, "containerStatuses": statuses}})
    final = {"type": "Failed", "status": "True", "reason": message, "message": message}
    conditions = [{**final, "lastTransitionTime": times.to_text(world.clock())}] if code == PERMANENT else []
    world.job(DUMP)["status"] = {"active": 0, "failed": int(bool(code)), "conditions": conditions}


async def spoken_to(message: str, code: int, annotations: dict[str, str], *, suspend: bool) -> World:
    """A run whose dump's log, Job and pod say that, in turn."""
    world = World(spec(schedule=None))
    world.cluster.put(RUN, manual_run("now"))
    await world.settle()
    world.jobs.start(world.job(DUMP))
    world.cluster.logs[f"{DUMP}-0"] = [message, json.dumps({"progress": message})]
    await world.reconcile()
    world.job(DUMP)["metadata"]["annotations"] = annotations
    world.job(DUMP)["spec"]["suspend"] = suspend
    await world.reconcile()
    end_pod(world, message, code)
    await world.settle(6)
    return world


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    message=MESSAGES, code=st.sampled_from([0, PERMANENT, TRANSIENT]), annotations=ANNOTATIONS, suspend=st.booleans()
)
def test_nothing_that_a_pod_or_a_job_says_stops_its_run(
    message: str, code: int, annotations: dict[str, str], *, suspend: bool
) -> None:
    world = asyncio.run(spoken_to(message, code, annotations, suspend=suspend))
    for written in told(world):
        json.dumps(written, allow_nan=False).encode()
        assert all(text.isprintable() for text in texts(written))
    step = world.run_status("now")["dump"]
    if code != TRANSIENT and not suspend:
        assert step["phase"] == ("Failed" if code else "Succeeded")
    before = list(world.cluster.writes)
    asyncio.run(world.settle())
    assert world.cluster.writes == before, "what is written is read as it was written"


@settings(max_examples=30, deadline=None)
@given(words=WORDS, moment=TIMES)
def test_no_event_of_a_stranger_stops_its_run(words: str, moment: str) -> None:
    async def play() -> World:
        world = World(spec(schedule=None))
        world.cluster.put(RUN, manual_run("now"))
        await world.settle()
        world.job(DUMP)["status"] = {"startTime": times.to_text(world.clock())}
        event = {"reason": "FailedCreate", "message": words, "lastTimestamp": moment}
        metadata = {"name": "e", "namespace": NAMESPACE}
        world.cluster.put(EVENT, {"metadata": metadata, "involvedObject": {"kind": "Job", "name": DUMP}, **event})
        world.clock.advance(seconds=30)
        await world.settle()
        world.finish(DUMP, DUMPED)
        await world.settle()
        return world

    world = asyncio.run(play())
    assert world.run_status("now")["phase"] == "Loading"
    assert all(text.isprintable() for text in texts(world.run_status("now")))


async def test_a_status_that_a_stranger_wrote_stops_nothing() -> None:
    world = World(spec(schedule=None))
    raw = manual_run("now")
    raw["status"] = {"startTime": "9999-12-31T23:59:59-14:00", "message": CONTROL, "node": CONTROL}
    world.cluster.put(RUN, raw)
    await world.settle()
    world.cluster.put(RUN, manual_run("later"))
    await world.settle()
    assert all(text.isprintable() for text in texts(world.run_status("now")))
    assert world.run_status("now")["phase"] == "Failed"  # it says that it has begun, and nobody has completed it
    assert world.run_status("later")["phase"] == "Dumping"
    assert world.status["activeRuns"] == ["later"]


@pytest.mark.parametrize("begun", ["abc", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z", CONTROL])
async def test_a_beginning_that_nobody_can_read_is_none(begun: str) -> None:
    world = World()
    await world.settle()
    world.make_due()
    await world.settle()
    run = world.cluster.peek(RUN, NAMESPACE, f"{NAME}-202603020000")
    run["metadata"]["annotations"] = {names.BEGUN_ANNOTATION: begun}
    await world.settle()
    assert world.run_status(run["metadata"]["name"])["phase"] == "Dumping"


def logged(formatter: logging.Formatter) -> list[str]:
    """Return the lines of two records, both with text of strangers."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logger = logging.getLogger("test_strangers_words")
    logger.setLevel("INFO")
    logger.addHandler(handler)
    logger.info("refused: %s", "no\n2026-01-01 INFO all is well \x1b[2J\u202e")
    logger.info("unexpected", exc_info=ValueError("no\r\x1b[2J\u2028"))
    logger.removeHandler(handler)
    return stream.getvalue().rstrip("\n").split("\n")


def test_a_log_line_of_json_holds_what_was_said() -> None:
    lines = logged(logs.json_lines())
    assert all(line.isprintable() and line.isascii() for line in lines)
    refused, unexpected = map(json.loads, lines)
    assert refused["message"] == "refused: no\n2026-01-01 INFO all is well \x1b[2J\u202e"
    assert (refused["level"], refused["logger"]) == ("INFO", "test_strangers_words")
    assert datetime.fromisoformat(refused["time"]).utcoffset() == timedelta(0)
    assert unexpected["exception"].startswith("ValueError: no")


def test_a_log_line_is_one_line_that_shows_what_it_is() -> None:
    lines = logged(logs.Lines(logs.FORMAT))
    assert lines[0].endswith("refused: no 2026-01-01 INFO all is well \ufffd[2J\ufffd")
    assert all(line.isprintable() for line in lines)
