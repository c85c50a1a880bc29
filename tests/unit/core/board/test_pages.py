"""Which DataReplications are on a page, in which order, and what a query can ask for."""

from collections.abc import Iterable
from datetime import timedelta

import pytest

from datareplication.core.board import pages, query
from datareplication.core.board.answers import as_json, of_board
from datareplication.core.board.pages import Board, Seen
from datareplication.core.board.query import Query
from datareplication.core.judgement.facts import Subject
from datareplication.core.judgement.reading import Reader
from support import boards
from support.boards import NOW, Made


def seen(made: Iterable[Made]) -> Seen:
    cluster = boards.cluster_of(made)
    runs = [Reader().run(raw) for (kind, _, _), raw in cluster.objects.items() if kind == "DataReplicationRun"]
    found = [Reader().replication(raw) for (kind, _, _), raw in cluster.objects.items() if kind == "DataReplication"]
    subjects = [
        Subject(one, tuple(run for run in runs if (run.namespace, run.replication) == (one.namespace, one.name)))
        for one in found
    ]
    return Seen(tuple(subjects), NOW)


def shown(known: Seen, asked: Query) -> Board:
    """Return a page, and make sure that it is built in steps."""
    steps = pages.board(known, asked, NOW)
    while True:
        try:
            next(steps)
        except StopIteration as done:
            found: Board = done.value
            return found


def names(board: Board) -> tuple[list[tuple[str, list[str]]], list[tuple[str, list[str]]]]:
    """Return the names on a page by namespace: those that need attention, and the others."""
    parts = [[(group.namespace, [one.one.name for one in group.views]) for group in groups] for groups in (board.attention, board.in_order)]  # fmt: skip
    return parts[0], parts[1]


TEAM = seen(boards.team())


def test_what_needs_attention_comes_first_by_namespace_the_worst_in_it_first() -> None:
    board = shown(TEAM, Query())
    assert names(board) == (
        [("analytics", ["sessions", "events"]), ("shop", ["orders", "billing"])],
        [("platform", ["accounts"]), ("shop", ["catalog"])],
    )
    assert board.counts == {
        "attention": 4, "stale": 4, "failing": 2, "running": 1, "waiting": 0, "suspended": 1, "ok": 2,
    }  # fmt: skip
    assert (board.total, board.found, board.namespaces) == (6, 6, ("analytics", "platform", "shop"))


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        pytest.param({"namespace": "shop"}, {"orders", "billing", "catalog"}, id="a namespace"),
        pytest.param({"namespace": "sho"}, set(), id="a part of a namespace's name"),
        pytest.param({"state": "suspended"}, {"events"}, id="a state"),
        pytest.param({"state": "ok", "namespace": "shop"}, {"catalog"}, id="both"),
        pytest.param({"text": "MASKED"}, {"orders"}, id="a tag"),
        pytest.param({"text": "customers"}, {"orders"}, id="a word of the description"),
        pytest.param({"text": "notebooks"}, {"sessions"}, id="a target"),
        pytest.param({"text": "shop cat"}, {"catalog"}, id="several words"),
        pytest.param({"text": "nothing of the kind"}, set(), id="nothing"),
        pytest.param({"state": "nonsense", "page": "-3"}, {"orders", "billing", "catalog", "events", "sessions", "accounts"}, id="nonsense counts as not given"),
    ],
)  # fmt: skip
def test_a_query_leaves_out_what_it_does_not_ask_for(asked: dict[str, str], found: set[str]) -> None:
    board = shown(TEAM, query.read(asked))
    parts = (*board.attention, *board.in_order)
    assert {one.one.name for group in parts for one in group.views} == found
    assert (board.found, board.total) == (len(found), 6)


def test_many_are_shown_page_by_page_without_losing_one() -> None:
    known = seen(Made(f"r{number:03}", namespace=f"n{number % 7}").ran(0) for number in range(60))
    found = [shown(known, Query(page=page)) for page in (1, 2, 3)]
    listed = [one.one.name for board in found for group in board.in_order for one in group.views]
    assert (len(listed), len(set(listed)), found[0].pages) == (60, 60, 3)
    assert [sum(len(group.views) for group in board.in_order) for board in found] == [25, 25, 10]
    beyond = shown(known, Query(page=99_999))
    assert (beyond.page, names(beyond)) == (3, names(found[2]))


@pytest.mark.parametrize("page", ["0", "-1", "x", "²", "9" * 5000, "1.5", ""])
def test_a_page_that_is_no_number_is_the_first(page: str) -> None:
    assert query.read({"page": page}).page == 1


def test_an_address_has_only_what_differs_and_another_filter_begins_at_the_first_page() -> None:
    asked = query.read({"namespace": "a&b", "page": "3", "reload": "off"})
    assert asked.address() == "?namespace=a%26b&page=3&reload=off"
    assert asked.address(page=4, reloads=True) == "?namespace=a%26b&page=4"
    assert asked.address(state="stale") == "?namespace=a%26b&state=stale&reload=off"
    assert Query().address() == "?"


def test_a_query_of_a_stranger_is_cut() -> None:
    assert len(query.read({"text": "x" * 10_000}).text) == query.TEXT_LIMIT


def test_the_page_of_one_has_its_runs_the_newest_first() -> None:
    found = pages.detail(TEAM, "shop", "orders", NOW)
    assert found is not None
    assert [run.name[-12:] for run in found.runs][:2] == ["202611300200", "202611290200"]
    assert pages.detail(TEAM, "shop", "nobody", NOW) is None


def test_the_json_has_the_same_content_in_the_resources_spelling() -> None:
    told = as_json(shown(TEAM, Query(state="failing", namespace="shop")))
    assert (told["now"], told["seen"], told["found"], told["counts"]["stale"]) == (
        "2026-11-30T07:40:00Z",
        {"at": "2026-11-30T07:40:00Z", "outages": [], "leftOut": ""},
        1,
        4,
    )
    (one,) = told["attention"][0]["views"]
    assert (one["namespace"], one["name"], one["nextScheduleTime"]) == ("shop", "orders", "2026-12-01T02:00:00Z")
    assert one["health"] == {"stale": True, "failing": True, "running": False, "waiting": False, "suspended": False}
    qa = one["targets"][2]
    assert (qa["name"], qa["freshness"], qa["ageSeconds"], qa["objectiveSeconds"]) == ("qa", "stale", 279_580, 93_600)
    assert (qa["cause"]["reason"], one["problems"][0]["old"]) == ("TargetInUse", ["qa"])
    detail = as_json(pages.detail(TEAM, "shop", "orders", NOW))
    assert (detail["name"], detail["runs"][0]["steps"][0]["rows"], "version" in detail) == ("orders", 4_210_332, False)


def test_the_json_of_many_is_made_in_steps_and_is_the_same() -> None:
    board = shown(TEAM, Query())
    steps, told = 0, None
    made = of_board(board)
    while told is None:
        try:
            next(made)
            steps += 1
        except StopIteration as done:
            told = done.value
    assert (steps, told) == (6, as_json(board))


def test_building_a_page_of_many_lets_others_have_their_turn() -> None:
    known = seen(Made(f"r{number:03}", targets=("dev",)).ran(0) for number in range(200))
    steps = sum(1 for _ in pages.board(known, Query(), NOW + timedelta(days=3)))
    assert steps == 200 // pages.STEP + pages.PAGE_SIZE
