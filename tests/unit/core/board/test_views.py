"""What the board says of a DataReplication: the state of each target, why, what runs, the strip."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest

from datareplication.core import times
from datareplication.core.board.views import Activity, View, view
from datareplication.core.judgement.causes import Cause
from datareplication.core.judgement.facts import Run, Subject
from datareplication.core.judgement.problems import judge
from datareplication.core.judgement.reading import Reader
from support import boards
from support.boards import IN_USE, NOW, Made, condition

READER = Reader()


def seen(made: Made, now: Any = NOW) -> View:
    """Return what is shown of objects as the API has them."""
    cluster = boards.cluster_of([made])
    (raw,) = (one for (kind, _, _), one in cluster.objects.items() if kind == "DataReplication")
    runs = [READER.run(one) for (kind, _, _), one in cluster.objects.items() if kind == "DataReplicationRun"]
    return judged(raw, runs, now)


def judged(raw: Any, runs: Iterable[Run], now: Any = NOW) -> View:
    subject = Subject(READER.replication(raw), tuple(runs))
    return view(subject, judge(subject, now), now)


def daily(days: Iterable[int] = (2, 1, 0), **more: Any) -> Made:
    made = Made("orders", targets=("dev", "qa"), **more)
    for day in days:
        made.ran(day)
    return made


def sentences(shown: View) -> list[str]:
    return [problem.sentence for problem in shown.problems]


def test_a_daily_copy_in_order_has_no_problem() -> None:
    shown = seen(daily())
    assert sentences(shown) == []
    assert [(one.target.name, one.freshness, one.age_seconds, one.share) for one in shown.targets] == [
        ("dev", "fresh", 20_380, 20_380 / 93_600),
        ("qa", "fresh", 20_380, 20_380 / 93_600),
    ]
    assert (shown.health.ok, shown.health.stale, shown.health.failing, shown.health.running) == (
        True,
        False,
        False,
        False,
    )


def test_a_target_is_fresh_until_the_objective_ends_and_not_a_second_longer() -> None:
    made = daily()
    end = made.slot(0) + timedelta(seconds=20 + made.freshness_seconds)
    made.status["nextScheduleTime"] = times.to_text(end + timedelta(hours=1))
    assert [one.freshness for one in seen(made, end).targets] == ["fresh", "fresh"]
    late = seen(made, end + timedelta(seconds=1))
    assert [(one.freshness, one.over_seconds) for one in late.targets] == [("stale", 1)] * 2


def test_a_stale_target_whose_load_failed_says_why_and_what_to_do() -> None:
    made = daily((3, 2))
    made.ran(1, failed=("qa",), reason="TargetInUse", message=IN_USE)
    made.ran(0, failed=("qa",), reason="TargetInUse", message=IN_USE)
    (problem,) = seen(made).problems
    assert problem.sentence == "qa is stale because the last load failed."
    assert (problem.old, problem.young) == (("qa",), ())
    assert problem.cause == Cause(
        headline="the last load failed",
        reason="TargetInUse",
        message=IN_USE,
        meaning="The target has a prepared transaction, a replication slot or a subscription.",
        remedy="Remove it by the statement in the message.",
        kind="StepFailed",
        run="orders-202611300200",
        step="load",
    )
    assert problem.cause.since == NOW.replace(hour=2, minute=27)


def test_a_target_whose_load_failed_and_that_is_still_young_enough_is_no_stale_one() -> None:
    made = daily((2, 1), freshness_seconds=50 * 3600)
    made.ran(0, failed=("qa",), reason="TargetInUse", message=IN_USE)
    shown = seen(made)
    assert sentences(shown) == ["qa: the last load failed; its data is still fresh."]
    assert (shown.health.stale, shown.health.failing) == (False, True)


def test_a_failed_dump_is_one_problem_of_all_targets() -> None:
    made = daily((2, 1))
    made.ran(0, dump=("SnapshotTooOld", "held for 4h"))
    (problem,) = seen(made).problems
    assert problem.sentence == "dev and qa are stale because the last dump failed."
    assert (problem.cause.reason, problem.cause.message) == ("SnapshotTooOld", "held for 4h")


def test_the_status_alone_tells_of_a_run_that_is_gone() -> None:
    made = daily((2, 1))
    made.ran(0, failed=("qa",), reason="TargetInUse", message=IN_USE)
    made.runs.clear()
    (problem,) = seen(made).problems
    assert (problem.cause.kind, problem.cause.reason, problem.cause.message) == ("StepFailed", "LoadFailed", IN_USE)
    assert problem.cause.run == "orders-202611300200"
    assert [(mark.run, mark.symbol, mark.is_there) for mark in seen(made).last_runs] == [
        ("orders-202611290200", "✓", False),
        ("orders-202611300200", "◐", False),
    ]


NO_SCHEDULE: dict[str, Any] = {"spec": {"schedule": None}, "status": {"nextScheduleTime": None}}


@pytest.mark.parametrize(
    ("change", "sentence", "reason"),
    [
        pytest.param(
            {"spec": {"suspend": True}},
            "dev and qa are stale because the schedule is suspended.",
            "Suspended",
            id="suspended",
        ),
        pytest.param(
            NO_SCHEDULE,
            "dev and qa are stale because there is no schedule, and nobody has started a run since.",
            "OnDemand",
            id="by hand",
        ),
        pytest.param(
            {"status": {"nextScheduleTime": None}},
            "dev and qa are stale because the schedule has no further slot.",
            "Completed",
            id="ended",
        ),
        pytest.param(
            {"conditions": {"Held": condition("Held", "True", "DependsOnPast", "waits")}},
            "dev and qa are stale because a due slot waits.",
            "DependsOnPast",
            id="held",
        ),
        pytest.param(
            {"conditions": {"Stalled": condition("Stalled", "True", "BadCron", "'x' cannot be read")}},
            "dev and qa are stale because the spec cannot be carried out.",
            "BadCron",
            id="invalid",
        ),
        pytest.param(
            {"status": {"nextScheduleTime": "2026-11-30T02:00:00Z"}},
            "dev and qa are stale because the slot of 2026-11-30T02:00:00Z was not run.",
            "SlotNotRun",
            id="the operator sleeps",
        ),
        pytest.param(
            {"status": {"nextScheduleTime": "2026-12-06T02:00:00Z"}},
            "dev and qa are stale because the schedule leaves more time between runs than the objective allows.",
            "",
            id="a weekly schedule with a daily objective",
        ),
        pytest.param({}, "dev and qa are stale because the schedule leaves more time between runs than the objective allows.", "", id="days without runs"),
    ],
)  # fmt: skip
def test_data_may_be_old_although_nothing_failed(change: dict[str, Any], sentence: str, reason: str) -> None:
    made = daily((5, 4))
    for name, value in change.items():
        setattr(made, name, getattr(made, name) | value)
    (problem,) = seen(made).problems
    assert (problem.sentence, problem.cause.reason) == (sentence, reason)


def test_a_target_that_was_added_and_not_loaded_by_the_next_run_is_told() -> None:
    made = daily()
    del made.held["qa"]
    (problem,) = seen(made).problems
    assert problem.sentence == "qa is without data because no run has loaded it."


def test_a_new_resource_is_not_yet_stale() -> None:
    made = Made("orders", targets=("dev",), status={"nextScheduleTime": "2026-12-01T02:00:00Z"})
    cluster = boards.cluster_of([made])
    raw = cluster.objects["DataReplication", "shop", "orders"]
    raw["metadata"]["creationTimestamp"] = "2026-11-30T07:00:00Z"
    shown = judged(raw, ())
    assert ([one.freshness for one in shown.targets], sentences(shown), shown.health.ok) == (["empty"], [], True)
    later = judged(raw, (), NOW + timedelta(hours=27))
    assert [one.freshness for one in later.targets] == ["never"]


def test_data_that_came_back_from_no_snapshot_has_no_age() -> None:
    made = daily()
    del made.held["qa"]["dataTime"]
    shown = seen(made)
    assert [(one.freshness, one.share) for one in shown.targets if one.target.name == "qa"] == [("unknown", None)]
    assert sentences(shown)[0].startswith("qa is of unknown age because ")


def test_a_load_at_work_is_shown_with_its_progress() -> None:
    progress = {
        "phase": "Data", "tablesDone": 3, "tablesTotal": 12, "bytesDone": 250, "bytesTotal": 1000,
        "bytesPerSecond": 10, "secondsLeft": 75, "time": "2026-11-30T07:39:54Z",
    }  # fmt: skip
    made = Made("orders", targets=("qa",)).ran(2).ran(1)
    shown = seen(made.runs_now(load={"qa": progress}))
    assert shown.activities == (
        Activity(
            run="orders-202611300726",
            what="load of qa",
            phase="Running",
            doing="copying rows",
            attempts=1,
            share=0.25,
            tables_done=3,
            tables_total=12,
            rows_done=0,
            bytes_done=250,
            bytes_total=1000,
            bytes_per_second=10,
            seconds_left=75,
            message="",
            retry_time=None,
            seen_at=NOW - timedelta(seconds=6),
        ),
    )
    assert (shown.health.running, shown.last_runs[-1].symbol) == (True, "▸")
    assert sentences(shown) == ["qa is stale because run orders-202611300726 is still at work."]


def test_a_run_that_has_not_begun_waits() -> None:
    made = daily((2, 1)).runs_now(dump={})
    run = made.runs[-1]
    run["status"] = {"phase": "Pending", "message": "waits until run orders-now has ended"}
    shown = seen(made)
    assert (shown.health.running, shown.health.waiting, shown.activities) == (False, True, ())
    (problem,) = shown.problems
    assert problem.cause.message == "waits until run orders-now has ended"


def test_a_dump_may_have_more_to_do_than_the_last_one() -> None:
    progress = {"phase": "Data", "bytesDone": 1500, "bytesTotal": 1000}
    (found,) = seen(daily((1,)).runs_now(dump=progress)).activities
    assert (found.what, found.share) == ("dump", 1.0)


def test_a_run_that_gave_its_place_to_a_later_one_has_not_failed() -> None:
    made = daily()
    made.conditions["LastRunSucceeded"] = condition("LastRunSucceeded", "False", "Replaced", "run x was replaced")
    assert seen(made).health.ok


def test_a_volume_that_could_not_grow_is_a_problem_of_its_own() -> None:
    made = daily()
    made.conditions["VolumeNotGrown"] = condition("VolumeNotGrown", "True", "ExpansionRefused", "forbidden")
    assert sentences(seen(made)) == ["The volume could not be grown."]
    assert seen(made).health.failing


def test_a_clock_that_is_behind_makes_no_age_below_nothing() -> None:
    assert [one.age_seconds for one in seen(daily(), NOW - timedelta(days=9)).targets] == [0, 0]


def test_the_strip_has_the_last_ten_runs() -> None:
    shown = seen(daily(range(14, -1, -1)))
    assert [mark.run[-12:] for mark in shown.last_runs] == [f"{NOW - timedelta(days=day):%Y%m%d}0200" for day in range(9, -1, -1)]  # fmt: skip


def test_a_run_without_room_for_its_steps_is_told_as_far_as_it_is_known() -> None:
    made = daily((2, 1))
    made.ran(0, failed=("dev", "qa"), reason="TargetInUse", message=IN_USE)
    cluster = boards.cluster_of([made])
    runs = [READER.run(one).without_steps() for (kind, _, _), one in cluster.objects.items() if "Run" in kind]
    (problem,) = judged(cluster.objects["DataReplication", "shop", "orders"], runs).problems
    assert problem.sentence == "dev and qa are stale because the last load failed."
    assert problem.cause.message == IN_USE
