"""What is remembered of objects: nothing of a connection, and never more than there is room."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datareplication.core.board.answers import as_json
from datareplication.core.board.gathering import RUNS_LIMIT, Gathering, Room
from datareplication.core.judgement.reading import Reader
from support import boards
from support.boards import NOW, Made, Object

READER = Reader()

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
SPEC = (
    "schedule",
    "freshnessSeconds",
    "targets",
    "description",
    "tags",
    "suspend",
    "replicationName",
    "slot",
    "action",
)
STATUS = ("phase", "message", "targets", "conditions", "dump", "lastFailure", "nextScheduleTime", "startTime")
METADATA = {"name": "orders", "namespace": "shop", "uid": "u", "resourceVersion": "1"}


@given(
    spec=st.dictionaries(st.sampled_from(SPEC), ANY_JSON) | ANY_JSON,
    status=st.dictionaries(st.sampled_from(STATUS), ANY_JSON) | ANY_JSON,
)
def test_whatever_an_object_holds_it_can_be_remembered_and_told(spec: Any, status: Any) -> None:
    raw = {"metadata": METADATA, "spec": spec, "status": status}
    for told in (READER.replication(raw), READER.run(raw)):
        json.dumps(as_json(told), allow_nan=False).encode()


def objects(made: Made) -> tuple[Object, list[Object]]:
    held = boards.cluster_of([made]).objects
    (one,) = (raw for (kind, _, _), raw in held.items() if kind == "DataReplication")
    return one, [raw for (kind, _, _), raw in held.items() if kind == "DataReplicationRun"]


def test_nothing_of_a_connection_is_remembered() -> None:
    raw, runs = objects(Made("orders").ran(0))
    raw["spec"]["source"] = {"host": "prod-db.secret.example", "database": "crown", "port": 5432}
    runs[0]["spec"]["replication"] = raw["spec"]
    told = json.dumps([as_json(READER.replication(raw)), as_json(READER.run(runs[0]))])
    assert [word for word in ("secret.example", "crown", "dev-db", "credentials", "5432") if word in told] == []


def test_text_of_others_is_made_plain_and_cut() -> None:
    raw, runs = objects(Made("orders").ran(0, dump=("Evil\u202ereason", "a\u202e\nb" + "x" * 10_000)))
    raw["spec"]["description"] = "one\ntwo\u2066"
    run = READER.run(runs[0])
    assert READER.replication(raw).description == "one two\ufffd"
    assert (run.steps[0].reason, run.steps[0].message[:5], len(run.steps[0].message)) == (
        "Evilreason",
        "a\ufffd bx",
        2000,
    )


def test_the_last_runs_are_kept_and_those_at_work() -> None:
    made = Made("orders", targets=("dev",)).runs_now(dump={})
    made.runs[0]["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"
    for day in range(30, -1, -1):
        made.ran(day)
    raw, runs = objects(made)
    gathering = Gathering(Room())
    gathering.keep_replication(raw)
    for run in (*runs[::2], *runs[1::2]):
        assert gathering.keep_run(run) == {}
    (subject,) = gathering.subjects()
    names = {run.name for run in subject.runs}
    assert len(names) == RUNS_LIMIT
    assert {made.runs[0]["metadata"]["name"], f"orders-{NOW:%Y%m%d}0200"} <= names


def test_runs_of_no_data_replication_are_not_kept() -> None:
    _, runs = objects(Made("orders").ran(0))
    gathering = Gathering(Room())
    gathering.keep_run(runs[0])
    assert gathering.subjects() == ()


def test_beyond_the_room_things_are_left_out_and_that_is_told() -> None:
    room = Room(replications=2, bytes_left=12_000)
    gathering = Gathering(room)
    for name in ("a", "b", "c"):
        raw, runs = objects(Made(name, targets=("dev",)).ran(0, dump=("Transient", "x" * 300)))
        gathering.keep_replication(raw)
        gathering.keep_run(runs[0])
    kept = [(one.one.name, [run.is_whole for run in one.runs]) for one in gathering.subjects()]
    assert kept == [("a", [True]), ("b", [True])]
    raw, runs = objects(Made("b", targets=("dev",)).ran(1, dump=("Transient", "x" * 5000)))
    gathering.keep_run(runs[0])
    (_, cut) = gathering.subjects()[1].runs
    assert (cut.is_whole, cut.steps, len(cut.message)) == (False, (), 100)
    assert room.left_out == (
        "1 DataReplications are not shown; there is no room for them; "
        "1 runs are shown without their steps; there is no room for these"
    )


@pytest.mark.parametrize(("word", "whole"), [("x", 3), ("x\N{GRINNING FACE}", 1)])
def test_nor_do_many_messages_of_replications_fill_the_memory(word: str, whole: int) -> None:
    """In Python one emoji makes all characters of a text four times as wide."""
    room = Room(bytes_left=200_000)
    gathering = Gathering(room)
    for name in ("a", "b", "c", "d"):
        made = Made(name, targets=("dev", "qa"), spec={"description": word * 5000}).ran(0, dump=("Transient", "x"))
        raw, _ = objects(made)
        for held in raw["status"]["targets"]:
            held["message"] = word * 6000
        raw["status"]["conditions"] = [
            {**raw["status"]["conditions"][0], "type": f"C{number}", "message": word * 6000} for number in range(10)
        ]
        gathering.keep_replication(raw)
    kept = [subject.one for subject in gathering.subjects()]
    assert [one.name for one in kept if one.is_whole] == ["a", "b", "c", "d"][:whole]
    assert [(one.description, one.targets[0].message, one.conditions[0].message) for one in kept[whole:]] == [
        ("", "", "")
    ] * (4 - whole)
    assert f"{4 - whole} DataReplications are shown without their messages" in room.left_out
    again = Gathering(Room(), gathering.subjects())
    again.keep_replication(raw)
    assert again.subjects()[0].one.is_whole, "when there is room again"


def test_what_has_not_changed_is_not_read_again() -> None:
    raw, runs = objects(Made("orders").ran(0))
    first = Gathering(Room())
    first.keep_replication(raw)
    first.keep_run(runs[0])
    second = Gathering(Room(), first.subjects())
    second.keep_replication(raw)
    second.keep_run(runs[0])
    (before,), (after,) = first.subjects(), second.subjects()
    assert before.one is after.one
    assert before.runs[0] is after.runs[0]
    third = Gathering(Room(), first.subjects())
    third.keep_replication(raw | {"metadata": raw["metadata"] | {"resourceVersion": "99"}})
    assert third.subjects()[0].one is not before.one
